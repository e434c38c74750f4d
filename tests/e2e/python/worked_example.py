"""The handshake of proto/README.md, every step spelled out, with none of Parley's code: hashlib, hmac and
PyNaCl's bindings. `worked_example.py README.md` fails unless the README shows exactly these values;
`worked_example.py` alone prints them in the README's format."""

import hashlib
import hmac
import struct
import sys

from nacl import bindings

DIGITS_PER_LINE = 64


def blake2b(*parts):
    return hashlib.blake2b(b"".join(parts)).digest()


def hkdf(chaining_key, material):
    def mac(key, data):
        return hmac.new(key, data, hashlib.blake2b).digest()

    temp = mac(chaining_key, material)
    first = mac(temp, b"\x01")
    return first, mac(temp, first + b"\x02")


def encrypt(key, nonce, ad, plaintext):
    n = bytes(4) + struct.pack("<Q", nonce)
    return bindings.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, ad or None, n, key)


def rekey(key):
    return encrypt(key, 2**64 - 1, b"", bytes(32))[:32]


def frame(kind, verb, number, target, body=b""):
    return struct.pack("<BBHIQ", kind, 0, verb, number, target) + body


def record(key, nonce, plaintext):
    sealed = encrypt(key, nonce, b"", plaintext)
    return struct.pack("<H", len(sealed)) + sealed


def handshake(v):
    v["server_secret"] = bytes(range(0x00, 0x20))
    v["client_ephemeral_secret"] = bytes(range(0x20, 0x40))
    v["server_ephemeral_secret"] = bytes(range(0x40, 0x60))
    v["server_public"] = bindings.crypto_scalarmult_base(v["server_secret"])
    v["client_ephemeral_public"] = bindings.crypto_scalarmult_base(v["client_ephemeral_secret"])
    v["server_ephemeral_public"] = bindings.crypto_scalarmult_base(v["server_ephemeral_secret"])

    v["prologue"] = b"PRLY" + struct.pack("<BBH", 1, 1, 1)
    v["ck_0"] = v["h_0"] = b"Noise_NK_25519_ChaChaPoly_BLAKE2b".ljust(64, b"\0")
    v["h_1"] = blake2b(v["h_0"], v["prologue"])
    v["h_2"] = blake2b(v["h_1"], v["server_public"])

    v["h_3"] = blake2b(v["h_2"], v["client_ephemeral_public"])
    v["dh_es"] = bindings.crypto_scalarmult(v["client_ephemeral_secret"], v["server_public"])
    v["ck_1"], derived = hkdf(v["ck_0"], v["dh_es"])
    v["k_1"] = derived[:32]
    v["tag_1"] = encrypt(v["k_1"], 0, v["h_3"], b"")
    v["h_4"] = blake2b(v["h_3"], v["tag_1"])
    v["hello"] = v["prologue"] + v["client_ephemeral_public"] + v["tag_1"]

    v["h_5"] = blake2b(v["h_4"], v["server_ephemeral_public"])
    v["dh_ee"] = bindings.crypto_scalarmult(
        v["server_ephemeral_secret"], v["client_ephemeral_public"])
    v["ck_2"], derived = hkdf(v["ck_1"], v["dh_ee"])
    v["k_2"] = derived[:32]
    v["tag_2"] = encrypt(v["k_2"], 0, v["h_5"], b"")
    v["h_6"] = blake2b(v["h_5"], v["tag_2"])
    v["answer"] = v["server_ephemeral_public"] + v["tag_2"]

    to_server, to_client = hkdf(v["ck_2"], b"")
    v["key_to_server"], v["key_to_client"] = to_server[:32], to_client[:32]


def records(v):
    v["ping_frame"] = frame(5, 0, 1, 0)
    v["ping_record"] = record(v["key_to_server"], 0, v["ping_frame"])
    v["pong_frame"] = frame(6, 0, 1, 0)
    v["pong_record"] = record(v["key_to_client"], 0, v["pong_frame"])
    v["rekey_frame"] = frame(8, 0, 0, 0)
    v["rekey_record"] = record(v["key_to_server"], 1, v["rekey_frame"])
    v["key_to_server_2"] = rekey(v["key_to_server"])
    v["ping_frame_2"] = frame(5, 0, 2, 0)
    v["ping_record_2"] = record(v["key_to_server_2"], 2, v["ping_frame_2"])


def computed():
    values = {}
    handshake(values)
    records(values)
    return {name: value.hex() for name, value in values.items()}


def written(path):
    """The ```sample blocks: `name  hex`, continued in indented lines."""
    samples, name, inside = {}, None, False
    for line in open(path, encoding="utf-8"):
        if line.startswith("```"):
            inside = not inside and line.strip() == "```sample"
        elif inside and line.strip() and not line.startswith("#"):
            words = line.split()
            if not line.startswith(" "):
                name = words.pop(0)
                samples[name] = ""
            samples[name] += "".join(words)
    return samples


def show(name, digits):
    if len(name) + 2 + len(digits) <= 96:
        return f"{name}  {digits}"
    lines = [digits[i:i + DIGITS_PER_LINE] for i in range(0, len(digits), DIGITS_PER_LINE)]
    return "\n  ".join([name] + lines)


def main():
    values = computed()
    if len(sys.argv) == 1:
        print("\n".join(show(name, digits) for name, digits in values.items()))
        return 0
    shown = written(sys.argv[1])
    wrong = [n for n in values if shown.get(n) != values[n]] + [n for n in shown if n not in values]
    for name in wrong:
        print(f"{name}: the README has {shown.get(name)}, computed {values.get(name)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
