"""Parley's bus for business systems: publish, serve, subscribe. Needs only ZeroMQ (python3-zmq); the wire is
documented in bus/README.md, from which alone this was written. One thread: nothing happens but in run() and call().

    bus = Bus("payroll-1", ["tcp://10.0.0.5:7201 <server's public key>"], keys=load_keys("payroll.key"))
    bus.serve("app.payroll", lambda request: b"42")
    bus.run()
"""

import collections
import logging
import os
import random
import struct
import time

import zmq

log = logging.getLogger("parley_bus")

# -- the wire: an envelope is 96 bytes and a body -----------------------------------------------------------------

REGISTER, DRAIN, BYE, REGISTERED, NOT_REGISTERED = 1, 2, 3, 8, 9
PING, PONG, CREDIT, REQUEST, REPLY, DELIVER, BATCH = 16, 17, 18, 32, 33, 34, 40
TRACE_QUERY, TRACE_ANSWER = 52, 53
APP_REQUEST = 0x0801
ROLE_BUSINESS = 3
RETRY_LATER, GOING_AWAY, NO_SERVICE, TOO_LARGE, INTERNAL = 1, 4, 5, 17, 23

ENVELOPE_MAX = 1 << 20
HEADER = struct.Struct("<BBHHBB10QII")
Header = collections.namedtuple(
    "Header", "version kind verb error attempt flags key gateway boot number user device generation target origin "
              "trace ttl_ms retry_after_ms", defaults=(0,) * 16)


def envelope(kind, body=b"", **fields):
    return HEADER.pack(*Header(1, kind, **fields)) + body


def open_envelopes(data):
    """The envelopes of a ZeroMQ message, (header, body) each: one, or a batch of them."""
    if not HEADER.size <= len(data) <= ENVELOPE_MAX or data[0] != 1:
        return
    header, body = Header(*HEADER.unpack_from(data)), data[HEADER.size:]
    if header.kind != BATCH:
        yield header, body
    while header.kind == BATCH and len(body) >= 4:
        end = 4 + struct.unpack_from("<I", body)[0]
        inner = body[4:end]
        if len(inner) != end - 4 or inner[1:2] == bytes([BATCH]):
            return
        yield from open_envelopes(inner)
        body = body[end:]


