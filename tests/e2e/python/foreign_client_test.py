"""Two users of a running Parley, through a client that shares no code and no library with it.
Arguments: HOST:PORT PIN. Registers users of its own; what it leaves behind is theirs."""

import os
import struct
import sys
import time
import unittest

import parley_channel as channel
from parley_client import (CUSTOM, MESSAGE, MOBILE, PC, RECEIPT, Broken, Client, Closed, Conversation,
                           Refused, direct_conversation, new_client_id, new_device)
from parley_messages import c2c, login

HOST = PORT = PIN = None  # set by main
PASSWORD = "correct horse battery"


def connect():
    return Client(HOST, PORT, PIN)


class Person:
    """A registered user with one device, connected."""

    def __init__(self, test, name, device_class=PC):
        self.name = f"{name}-{os.urandom(6).hex()}"
        self.device = new_device(device_class)
        self.test = test
        self.client = None
        self.tokens = None
        with connect() as client:
            self.user = client.register(self.name, PASSWORD)
        self.log_in()

    def log_in(self):
        self.arrive(lambda c: c.login_password(self.name, PASSWORD, self.device))

    def resume(self):
        self.arrive(lambda c: c.login_resume(self.tokens.device_token, self.device))

    def arrive(self, log_in):
        self.client = connect()
        self.test.addCleanup(self.client.disconnect)
        self.tokens = log_in(self.client)
        self.test.assertEqual(self.tokens.user, self.user)

    def leave(self):
        self.client.disconnect()


class TestCase(unittest.TestCase):
    def assert_refused(self, name, call, *arguments, **named):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **named)
        self.assertEqual(caught.exception.name, name)

    def assert_alive(self, client):
        client.ping()


class ServerKey(TestCase):
    def test_of_another_server_is_refused_by_both_sides(self):
        other = channel.key_pair(os.urandom(32)).public.data
        with self.assertRaises(Broken):
            Client(HOST, PORT, channel.Pin(PIN.key_id, other))

    def test_with_an_id_that_the_server_does_not_have_is_refused(self):
        with self.assertRaises(Broken):
            Client(HOST, PORT, channel.Pin(PIN.key_id ^ 0x7000, PIN.public))


class Login(TestCase):
    def setUp(self):
        self.alice = Person(self, "alice")

    def test_taken_name_is_a_conflict_also_in_other_case(self):
        with connect() as client:
            self.assert_refused("conflict", client.register, self.alice.name, PASSWORD)
            self.assert_refused("conflict", client.register, self.alice.name.upper(), PASSWORD)

    def test_wrong_password_and_unknown_name_look_alike(self):
        with connect() as client:
            self.assert_refused("refused", client.login_password, self.alice.name, "wrong horse",
                                new_device())
            self.assert_refused("refused", client.login_password, "nobody-" + os.urandom(6).hex(),
                                PASSWORD, new_device())

    def test_nothing_but_login_is_answered_before_it(self):
        with connect() as client:
            self.assert_refused("unauthenticated", client.send, direct_conversation(1, 2), b"x")
            self.assert_refused("unauthenticated", client.conversations)

    def test_unknown_verb_and_the_gateways_verb_are_unsupported(self):
        for verb in (0x0701, 0x7F7F):
            self.assert_refused("unsupported", self.alice.client.request, verb,
                                login.LogoutRequest(), login.LogoutReply)

    def test_token_returns_quickly_but_not_on_another_device(self):
        token = self.alice.tokens.access_token
        self.assertEqual(len(token), 32)
        self.alice.leave()
        with connect() as client:
            self.assert_refused("refused", client.login_token, token, new_device())
        with connect() as client:
            reply = client.login_token(token, self.alice.device)
            self.assertEqual(reply.user, self.alice.user)
            self.assertEqual(reply.device_token, b"")

    def test_resume_replaces_the_device_token_and_may_be_repeated(self):
        old = self.alice.tokens.device_token
        self.alice.leave()
        self.alice.resume()
        new = self.alice.tokens.device_token
        self.assertEqual(len(new), 32)
        self.assertNotEqual(old, new)
        self.alice.leave()
        with connect() as client:  # as if the reply had been lost
            self.assertEqual(client.login_resume(old, self.alice.device).device_token, new)

    def test_newer_login_of_the_same_class_replaces_the_older(self):
        older = self.alice.client
        self.alice.device = new_device(PC)
        self.alice.log_in()
        end = older.wait_closed()
        self.assertIsInstance(end, Closed)
        self.assertEqual(end.reason, "replaced")
        self.assert_alive(self.alice.client)

    def test_logout_ends_the_connection_and_the_tokens(self):
        tokens = self.alice.tokens
        self.alice.client.logout()
        self.assertIsInstance(self.alice.client.wait_closed(), (Closed, Broken))
        with connect() as client:
            self.assert_refused("refused", client.login_resume, tokens.device_token,
                                self.alice.device)
            self.assert_refused("refused", client.login_token, tokens.access_token,
                                self.alice.device)

    def test_find_gives_who_exists(self):
        found = self.alice.client.find(self.alice.name, "nobody-" + os.urandom(6).hex())
        self.assertEqual([(p.user, p.name) for p in found], [(self.alice.user, self.alice.name)])


