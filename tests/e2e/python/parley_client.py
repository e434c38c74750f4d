"""A Parley client written from proto/README.md alone: requests and notices over a parley_channel, and a
conversation kept by its numbers. Blocking; one thread. `Client` is a connection, `Conversation` what a
device knows of one conversation."""

import collections
import os
import time

import parley_channel as channel
from parley_channel import Broken
from parley_messages import c2c, common, login

VERBS = {
    "login.register": 0x0101, "login.password": 0x0102, "login.token": 0x0103,
    "login.resume": 0x0104, "login.logout": 0x0105, "login.find": 0x0106,
    "c2c.send": 0x0201, "c2c.receipt": 0x0202, "c2c.pull": 0x0203,
    "c2c.history": 0x0204, "c2c.conversations": 0x0205,
}
MESSAGE, RECEIPT = 0x0281, 0x0282
ERRORS = {
    1: "retry_later", 2: "rate_limited", 3: "storage_full", 4: "going_away", 5: "no_service",
    16: "bad_request", 17: "too_large", 18: "unauthenticated", 19: "refused", 20: "not_found",
    21: "conflict", 22: "unsupported", 23: "internal",
    32: "bad_frame", 33: "slow_consumer", 34: "replaced", 35: "revoked", 36: "idle",
}
RETRYABLE = {"retry_later", "rate_limited", "storage_full", "going_away", "no_service",
             "slow_consumer", "idle"}
PC, MOBILE, WEB, PAD = 1, 2, 3, 4
TEXT, CUSTOM = 1, 15

Device = collections.namedtuple("Device", "id device_class")


class Refused(Exception):
    """The server's answer is an error."""

    def __init__(self, body):
        error = common.ErrorBody.FromString(body)
        self.name = ERRORS.get(error.code, str(error.code))
        self.retry_after = error.retry_after_ms / 1000
        super().__init__(self.name)


class Closed(Exception):
    """The server sent a close frame; `reason` is an error's name, or None."""

    def __init__(self, body):
        self.reason = Refused(body).name if body else None
        super().__init__(self.reason)


def new_device(device_class=PC):
    return Device(int.from_bytes(os.urandom(8), "little") or 1, device_class)


def new_client_id():
    return os.urandom(16)


def direct_conversation(one, other):
    return min(one, other) * 2**31 + max(one, other)


