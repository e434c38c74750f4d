"""The channel of proto/README.md §2–§5 over a TCP socket, with python3-dissononce for the Noise part."""

import collections
import logging
import socket
import struct
import time

from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.private import PrivateKey
from dissononce.dh.x25519.public import PublicKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.exceptions.decrypt import DecryptFailedException
from dissononce.hash.blake2b import Blake2bHash
from dissononce.processing.handshakepatterns.interactive.NK import NKHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState

logging.getLogger("dissononce").setLevel(logging.ERROR)

REQUEST, REPLY, ERROR, NOTICE, PING, PONG, CLOSE, REKEY = range(1, 9)
VERSION, TCP = 1, 1
HEADER = struct.Struct("<BBHIQ")
TAG = 16
RECORD_MAX = 65535
REKEY_AFTER = 2**20

Pin = collections.namedtuple("Pin", "key_id public")
Frame = collections.namedtuple("Frame", "kind verb number target body")


class Broken(Exception):
    """The channel is over: the stream ended, or something on it was not what it should be."""


def parse_pin(text):
    key_id, _, public = text.partition(":")
    return Pin(int(key_id), bytes.fromhex(public))


def prologue(key_id):
    return b"PRLY" + struct.pack("<BBH", VERSION, TCP, key_id)


def handshake_state(initiator, key_id, static=None, remote_static=None):
    state = HandshakeState(
        SymmetricState(CipherState(ChaChaPolyCipher()), Blake2bHash()), X25519DH())
    state.initialize(NKHandshakePattern(), initiator, prologue(key_id), s=static, rs=remote_static)
    return state


def key_pair(secret):
    return X25519DH().generate_keypair(PrivateKey(secret))


def rekey(direction):
    """dissononce's own rekey() resets the nonce and does not cut off the tag."""
    nonce = direction._nonce
    key = direction.cipher.encrypt(direction._key, 2**64 - 1, b"", bytes(32))[:32]
    direction.initialize_key(key)
    direction.set_nonce(nonce)


class Channel:
    def __init__(self, sock, sending, receiving):
        self._socket = sock
        self._sending = sending
        self._receiving = receiving
        self._sealed_under_key = 0
        self._buffer = b""

    # -- sending

    def send(self, kind, verb=0, number=0, target=0, body=b""):
        if self._sealed_under_key >= REKEY_AFTER:
            self.rekey()
        self._send_frame(kind, verb, number, target, body)

    def rekey(self):
        self._send_frame(REKEY, 0, 0, 0, b"")
        rekey(self._sending)
        self._sealed_under_key = 0

    def send_sealed(self, plaintext):
        sealed = self._sending.encrypt_with_ad(b"", plaintext)
        self._sealed_under_key += 1
        self.send_raw(struct.pack("<H", len(sealed)) + sealed)

    def send_raw(self, data):
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Broken(f"send: {error}") from error

    def _send_frame(self, kind, verb, number, target, body):
        self.send_sealed(HEADER.pack(kind, 0, verb, number, target) + body)

    # -- receiving

    def receive(self, deadline):
        """The next frame; None if there is none before the deadline (time.monotonic)."""
        while True:
            record = self._next_record(deadline)
            if record is None:
                return None
            frame = self._open(record)
            if frame.kind != REKEY:
                return frame
            rekey(self._receiving)

    def _next_record(self, deadline):
        while True:
            if len(self._buffer) >= 2:
                size, = struct.unpack_from("<H", self._buffer)
                if not HEADER.size + TAG <= size <= RECORD_MAX:
                    raise Broken(f"length of a record: {size}")
                if len(self._buffer) >= 2 + size:
                    record, self._buffer = self._buffer[2:2 + size], self._buffer[2 + size:]
                    return record
            more = read_some(self._socket, deadline)
            if more is None:
                return None
            self._buffer += more

    def _open(self, record):
        try:
            plaintext = self._receiving.decrypt_with_ad(b"", record)
        except DecryptFailedException as error:
            raise Broken("a record does not open") from error
        kind, flags, verb, number, target = HEADER.unpack_from(plaintext)
        if not REQUEST <= kind <= REKEY or flags != 0:
            raise Broken(f"kind {kind}, flags {flags}")
        return Frame(kind, verb, number, target, plaintext[HEADER.size:])

    def close(self):
        self._socket.close()


def read_some(sock, deadline):
    """At least one byte; None if nothing comes before the deadline."""
    left = deadline - time.monotonic()
    if left <= 0:
        return None
    sock.settimeout(left)
    try:
        data = sock.recv(65536)
    except socket.timeout:
        return None
    except OSError as error:
        raise Broken(f"receive: {error}") from error
    if not data:
        raise Broken("the stream ended")
    return data


def read_exactly(sock, size, deadline):
    data = b""
    while len(data) < size:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            more = sock.recv(size - len(data))
        except OSError as error:
            raise Broken(f"handshake: {error}") from error
        if not more:
            raise Broken("the stream ended in the handshake")
        data += more
    return data


def connect(host, port, pin, timeout=10):
    """Client: a Channel, or Broken if it is not the server whose key is pinned."""
    sock = socket.create_connection((host, port), timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        state = handshake_state(True, pin.key_id, remote_static=PublicKey(pin.public))
        message = bytearray()
        state.write_message(b"", message)
        sock.sendall(prologue(pin.key_id) + bytes(message))
        answer = read_exactly(sock, 48, time.monotonic() + timeout)
        sending, receiving = state.read_message(answer, bytearray())
        return Channel(sock, sending, receiving)
    except (DecryptFailedException, ValueError) as error:
        sock.close()
        raise Broken(f"handshake: {error}") from error
    except Broken:
        sock.close()
        raise


def accept(sock, secret, key_id, timeout=10):
    """Server, for tests of other clients: a Channel, or Broken."""
    hello = read_exactly(sock, 56, time.monotonic() + timeout)
    if hello[:8] != prologue(key_id):
        raise Broken("prologue")
    state = handshake_state(False, key_id, static=key_pair(secret))
    state.read_message(hello[8:], bytearray())
    message = bytearray()
    receiving, sending = state.write_message(b"", message)
    sock.sendall(bytes(message))
    return Channel(sock, sending, receiving)