class Conversations(TestCase):
    def setUp(self):
        self.alice = Person(self, "alice")
        self.bob = Person(self, "bob")
        self.target = direct_conversation(self.alice.user, self.bob.user)

    def tell(self, body):
        """Alice's message, and what bob is told of it, unasked, from the moment of his login."""
        client_id = new_client_id()
        ack = self.alice.client.send(self.target, body, client_id)
        entry = self.bob.client.wait_notice(MESSAGE, self.target, 5).entry
        self.assertEqual((entry.seq, entry.sender, entry.client_id, entry.body, entry.time_ms),
                         (ack.seq, self.alice.user, client_id, body, ack.time_ms))
        return entry

    def test_message_is_acked_and_told(self):
        self.assertEqual(self.tell("héllo".encode()).seq, 1)
        self.assertEqual(self.tell(b"again").seq, 2)

    def test_both_directions_share_one_order(self):
        log = Conversation(self.target)
        for number in range(1, 7):
            sender = (self.alice, self.bob)[number % 2].client
            self.assertEqual(sender.send(self.target, b"m%d" % number).seq, number)
        log.catch_up(self.alice.client, 6)
        self.assertEqual([e.body for e in log.entries], [b"m%d" % n for n in range(1, 7)])

    def test_sending_again_gives_the_same_ack_and_no_second_entry(self):
        client_id = new_client_id()
        ack = self.alice.client.send(self.target, b"once", client_id)
        self.assertEqual(self.alice.client.send(self.target, b"once", client_id), ack)
        self.alice.leave()
        self.alice.resume()
        self.assertEqual(self.alice.client.send(self.target, b"once", client_id), ack)
        self.assertEqual(len(self.bob.client.pull(self.target, 1, 100)), 1)

    def test_same_id_with_another_body_or_kind_is_a_conflict(self):
        client_id = new_client_id()
        self.alice.client.send(self.target, b"one", client_id)
        self.assert_refused("conflict", self.alice.client.send, self.target, b"two", client_id)
        self.assert_refused("conflict", self.alice.client.send, self.target, b"one", client_id,
                            CUSTOM)

    def test_receipts_move_ticks_forward_only(self):
        for _ in range(3):
            self.tell(b"x")
        reply = self.bob.client.receipt(self.target, received=2)
        self.assertEqual((reply.received, reply.read), (2, 0))
        told = self.alice.client.wait_notice(RECEIPT, self.target)
        self.assertEqual((told.user, told.received, told.read), (self.bob.user, 2, 0))
        reply = self.bob.client.receipt(self.target, read=99)
        self.assertEqual((reply.received, reply.read), (3, 3))
        reply = self.bob.client.receipt(self.target, received=1, read=1)
        self.assertEqual((reply.received, reply.read), (3, 3))
        mine = self.alice.client.conversations()[self.target]
        self.assertEqual((mine.head, mine.peer_received, mine.peer_read), (3, 3, 3))

    def test_who_was_away_finds_everything_by_its_numbers(self):
        log = Conversation(self.target)
        log.apply(self.bob.client, self.tell(b"first"))
        self.bob.leave()
        for number in range(5):
            self.alice.client.send(self.target, b"while away %d" % number)
        self.bob.resume()
        log.catch_up(self.bob.client, self.bob.client.conversations()[self.target].head)
        self.assertEqual(log.last, 6)
        self.assertEqual(log.entries[-1].body, b"while away 4")

    def test_missed_notice_is_a_gap_that_is_pulled(self):
        log = Conversation(self.target)
        notices = [self.tell(b"%d" % number) for number in range(3)]
        for entry in (notices[2], notices[0], notices[1]):  # two missing at first, then too late
            log.apply(self.bob.client, entry)
        self.assertEqual([e.body for e in log.entries], [b"0", b"1", b"2"])

    def test_requests_may_be_sent_without_waiting(self):
        requests = [c2c.SendRequest(client_id=new_client_id(), kind=1, body=b"%d" % n)
                    for n in range(10)]
        numbers = [self.alice.client.start("c2c.send", r, self.target) for r in requests]
        seqs = [self.alice.client.finish(n, c2c.SendReply).seq for n in numbers]
        self.assertEqual(seqs, list(range(1, 11)))

    def test_history_goes_backwards_in_pages(self):
        for number in range(5):
            self.alice.client.send(self.target, b"%d" % number)
        newest = self.bob.client.history(self.target, 0, 2)
        self.assertEqual([e.seq for e in newest.entries], [4, 5])
        self.assertTrue(newest.more)
        rest = self.bob.client.history(self.target, 4, 200)
        self.assertEqual([e.seq for e in rest.entries], [1, 2, 3])
        self.assertFalse(rest.more)
        self.assertEqual(rest.head, 5)

    def test_other_device_of_the_sender_is_told_too(self):
        phone = connect()
        self.addCleanup(phone.disconnect)
        phone.login_password(self.alice.name, PASSWORD, new_device(MOBILE))
        self.tell(b"from the PC")
        entry = phone.wait_notice(MESSAGE, self.target).entry
        self.assertEqual((entry.sender, entry.body), (self.alice.user, b"from the PC"))
        # Notices of another kind may come at any time.
        told = [frame for frame in self.alice.client.notices if frame.verb == MESSAGE]
        self.assertFalse(told, "the device that sent it was told")

    def test_conversation_of_others_is_not_found(self):
        carol = Person(self, "carol")
        self.alice.client.send(self.target, b"private")
        for call in (lambda: carol.client.send(self.target, b"x"),
                     lambda: carol.client.pull(self.target, 1, 1),
                     lambda: carol.client.history(self.target, 0, 10),
                     lambda: carol.client.receipt(self.target, read=1)):
            self.assert_refused("not_found", call)

    def test_conversation_before_its_first_message_is_empty(self):
        client = self.alice.client
        self.assertNotIn(self.target, client.conversations())
        self.assertEqual(client.pull(self.target, 1, 10), [])
        self.assertEqual(client.history(self.target, 0, 10).head, 0)
        self.assert_refused("not_found", client.receipt, self.target, received=1)

    def test_conversation_with_nobody_or_oneself_is_not_found(self):
        me = self.alice.user
        for target in (direct_conversation(me, 2**31 - 1), me * 2**31 + me, me, 0, 2**64 - 1):
            self.assert_refused("not_found", self.alice.client.send, target, b"x")

    def test_malformed_messages_are_refused_and_change_nothing(self):
        send = self.alice.client.send
        self.assert_refused("bad_request", send, self.target, b"x", b"fifteen bytes..")
        self.assert_refused("bad_request", send, self.target, b"")
        self.assert_refused("bad_request", send, self.target, b"nul \0 inside")
        self.assert_refused("bad_request", send, self.target, b"\xc3")
        self.assert_refused("bad_request", send, self.target, b"x", None, 0)
        self.assert_refused("too_large", send, self.target, b"x" * 16385)
        self.assertEqual(send(self.target, b"x" * 16384).seq, 1)