def name_hash(name):
    """FNV-1a, 64 bits, never 0: how names travel in headers."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value or 1


def trace_text(trace):
    """As all logs write it, and `parley trace` reads it."""
    return f"{trace:016x}"


def random_id():
    return int.from_bytes(os.urandom(8), "little") or 1


# -- protobuf, as much of it as is needed ---------------------------------------------------------------------------

class Fixed64(int):
    """A number that is encoded in 8 bytes instead of as a varint."""


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(*fields):
    """A message from (number, value) pairs; 0, "" and b"" are left out, a list is a repeated field."""
    out = b""
    for number, value in fields:
        for item in value if isinstance(value, (list, tuple)) else [value] if value else []:
            if isinstance(item, Fixed64):
                out += _varint(number << 3 | 1) + struct.pack("<Q", item)
            elif isinstance(item, int):
                out += _varint(number << 3) + _varint(item & 0xFFFFFFFFFFFFFFFF)
            else:
                item = item.encode() if isinstance(item, str) else item
                out += _varint(number << 3 | 2) + _varint(len(item)) + item
    return out


def decode(data):
    """The fields of a message: number → list of values, int or bytes. ValueError: it is none."""
    fields, at = collections.defaultdict(list), 0

    def varint():
        nonlocal at
        value = shift = 0
        while at < len(data) and shift < 70:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value & 0xFFFFFFFFFFFFFFFF
        raise ValueError("varint")

    while at < len(data):
        tag = varint()
        kind = tag & 7
        size = {0: 0, 1: 8, 5: 4}.get(kind)
        if kind == 2:
            size = varint()
        if size is None or at + size > len(data):
            raise ValueError("field")
        raw, at = data[at:at + size], at + size
        fields[tag >> 3].append(varint() if kind == 0 else raw if kind == 2 else int.from_bytes(raw, "little"))
    return fields


def first(fields, number, default=0):
    return fields[number][-1] if number in fields else default


# -- for operators: what became of a request ------------------------------------------------------------------------

class FlightLog:
    """What happened to the latest requests here, for `parley trace`."""

    EVENTS_MAX, ANSWER_MAX = 4096, 200

    def __init__(self):
        self.events = collections.deque(maxlen=self.EVENTS_MAX)

    def note(self, point, trace, verb, error=0, attempt=0, user=0):
        if trace:
            self.events.append((trace, time.time_ns() // 1000, point, verb, error, attempt, user))

    def answer(self, body):
        """The TraceAnswer to a TraceQuery; to what is none, an empty one."""
        try:
            query = decode(body)
        except ValueError:
            query = {}
        trace, user = first(query, 1), first(query, 2)
        wanted = [event for event in self.events if (event[0] == trace if trace else user and event[6] == user)]
        return encode((2, [encode((1, Fixed64(event[0])), *enumerate(event[1:], 2))
                           for event in wanted[-self.ANSWER_MAX:]]))


# -- one broker -------------------------------------------------------------------------------------------------------

PING_EVERY, DEAD_AFTER, REGISTER_EVERY, TICK = 0.5, 1.5, 0.5, 0.1


class Link:
    """The connection to one broker: register, stay alive, notice its death. Each attempt has a fresh socket with a
    fresh identity, so that nothing of a former life arrives in the next."""

    def __init__(self, bus, broker):
        self.bus = bus
        self.endpoint, _, server_key = broker.partition(" ")
        self.server_key = server_key.encode()
        self.socket = None
        self.draining = False
        self.open()

    def open(self):
        self.close(0)
        self.socket = self.bus.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, b"b" + os.urandom(8))
        self.socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing is queued for a broker that is not there
        self.socket.setsockopt(zmq.MAXMSGSIZE, ENVELOPE_MAX + 1024)
        self.socket.setsockopt(zmq.LINGER, 0)
        if self.server_key:
            self.socket.curve_publickey, self.socket.curve_secretkey = self.bus.keys
            self.socket.curve_serverkey = self.server_key
        self.socket.connect(self.endpoint)
        self.state = "connecting"
        self.outbox = collections.deque()
        self.refusals = self.unanswered = 0
        self.heard = self.pinged = self.ticked = time.monotonic()
        self.register_at, self.patience = 0.0, random.uniform(0, 0.5)
        self.dealt = self.dealt_bytes = self.told = 0  # deliveries of this registration
        self.epoch = random_id()                       # an answer to a request of a former registration is useless

    def close(self, linger_ms):
        if self.socket is not None:
            self.socket.close(linger_ms)
            self.socket = None

    def send(self, data):
        self.outbox.append(data)
        self.flush()

    def flush(self):
        try:
            while self.outbox:
                self.socket.send(self.outbox[0], zmq.NOBLOCK)
                self.outbox.popleft()
        except zmq.Again:
            pass  # not connected, or the broker reads slowly: with the next tick

    def read(self):
        try:
            for _ in range(1000):
                for header, body in open_envelopes(self.socket.recv(zmq.NOBLOCK)):
                    self.heard = time.monotonic()
                    self.take(header, body)
                    if self.state == "down":
                        return
        except zmq.Again:
            pass

    def take(self, header, body):
        if header.kind == REGISTERED and self.state == "connecting":
            self.state = "up"
            log.info("registered at %s", self.endpoint)
            if self.draining:
                self.drain(bool(self.bus.apps))  # the REGISTER was on its way
            self.bus.on_up()
        elif header.kind == NOT_REGISTERED:
            self.turned_away(header)
        elif header.kind == PING:
            self.send(envelope(PONG, number=header.number))
        elif self.state in ("up", "leaving"):
            self.bus.take(self, header, body, HEADER.size + len(body))

    def turned_away(self, header):
        if self.state == "connecting":
            wait = min(0.1 * 2 ** self.refusals, 2.0)
            self.refusals += 1
            self.register_at = time.monotonic() + random.uniform(wait / 2, wait)
            log.warning("%s refuses us: error %d", self.endpoint, header.error)
        elif header.error == GOING_AWAY:
            self.state = "leaving"  # it drains: what it has it answers, what it did not take goes elsewhere
            self.bus.on_refused(header.number)
        else:
            self.lose()

    def tick(self, now):
        if now - self.ticked >= PING_EVERY:
            self.heard = now  # we stood still ourselves, which says nothing about the broker
        self.ticked = now
        if self.state == "connecting" and now >= self.register_at and not self.draining:
            self.register_at = now + REGISTER_EVERY
            self.outbox.clear()  # an earlier attempt that could not be sent
            self.send(envelope(REGISTER, self.bus.registration(), gateway=self.bus.instance, boot=self.bus.boot))
        if self.state == "connecting" and now - self.heard >= DEAD_AFTER + self.patience and not self.draining:
            return self.open()  # ZeroMQ gives up for good where our key was refused; it may be listed by now
        if self.state in ("up", "leaving"):
            if now - self.heard >= DEAD_AFTER:
                return self.lose()
            if now - max(self.heard, self.pinged) >= PING_EVERY:
                self.pinged = now
                self.send(envelope(PING))
            if self.told != self.dealt:
                self.told = self.dealt
                self.send(envelope(CREDIT, number=self.dealt, target=self.dealt_bytes))
        self.flush()

    def drain(self, serves):
        """Asks for no more requests, and does not register any more."""
        self.draining = True
        if serves and self.state in ("up", "leaving"):
            self.send(envelope(DRAIN))

    def lose(self):
        log.warning("lost %s", self.endpoint)
        self.state = "down"
        self.bus.on_down(self)


# -- the bus ----------------------------------------------------------------------------------------------------------

class Refused(Exception):
    """The server's answer to an ask, or an app's to its client: a number of base/error.def."""

    def __init__(self, code, retry_after_ms=0, trace=0):
        super().__init__(f"error {code}" + (f", trace {trace_text(trace)}" if trace else ""))
        self.code, self.retry_after_ms = code, retry_after_ms


class Ask:
    """Something that was asked: `done`, then result(). `trace`: for an operator, see trace_text()."""

    def __init__(self, number, verb, key, body, on_done):
        self.number, self.verb, self.key, self.body, self.on_done = number, verb, key, body, on_done
        self.link, self.sent, self.trace = None, 0.0, random_id()
        self.deadline = time.monotonic() + ANSWER_WITHIN
        self.done, self.error, self.answer = False, None, b""

    def result(self):
        if self.error:
            raise self.error
        return self.answer


class Request:
    """What a client asked of an app. It may come more than once, then with the same `id`. `trace`: its name in
    everybody's logs, see trace_text()."""

    def __init__(self, link, header, body):
        self.id = (header.gateway, header.boot, header.number)
        self.user, self.device, self.attempt, self.body = header.user, header.device, header.attempt, body
        self.trace = header.trace
        self._link, self._epoch, self._header = link, link.epoch, header

    def reply(self, body):
        self._answer(body, 0, 0)

    def refuse(self, code, retry_after_ms=0):
        self._answer(b"", code, retry_after_ms)

    def _answer(self, body, error, hint):
        link, h = self._link, self._header
        link.bus.flight.note("business_replied", h.trace, h.verb, error, h.attempt, h.user)
        if link.epoch != self._epoch or link.state not in ("up", "leaving"):
            return  # that broker has given the request to another
        link.unanswered -= 1
        link.send(envelope(REPLY, body, verb=h.verb, error=error, gateway=h.gateway, boot=h.boot, number=h.number,
                           trace=h.trace, retry_after_ms=hint))


