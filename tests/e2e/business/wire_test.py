"""The Python example's bytes against the golden ones. Argument: the folder of the sources."""

import pathlib
import sys
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1))
sys.path.insert(0, str(SOURCE / "examples/python"))

import parley_bus as bus  # noqa: E402


def golden(file, name):
    """The bytes that stand behind the name, on its line or the lines after it."""
    digits, found = "", False
    for line in (SOURCE / "tests/golden" / file).read_text().splitlines():
        words = line.split()
        if words and not line.startswith((" ", "#")):
            found, words = words[0] == name, words[1:]
        if found:
            digits += "".join(words)
    assert digits, name
    return bytes.fromhex(digits)


class Wire(unittest.TestCase):
    def test_an_envelope_is_read_and_written_as_it_is(self):
        data = golden("wire.txt", "envelope.deliver")
        (header, body), = bus.open_envelopes(data)
        self.assertEqual((header.kind, body), (bus.DELIVER, b"body"))
        self.assertEqual(header.number, 0x4041424344454647)
        fields = header._asdict()
        kind = [fields.pop("version"), fields.pop("kind")][1]
        self.assertEqual(bus.envelope(kind, body, **fields), data)

    def test_a_batch_is_taken_apart_and_a_broken_one_ends(self):
        ping, pong = bus.envelope(bus.PING), bus.envelope(bus.PONG, b"x")
        inside = b"".join(len(e).to_bytes(4, "little") + e for e in (ping, pong))
        batch = bus.envelope(bus.BATCH, inside)
        self.assertEqual([h.kind for h, _ in bus.open_envelopes(batch)], [bus.PING, bus.PONG])
        self.assertEqual([h.kind for h, _ in bus.open_envelopes(batch[:-1])], [bus.PING])
        self.assertEqual(list(bus.open_envelopes(bus.envelope(bus.BATCH, len(batch).to_bytes(4, "little") + batch))), [])

    def test_what_is_no_envelope_is_nothing(self):
        for data in (b"", b"\1" * 95, b"\2" + b"\0" * 95):
            self.assertEqual(list(bus.open_envelopes(data)), [])

    def test_names_become_their_hash(self):
        self.assertEqual(bus.name_hash("a"), 0xAF63DC4C8601EC8C)
        self.assertEqual(bus.name_hash("app.payroll"), 0xBA8DCAE39CEEC75B)

    def test_messages_are_protobuf(self):
        self.assertEqual(bus.encode((1, 300), (2, 50)), golden("messages.txt", "parley.wire.EventPullRequest"))
        reply = bus.decode(golden("messages.txt", "parley.wire.EventPullReply"))
        self.assertEqual([bus.first(reply, n) for n in (2, 3, 4)], [300, 1, 200])
        receipt, = bus.receipts(golden("messages.txt", "parley.wire.PublishReply"))
        self.assertEqual(receipt, bus.Receipt(2, bus.STORED, 0x80000002, 9))
        with self.assertRaises(ValueError):
            bus.decode(b"\x0a\x05abc")

    def test_what_became_of_a_request_is_told_to_who_asks_for_it(self):
        sample = bus.decode(golden("messages.txt", "parley.wire.TraceAnswer.Event"))
        trace, at_us, point, verb, error, attempt, user = (bus.first(sample, n) for n in range(1, 8))
        log = bus.FlightLog()
        log.events.append((trace, at_us, point, verb, error, attempt, user))
        log.note("business_asked", 7, 0x0601)
        log.note("business_asked", 0, 0x0601)
        of = lambda *fields: bus.decode(log.answer(bus.encode(*fields))).get(2, [])
        expected = golden("messages.txt", "parley.wire.TraceAnswer.Event")
        self.assertEqual(of((1, bus.Fixed64(trace))), [expected])
        self.assertEqual(of((2, user)), [expected])
        self.assertEqual(of((1, bus.Fixed64(trace)), (2, 99)), [expected])
        self.assertEqual(len(of((1, bus.Fixed64(7)))), 1)
        for nothing in (of((1, bus.Fixed64(8))), of((2, 99)), of(), log.answer(b"\xff")):
            self.assertFalse(nothing)

    def test_what_it_remembers_and_tells_is_bounded(self):
        log = bus.FlightLog()
        for number in range(10_000):
            log.note("business_asked", 7, number)
        self.assertEqual(len(log.events), bus.FlightLog.EVENTS_MAX)
        told = [bus.first(bus.decode(event), 4) for event in bus.decode(log.answer(bus.encode((1, bus.Fixed64(7)))))[2]]
        self.assertEqual(told, list(range(9_800, 10_000)))


if __name__ == "__main__":
    unittest.main()