class Client:
    def __init__(self, host, port, pin, patience=15):
        self.channel = channel.connect(host, port, pin)
        self.patience = patience  # seconds within which the server has to answer
        self.user = None
        self.notices = collections.deque()
        self._number = 0
        self._answers = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.disconnect()

    # -- frames

    def start(self, verb, message, target=0):
        """Sends a request without waiting; the number is for finish()."""
        self._number += 1
        number = VERBS.get(verb, verb)
        self.channel.send(channel.REQUEST, number, self._number, target,
                          message.SerializeToString())
        return self._number

    def finish(self, number, reply_type):
        frame = self._wait(lambda: self._answers.pop(number, None), "no answer")
        if frame.kind == channel.ERROR:
            raise Refused(frame.body)
        return reply_type.FromString(frame.body)

    def request(self, verb, message, reply_type, target=0):
        """The reply. Retryable errors are waited out as the server says; others are raised."""
        deadline = time.monotonic() + self.patience
        for attempt in range(100):
            try:
                return self.finish(self.start(verb, message, target), reply_type)
            except Refused as refused:
                pause = refused.retry_after or min(0.1 * 2**attempt, 2)
                if refused.name not in RETRYABLE or time.monotonic() + pause > deadline:
                    raise
            self._read(time.monotonic() + pause, until_something=False)
        raise Broken("retried without end")

    def ping(self):
        self._number += 1
        number = self._number
        self.channel.send(channel.PING, number=number)
        self._wait(lambda: self._answers.pop(number, None), "no pong")

    def wait_notice(self, kind, target, patience=None):
        """The body of the next notice of that kind and conversation; others are kept."""
        def find():
            for frame in self.notices:
                if (frame.verb, frame.target) == (kind, target):
                    self.notices.remove(frame)
                    return frame
            return None
        body = self._wait(find, "no notice", patience).body
        return (c2c.MessageNotice if kind == MESSAGE else c2c.ReceiptNotice).FromString(body)

    def wait_closed(self):
        """The Closed or Broken with which the server ends the connection."""
        try:
            self._wait(lambda: None, "still open")
        except (Closed, Broken) as end:
            return end

    def close(self):
        self.channel.send(channel.CLOSE)
        end = self.wait_closed()
        self.disconnect()
        return end

    def disconnect(self):
        self.channel.close()

    def _wait(self, find, otherwise, patience=None):
        deadline = time.monotonic() + (patience or self.patience)
        while (found := find()) is None:
            if not self._read(deadline):
                raise TimeoutError(f"{otherwise} within {patience or self.patience} s")
        return found

    def _read(self, deadline, until_something=True):
        """Takes in frames until the deadline, or only the first. Whether there was one."""
        while (frame := self.channel.receive(deadline)) is not None:
            self._take(frame)
            if until_something:
                return True
        return False

    def _take(self, frame):
        if frame.kind in (channel.REPLY, channel.ERROR, channel.PONG):
            self._answers[frame.number] = frame
        elif frame.kind == channel.NOTICE:
            self.notices.append(frame)
        elif frame.kind == channel.PING:
            self.channel.send(channel.PONG, number=frame.number)
        elif frame.kind == channel.CLOSE:
            raise Closed(frame.body)

    # -- login

    def register(self, name, password):
        request = login.RegisterRequest(name=name, password=password)
        return self.request("login.register", request, login.RegisterReply).user

    def login_password(self, name, password, device):
        return self._login("login.password", login.PasswordRequest(
            name=name, password=password, device=_device(device)))

    def login_token(self, token, device):
        return self._login("login.token", login.TokenRequest(
            access_token=token, device=_device(device)))

    def login_resume(self, token, device):
        return self._login("login.resume", login.ResumeRequest(
            device_token=token, device=_device(device)))

    def logout(self):
        self.request("login.logout", login.LogoutRequest(), login.LogoutReply)

    def find(self, *names):
        return self.request("login.find", login.FindRequest(names=names), login.FindReply).profiles

    def _login(self, verb, request):
        reply = self.request(verb, request, login.LoginReply)
        self.user = reply.user
        return reply

    # -- c2c

    def send(self, conversation, body, client_id=None, kind=TEXT):
        message = c2c.SendRequest(client_id=client_id or new_client_id(), kind=kind, body=body)
        return self.request("c2c.send", message, c2c.SendReply, conversation)

    def receipt(self, conversation, received=0, read=0):
        request = c2c.ReceiptRequest(received=received, read=read)
        return self.request("c2c.receipt", request, c2c.ReceiptReply, conversation)

    def pull(self, conversation, first, last):
        """All entries first … last that exist, however many pages they take."""
        entries = []
        while True:
            request = c2c.PullRequest(to=last, **{"from": first})
            page = self.request("c2c.pull", request, c2c.EntriesReply, conversation)
            entries.extend(page.entries)
            if not page.more or not page.entries:
                return entries
            first = page.entries[-1].seq + 1

    def history(self, conversation, before, limit):
        request = c2c.HistoryRequest(before=before, limit=limit)
        return self.request("c2c.history", request, c2c.EntriesReply, conversation)

    def conversations(self):
        found, after = {}, 0
        while True:
            request = c2c.ConversationsRequest(after=after, limit=200)
            page = self.request("c2c.conversations", request, c2c.ConversationsReply)
            found.update((item.conversation, item) for item in page.conversations)
            if not page.more or not page.conversations:
                return found
            after = page.conversations[-1].conversation


def _device(device):
    return login.Device(id=device.id, device_class=device.device_class)


class Conversation:
    """What a device knows of a conversation: its entries up to `last`, without a hole."""

    def __init__(self, conversation):
        self.id = conversation
        self.entries = []

    @property
    def last(self):
        return len(self.entries)

    def apply(self, client, entry):
        if entry.seq <= self.last:
            return
        if entry.seq > self.last + 1:
            self.catch_up(client, entry.seq - 1)
        self._append(entry)

    def catch_up(self, client, head):
        if head > self.last:
            for entry in client.pull(self.id, self.last + 1, head):
                self._append(entry)

    def _append(self, entry):
        if entry.seq != self.last + 1:
            raise Broken(f"entry {entry.seq} after {self.last}")
        self.entries.append(entry)