LATER = object()  # what a handler returns that calls request.reply() or refuse() itself, later
ANSWER_WITHIN, ASK_AGAIN = 10.0, 4.0
ASKS_MAX = 10_000


class Bus:
    def __init__(self, name, brokers, keys=(b"", b"")):
        """`brokers`: "tcp://host:port KEY" each, or "ipc://path". `keys`: load_keys() of this system's own."""
        self.name, self.keys = name, keys
        self.instance, self.boot = name_hash(name), random_id()
        self.context = zmq.Context()
        self.apps, self.feed, self.flight = {}, None, FlightLog()
        self._brokers, self.links = brokers, []
        self._asks, self._number = {}, 0  # by number, that is by age
        self._stopping = False

    # -- what a program uses

    def serve(self, app, handler):
        """Before the first run(). handler(request) → the answer's bytes, or LATER; Refused becomes its error."""
        self.apps[name_hash(app)] = (app, handler)

    def subscribe(self, kinds, handler):
        """Before the first run(). handler(event) in the order of the events, each at least once: one that raises is
        given again, and what was handled is acknowledged, also over restarts of this process and of the server."""
        self.feed = Feed(self, kinds, handler)

    def ask(self, verb, key, body, on_done=None):
        """Asks a worker. Asks of one key are carried out in their order. An Ask that ends with RETRY_LATER may have
        been carried out or not."""
        if len(self._asks) >= ASKS_MAX or HEADER.size + len(body) > ENVELOPE_MAX:
            raise Refused(RETRY_LATER if len(self._asks) >= ASKS_MAX else TOO_LARGE)
        self._number += 1
        ask = self._asks[self._number] = Ask(self._number, verb, key, body, on_done)
        self.flight.note("business_asked", ask.trace, verb)
        self._place()
        return ask

    def push(self, body, users=(), everyone=False, stored=True, publish_id=None):
        """Says something to users; what answers it is for receipts(). With the same publish_id it may be repeated."""
        return self.ask(PUSH_PUBLISH, self.instance, encode(
            (1, publish_id or os.urandom(16)), (2, self.name), (3, KEEP_STORED if stored else KEEP_ONLINE_ONLY),
            (4, list(users)), (5, int(everyone)), (6, body)))

    def wait(self, ask):
        """Runs until it is answered: the answer's bytes, or Refused."""
        self.run(until=lambda: ask.done)
        return ask.result()

    def run(self, until=lambda: False):
        """Works until `until()` or stop()."""
        if not self.links:
            self.links = [Link(self, broker) for broker in self._brokers]
        while not until() and not self._stopping:
            self._turn()

    def stop(self):
        """Lets run() return; may be called by a signal's handler."""
        self._stopping = True

    def close(self, limit=10.0):
        """Leaves without losing anything: takes nothing new, answers what it has, waits for its own answers."""
        deadline = time.monotonic() + limit
        if self.feed:
            self.feed.acknowledge()
            self.feed = None
        for link in self.links:
            link.drain(serves=bool(self.apps))
        turns = 0  # requests that are on their way while DRAIN travels arrive within the first
        while time.monotonic() < deadline and (turns < 2 or self._asks or any(l.unanswered for l in self.links)):
            self._turn()
            turns += 1
        for link in self.links:
            link.send(envelope(BYE))
            link.close(1000)
        self.context.term()

    # -- what the links call

    def registration(self):
        apps = [app for app, _ in self.apps.values()]
        return encode((1, ROLE_BUSINESS), (2, self.name), (4, 256 if apps else 0), (5, 8 << 20 if apps else 0),
                      (6, apps), (7, 256 if self.feed else 0), (8, 1 << 20 if self.feed else 0), (9, 1))

    def on_up(self):
        self._place()
        if self.feed:
            self.feed.hurry()

    def on_down(self, link):
        for ask in self._asks.values():
            if ask.link is link:
                ask.link = None
        self._place()

    def on_refused(self, number):
        if number in self._asks:
            self._asks[number].link = None
            self._place()

    def take(self, link, header, body, size):
        if header.kind == REQUEST:
            self._serve(link, header, body)
        elif header.kind == REPLY and header.boot == self.boot and header.number in self._asks:
            self._finish(header.number, body, header.error, header.retry_after_ms)
        elif header.kind == DELIVER:
            link.dealt, link.dealt_bytes = link.dealt + 1, link.dealt_bytes + size
            if self.feed and NEWS in notices(body):
                self.feed.hurry()
        elif header.kind == TRACE_QUERY:
            link.send(envelope(TRACE_ANSWER, self.flight.answer(body), number=header.number))
        elif header.kind == DRAIN:
            self.stop()  # an operator wants us to leave

    # -- inside

    def _turn(self):
        poller = zmq.Poller()
        for link in self.links:
            poller.register(link.socket, zmq.POLLIN)
        poller.poll(TICK * 1000)
        for link in self.links:
            link.read()
        now = time.monotonic()
        for link in self.links:
            link.tick(now)
            if link.state == "down":
                link.open()
        self._judge(now)
        if self.feed:
            self.feed.tick(now)

    def _place(self):
        """Sends what is at no broker to the first healthy one; but nothing may overtake an ask of its key."""
        home = next((link for link in self._by_preference() if link.state == "up"), None)
        blocked = {ask.key for ask in self._asks.values() if ask.link not in (None, home)}
        for ask in list(self._asks.values()):
            if ask.link is None and home and ask.key not in blocked:
                ask.link = home
                self._send(ask)
            elif ask.link is None:
                blocked.add(ask.key)

    def _by_preference(self):
        """Each system begins at another broker."""
        start = self.instance % max(len(self.links), 1)
        return self.links[start:] + self.links[:start]

    def _send(self, ask):
        ask.sent = time.monotonic()
        ask.link.send(envelope(REQUEST, ask.body, verb=ask.verb, key=ask.key, gateway=self.instance, boot=self.boot,
                               number=ask.number, trace=ask.trace, ttl_ms=max(1, int((ask.deadline - ask.sent) * 1000))))

    def _judge(self, now):
        for ask in list(self._asks.values()):
            if now >= ask.deadline:
                self._finish(ask.number, b"", RETRY_LATER, 200)
            elif ask.link and ask.link.state == "up" and now - ask.sent >= ASK_AGAIN:
                self._send(ask)  # its answer may have been lost; the same id is never carried out at two places at once

    def _finish(self, number, body, error, hint):
        ask = self._asks.pop(number)
        self.flight.note("business_got_answer", ask.trace, ask.verb, error)
        ask.done, ask.answer, ask.error = True, body, Refused(error, hint, ask.trace) if error else None
        if ask.on_done:
            ask.on_done(ask)
        self._place()

    def _serve(self, link, header, body):
        link.unanswered += 1
        self.flight.note("business_received", header.trace, header.verb, 0, header.attempt, header.user)
        request = Request(link, header, body)
        _, handler = self.apps.get(header.target, (None, None))
        if header.verb != APP_REQUEST or handler is None:
            return request.refuse(NO_SERVICE)
        try:
            answer = handler(request)
            if answer is not LATER:
                request.reply(answer)
        except Refused as refused:
            request.refuse(refused.code, refused.retry_after_ms)
        except Exception:  # a defect of the handler's costs its client an error, not everybody the service
            log.exception("the handler failed")
            request.refuse(INTERNAL)


