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