class ChannelRules(TestCase):
    def setUp(self):
        self.alice = Person(self, "alice")

    def test_rekey_at_any_time_goes_unnoticed(self):
        for _ in range(3):
            self.alice.client.channel.rekey()
            self.assert_alive(self.alice.client)

    def test_forged_record_ends_the_connection(self):
        self.alice.client.channel.send_raw(struct.pack("<H", 40) + os.urandom(40))
        self.assertIsInstance(self.alice.client.wait_closed(), (Closed, Broken))

    def test_frame_of_the_servers_kind_ends_the_connection(self):
        self.alice.client.channel.send(channel.NOTICE, MESSAGE)
        end = self.alice.client.wait_closed()
        self.assertIsInstance(end, Closed)
        self.assertEqual(end.reason, "bad_frame")

    def test_close_is_answered_by_close(self):
        end = self.alice.client.close()
        self.assertIsInstance(end, Closed)
        self.assertIsNone(end.reason)

    def test_garbage_instead_of_a_hello_ends_the_connection(self):
        started = time.monotonic()
        sock = channel.socket.create_connection((HOST, PORT), 10)
        with sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: parley\r\n\r\n".ljust(56, b"x"))
            with self.assertRaises(Broken):
                channel.read_exactly(sock, 1, started + 10)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: foreign_client_test.py HOST:PORT PIN [unittest's arguments]")
    HOST, _, PORT = sys.argv.pop(1).rpartition(":")
    PORT = int(PORT)
    PIN = channel.parse_pin(sys.argv.pop(1))
    unittest.main(verbosity=2)
