"""Our channel against an implementation of Noise that we did not write (python3-dissononce), each as client
and as server, with rekeying in both directions. Argument: the program channel_peer."""

import os
import socket
import subprocess
import sys
import time
import unittest

import parley_channel as channel

KEY_ID = 3
PEER = None  # set by main
BROKEN = 3   # channel_peer's exit code for a peer that does not keep to the protocol


def soon():
    return time.monotonic() + 20


class OurServer:
    """`channel_peer serve`: answers each request with a reply of the same body."""

    def __init__(self):
        secret = os.urandom(32)
        self.pin = channel.Pin(KEY_ID, channel.key_pair(secret).public.data)
        self.process = subprocess.Popen([PEER, "serve", secret.hex(), str(KEY_ID)],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.links = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for link in self.links:
            link.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def connect(self, pin=None):
        self.links.append(channel.connect("127.0.0.1", self.port, pin or self.pin))
        return self.links[-1]

    def exit_code(self):
        return self.process.wait(timeout=20)


def echo(link, number, body):
    link.send(channel.REQUEST, 0x0201, number, 7, body)
    return link.receive(soon())


class ForeignClient(unittest.TestCase):
    def test_exchanges_frames_of_every_size_with_our_server(self):
        with OurServer() as server:
            link = server.connect()
            for number, size in enumerate([0, 1, 1000, 65503]):
                body = os.urandom(size)
                self.assertEqual(echo(link, number, body),
                                 (channel.REPLY, 0x0201, number, 7, body))
            link.send(channel.PING, number=9)
            self.assertEqual(link.receive(soon()), (channel.PONG, 0, 9, 0, b""))
            link.send(channel.CLOSE)
            self.assertEqual(link.receive(soon()).kind, channel.CLOSE)
            self.assertEqual(server.exit_code(), 0)

    def test_may_rekey_whenever_it_likes(self):
        with OurServer() as server:
            link = server.connect()
            for number in range(5):
                link.rekey()
                self.assertEqual(echo(link, number, b"x").body, b"x")

    def test_with_the_key_of_another_server_is_refused(self):
        with OurServer() as server:
            other = channel.key_pair(os.urandom(32)).public.data
            with self.assertRaises(channel.Broken):
                server.connect(channel.Pin(KEY_ID, other))
            self.assertEqual(server.exit_code(), BROKEN)

    def test_with_an_unknown_key_id_is_refused(self):
        with OurServer() as server:
            with self.assertRaises(channel.Broken):
                server.connect(channel.Pin(KEY_ID + 1, server.pin.public))
            self.assertEqual(server.exit_code(), BROKEN)

    def test_that_sends_a_record_twice_is_refused(self):
        with OurServer() as server:
            link = server.connect()
            sealed = []
            link.send_raw, really_send = sealed.append, link.send_raw
            link.send(channel.PING, number=1)
            really_send(sealed[0] + sealed[0])
            self.assertEqual(link.receive(soon()).kind, channel.PONG)
            self.assertEqual(server.exit_code(), BROKEN)

    def test_that_resets_its_nonce_at_a_rekey_is_refused(self):
        with OurServer() as server:
            link = server.connect()
            link.rekey()
            link._sending.set_nonce(0)
            link.send(channel.PING, number=1)
            self.assertEqual(server.exit_code(), BROKEN)


class ForeignServer(unittest.TestCase):
    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        self.secret = os.urandom(32)

    def tearDown(self):
        self.listener.close()

    def call(self, public):
        port = self.listener.getsockname()[1]
        return subprocess.Popen([PEER, "call", str(port), public.hex(), str(KEY_ID)])

    def test_exchanges_frames_with_our_client(self):
        client = self.call(channel.key_pair(self.secret).public.data)
        sock, _ = self.listener.accept()
        with sock:
            link = channel.accept(sock, self.secret, KEY_ID)
            while (frame := link.receive(soon())).kind != channel.CLOSE:
                link.rekey()
                link.send(channel.REPLY, frame.verb, frame.number, frame.target, frame.body)
            link.send(channel.CLOSE)
            self.assertEqual(client.wait(timeout=20), 0)

    def test_without_the_pinned_key_is_refused_by_our_client(self):
        client = self.call(channel.key_pair(os.urandom(32)).public.data)
        sock, _ = self.listener.accept()
        with sock:
            channel.read_exactly(sock, 56, soon())
            sock.sendall(os.urandom(48))
            self.assertEqual(client.wait(timeout=20), BROKEN)


if __name__ == "__main__":
    PEER = sys.argv.pop(1)
    unittest.main(verbosity=2)