# -- push and events --------------------------------------------------------------------------------------------------

PUSH_PUBLISH, EVENT_SUBSCRIBE, EVENT_PULL, NEWS = 0x0601, 0x0901, 0x0902, 0x0981
KEEP_ONLINE_ONLY, KEEP_STORED = 1, 2
SENT, OFFLINE, STORED, UNKNOWN_USER = 1, 2, 3, 4
FATES = {SENT: "sent", OFFLINE: "offline", STORED: "stored", UNKNOWN_USER: "unknown user"}
MESSAGE, PRESENCE = 1, 2
NOT_FOUND, BAD_REQUEST = 20, 16

Receipt = collections.namedtuple("Receipt", "user fate conversation number")
MessageEvent = collections.namedtuple(
    "MessageEvent", "cursor conversation receiver seq sender client_id kind body time_ms")
PresenceEvent = collections.namedtuple("PresenceEvent", "cursor user online time_ms")


def receipts(answer):
    """Of a push: what became of it, user by user."""
    return [Receipt(*(first(decode(r), n) for n in (1, 2, 3, 4))) for r in decode(answer).get(1, [])]


def notices(deliveries):
    """The numbers of the notices of a DELIVER's body."""
    at = 0
    while at + 24 <= len(deliveries):
        notice, users, size = struct.unpack_from("<HHI", deliveries, at)
        yield notice
        at += 24 + 8 * users + size


