// The Node example's bytes against the golden ones. Argument: the folder of the sources.
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');

const source = process.argv[2];
const bus = require(path.join(source, 'examples/node/parley_bus.js'));

// The bytes that stand behind the name, on its line or the lines after it.
function golden(file, name) {
  let digits = '';
  let found = false;
  for (const line of fs.readFileSync(path.join(source, 'tests/golden', file), 'utf8').split('\n')) {
    const words = line.trim().split(/\s+/);
    if (line && !/^[ #]/.test(line)) found = words.shift() === name;
    if (found && !line.startsWith('#')) digits += words.join('');
  }
  assert.notStrictEqual(digits, '', name);
  return Buffer.from(digits, 'hex');
}

// An envelope is read and written as it is.
const data = golden('wire.txt', 'envelope.deliver');
const [{ header, body }] = [...bus.openEnvelopes(data)];
assert.strictEqual(header.kind, 34);
assert.strictEqual(header.number, 0x4041424344454647n);
assert.strictEqual(body.toString(), 'body');
assert.deepStrictEqual(bus.envelope(header.kind, header, body), data);

// A batch is taken apart, and a broken one ends.
const kinds = (message) => [...bus.openEnvelopes(message)].map((one) => one.header.kind);
const framed = (envelope) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(envelope.length);
  return Buffer.concat([length, envelope]);
};
const inside = Buffer.concat([framed(bus.envelope(16)), framed(bus.envelope(17, {}, Buffer.from('x')))]);
const batch = bus.envelope(40, {}, inside);
assert.deepStrictEqual(kinds(batch), [16, 17]);
assert.deepStrictEqual(kinds(batch.subarray(0, -1)), [16]);
assert.deepStrictEqual(kinds(bus.envelope(40, {}, framed(batch))), []);

// What is no envelope is nothing.
for (const none of [Buffer.alloc(0), Buffer.alloc(95, 1), Buffer.concat([Buffer.from([2]), Buffer.alloc(95)])])
  assert.deepStrictEqual(kinds(none), []);

// Names become their hash.
assert.strictEqual(bus.nameHash('a'), 0xAF63DC4C8601EC8Cn);
assert.strictEqual(bus.nameHash('app.payroll'), 0xBA8DCAE39CEEC75Bn);

// Messages are protobuf.
assert.deepStrictEqual(bus.encode([1, 300], [2, 50]), golden('messages.txt', 'parley.wire.EventPullRequest'));
const reply = bus.decode(golden('messages.txt', 'parley.wire.EventPullReply'));
assert.deepStrictEqual([2, 3, 4].map((n) => reply.get(n)[0]), [300n, 1n, 200n]);
assert.throws(() => bus.decode(Buffer.from('0a05616263', 'hex')));

// What became of a request is told to who asks for it.
const expected = golden('messages.txt', 'parley.wire.TraceAnswer.Event');
const sample = bus.decode(expected);
const [trace, , point, verb, error, attempt, user] = [1, 2, 3, 4, 5, 6, 7].map((n) => sample.get(n)[0]);
const log = new bus.FlightLog();
log.note(point.toString(), { trace, verb, error, attempt, user });
log.note('business_asked', { trace: 7n, verb: 0x0601 });
log.note('business_asked', { trace: 0n, verb: 0x0601 });
const of = (query) => (bus.decode(log.answer(query)).get(2) ?? []).map(bus.decode);
const byTrace = golden('messages.txt', 'parley.wire.TraceQuery').subarray(0, 9);
for (const query of [byTrace, golden('messages.txt', 'parley.wire.TraceQuery'), bus.encode([2, user])]) {
  const [event, ...more] = of(query);
  assert.strictEqual(more.length, 0);
  const at = Number(event.get(2)[0]) / 1000;
  assert.ok(at > Date.now() - 10_000 && at < Date.now() + 10_000, 'microseconds since 1970');
  event.set(2, sample.get(2));
  assert.deepStrictEqual(event, sample);
}
for (const nothing of [bus.encode([2, 99]), Buffer.alloc(0), Buffer.from([0xff])])
  assert.strictEqual(of(nothing).length, 0);

// What it remembers and tells is bounded.
for (let number = 0; number < 10_000; ++number) log.note('business_asked', { trace, verb: number });
assert.deepStrictEqual(of(byTrace).map((event) => Number(event.get(4)[0])), [...Array(200).keys()].map((n) => 9_800 + n));
assert.strictEqual(of(bus.encode([2, user])).length, 0, 'forgotten');