def read_event(data):
    event = decode(data)
    cursor = first(event, 1)
    if first(event, 2) == MESSAGE:
        message = decode(first(event, 3, b""))
        entry = decode(first(message, 3, b""))
        return MessageEvent(cursor, first(message, 1), first(message, 2), first(entry, 1), first(entry, 2),
                            first(entry, 3, b""), first(entry, 4), first(entry, 5, b""), first(entry, 6))
    presence = decode(first(event, 4, b""))
    return PresenceEvent(cursor, first(presence, 1), bool(first(presence, 2)), first(presence, 3))


class Feed:
    """Events: subscribe, then pull page after page. A pull's cursor acknowledges what was handled; so a page that
    was not handled to its end comes again."""

    PAGE, POLL_EVERY, AFTER_FAILURE = 100, 5.0, 1.0

    def __init__(self, bus, kinds, handler):
        self.bus, self.kinds, self.handler = bus, kinds, handler
        self.cursor = None  # None: not subscribed
        self.page, self.after_page = collections.deque(), 0
        self.asked = False
        self.news = False  # came while a page was under way
        self.next_at = 0.0

    def hurry(self):
        """There may be news."""
        self.news = self.asked
        if not self.page:
            self.next_at = 0.0

    def tick(self, now):
        if self.asked or now < self.next_at or not self.hand_out(now):
            return
        self.asked = True
        if self.cursor is None:
            self.ask(EVENT_SUBSCRIBE, encode((1, self.kinds)), self.on_subscribed)
        else:
            self.ask(EVENT_PULL, encode((1, self.cursor), (2, self.PAGE)), self.on_pulled)

    def hand_out(self, now):
        """Whether the page is handled to its end."""
        while self.page:
            try:
                self.handler(self.page[0])
            except Exception:  # whatever it was: the event is not handled
                log.exception("event %d will be given again", self.page[0].cursor)
                self.next_at = now + self.AFTER_FAILURE
                return False
            self.cursor = self.page.popleft().cursor
        if self.cursor is not None:
            self.cursor = max(self.cursor, self.after_page)
        return True

    def ask(self, verb, body, on_answer):
        def on_done(ask):
            self.asked = False
            self.next_at = 0.0 if self.news else time.monotonic() + self.POLL_EVERY
            self.news = False
            if not ask.error:
                return on_answer(decode(ask.answer))
            if ask.error.code in (NOT_FOUND, BAD_REQUEST):
                self.cursor = None  # the server does not know us, or not this cursor: its word holds
            self.next_at = time.monotonic() + max(random.uniform(0.25, 1), ask.error.retry_after_ms / 1000)
        try:
            self.bus.ask(verb, self.bus.instance, body, on_done)
        except Refused:  # too much else is asked
            self.asked = False
            self.next_at = time.monotonic() + self.AFTER_FAILURE

    def on_subscribed(self, reply):
        self.cursor, self.after_page = first(reply, 1), 0
        log.info("follows events from %d", self.cursor)
        self.next_at = 0.0

    def acknowledge(self):
        """The last word before leaving: what was handled is not given again to the next life of this system."""
        if self.cursor is not None:
            self.bus.ask(EVENT_PULL, self.bus.instance, encode((1, self.cursor), (2, 1)))

    def on_pulled(self, reply):
        if first(reply, 4):
            log.error("events up to %d are lost: this system was away for too long", first(reply, 4))
        self.page.extend(read_event(event) for event in reply.get(1, []))
        self.after_page = first(reply, 2)
        if self.page or first(reply, 3):
            self.next_at = 0.0


def load_keys(path):
    """A key file of `parley key bus`: the public and the secret key. Nobody else may be able to read it."""
    if os.stat(path).st_mode & 0o077:
        raise PermissionError(f"{path}: its mode must be 0600")
    with open(path, encoding="ascii") as file:
        public, secret = file.read().split()
    return public.encode(), secret.encode()
