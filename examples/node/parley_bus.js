// Parley's bus for business systems: publish, serve, subscribe. Needs only ZeroMQ (zeromq 6 from npm); the wire is
// documented in bus/README.md, from which alone this was written. 64-bit numbers are BigInt throughout.
//
//   const bus = new Bus('payroll-1', ['tcp://10.0.0.5:7201 <server\'s public key>'], loadKeys('payroll.key'));
//   bus.serve('app.payroll', (request) => Buffer.from('42'));
//   bus.start();
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const { Dealer } = require('zeromq');

// -- the wire: an envelope is 96 bytes and a body -----------------------------------------------------------------

const Kind = {
  REGISTER: 1, DRAIN: 2, BYE: 3, REGISTERED: 8, NOT_REGISTERED: 9, PING: 16, PONG: 17, CREDIT: 18,
  REQUEST: 32, REPLY: 33, DELIVER: 34, BATCH: 40, TRACE_QUERY: 52, TRACE_ANSWER: 53,
};
const Verb = { PUSH_PUBLISH: 0x0601, APP_REQUEST: 0x0801, EVENT_SUBSCRIBE: 0x0901, EVENT_PULL: 0x0902 };
const NEWS = 0x0981;
const Code = {
  RETRY_LATER: 1, GOING_AWAY: 4, NO_SERVICE: 5, BAD_REQUEST: 16, TOO_LARGE: 17, NOT_FOUND: 20, INTERNAL: 23,
};
const ROLE_BUSINESS = 3;
const HEADER = 96;
const ENVELOPE_MAX = 1 << 20;

// [name, offset, bytes] of a header's fields.
const FIELDS = [
  ['kind', 1, 1], ['verb', 2, 2], ['error', 4, 2], ['attempt', 6, 1], ['flags', 7, 1], ['key', 8, 8],
  ['gateway', 16, 8], ['boot', 24, 8], ['number', 32, 8], ['user', 40, 8], ['device', 48, 8], ['generation', 56, 8],
  ['target', 64, 8], ['origin', 72, 8], ['trace', 80, 8], ['ttlMs', 88, 4], ['retryAfterMs', 92, 4],
];

function envelope(kind, fields = {}, body = Buffer.alloc(0)) {
  const header = Buffer.alloc(HEADER);
  header[0] = 1;
  for (const [name, offset, size] of FIELDS) {
    const value = name === 'kind' ? kind : fields[name];
    if (value === undefined) continue;
    if (size === 8) header.writeBigUInt64LE(BigInt(value), offset);
    else header.writeUIntLE(Number(value), offset, size);
  }
  return Buffer.concat([header, body]);
}

// The envelopes of a ZeroMQ message: one, or a batch of them.
function* openEnvelopes(data) {
  if (data.length < HEADER || data.length > ENVELOPE_MAX || data[0] !== 1) return;
  let body = data.subarray(HEADER);
  if (data[1] !== Kind.BATCH) {
    const header = {};
    for (const [name, offset, size] of FIELDS)
      header[name] = size === 8 ? data.readBigUInt64LE(offset) : data.readUIntLE(offset, size);
    yield { header, body, size: data.length };
    return;
  }
  while (body.length >= 4) {
    const end = 4 + body.readUInt32LE(0);
    const inner = body.subarray(4, end);
    if (inner.length !== end - 4 || inner[1] === Kind.BATCH) return;
    yield* openEnvelopes(inner);
    body = body.subarray(end);
  }
}

// FNV-1a, 64 bits, never 0: how names travel in headers.
function nameHash(name) {
  let value = 0xCBF29CE484222325n;
  for (const byte of Buffer.from(name)) value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001B3n);
  return value || 1n;
}

const randomId = () => crypto.randomBytes(8).readBigUInt64LE() || 1n;
// A trace as all logs write it, and `parley trace` reads it.
const traceText = (trace) => trace.toString(16).padStart(16, '0');

// -- protobuf, as much of it as is needed -------------------------------------------------------------------------

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7Fn; rest >>= 7n) bytes.push(Number(rest & 0x7Fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

// A number that is encoded in 8 bytes instead of as a varint.
class Fixed64 {
  constructor(value) { this.value = value; }
}

// A message from [number, value] pairs; 0, '' and empty buffers are left out, an array is a repeated field.
function encode(...fields) {
  const out = [];
  for (const [number, value] of fields) {
    for (const item of Array.isArray(value) ? value : value && value.length !== 0 ? [value] : []) {
      if (typeof item === 'string' || Buffer.isBuffer(item)) {
        const bytes = Buffer.from(item);
        out.push(varint(number << 3 | 2), varint(bytes.length), bytes);
      } else if (item instanceof Fixed64) {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(item.value);
        out.push(varint(number << 3 | 1), bytes);
      } else {
        out.push(varint(number << 3), varint(item));
      }
    }
  }
  return Buffer.concat(out);
}

// The fields of a message: Map of number → array of values, BigInt or Buffer. Throws: it is none.
function decode(data) {
  const fields = new Map();
  let at = 0;
  const readVarint = () => {
    for (let value = 0n, shift = 0n; at < data.length && shift < 70n; shift += 7n) {
      const byte = data[at++];
      value |= BigInt(byte & 0x7F) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Error('varint');
  };
  while (at < data.length) {
    const tag = Number(readVarint());
    const kind = tag & 7;
    const size = kind === 2 ? Number(readVarint()) : { 0: 0, 1: 8, 5: 4 }[kind];
    if (size === undefined || at + size > data.length) throw new Error('field');
    const raw = data.subarray(at, at += size);
    const value = kind === 0 ? readVarint() : kind === 2 ? raw
      : kind === 1 ? raw.readBigUInt64LE() : BigInt(raw.readUInt32LE());
    if (!fields.has(tag >> 3)) fields.set(tag >> 3, []);
    fields.get(tag >> 3).push(value);
  }
  return fields;
}

const first = (fields, number, otherwise = 0n) => (fields.get(number) ?? [otherwise]).at(-1);
const none = Buffer.alloc(0);

// -- for operators: what became of a request ----------------------------------------------------------------------

// What happened to the latest requests here, for `parley trace`.
class FlightLog {
  static EVENTS_MAX = 4096;
  static ANSWER_MAX = 200;
  #events = []; // a ring
  #noted = 0;

  note(point, { trace, verb, error = 0, attempt = 0, user = 0n }) {
    if (!trace) return;
    const us = Math.round((performance.timeOrigin + performance.now()) * 1000);
    this.#events[this.#noted++ % FlightLog.EVENTS_MAX] = { trace, us, point, verb, error, attempt, user };
  }

  // The TraceAnswer to a TraceQuery; to what is none, an empty one.
  answer(body) {
    let query = new Map();
    try { query = decode(body); } catch { /* asks for nothing */ }
    const [trace, user] = [first(query, 1), first(query, 2)];
    const start = this.#noted % this.#events.length || 0;
    const byAge = [...this.#events.slice(start), ...this.#events.slice(0, start)];
    const wanted = byAge.filter((event) => (trace ? event.trace === trace : user && event.user === user));
    return encode([2, wanted.slice(-FlightLog.ANSWER_MAX).map((event) => encode([1, new Fixed64(event.trace)],
      [2, event.us], [3, event.point], [4, event.verb], [5, event.error], [6, event.attempt], [7, event.user]))]);
  }
}

// -- one broker ---------------------------------------------------------------------------------------------------

const PING_EVERY = 500, DEAD_AFTER = 1500, REGISTER_EVERY = 500, TICK = 100;
const now = () => performance.now();

// The connection to one broker: register, stay alive, notice its death. Each attempt has a fresh socket with a fresh
// identity, so that nothing of a former life arrives in the next.
class Link {
  constructor(bus, broker) {
    this.bus = bus;
    [this.endpoint, this.serverKey] = broker.split(' ');
    this.draining = false;
    this.open();
  }

  open() {
    this.close(0);
    this.socket = new Dealer({
      routingId: `b${crypto.randomBytes(8).toString('hex')}`,
      immediate: true, // nothing is queued for a broker that is not there
      maxMessageSize: ENVELOPE_MAX + 1024,
      sendTimeout: 0,
      linger: 0,
      ...(this.serverKey
        ? { curveServerKey: this.serverKey, curvePublicKey: this.bus.keys.public, curveSecretKey: this.bus.keys.secret }
        : {}),
    });
    this.socket.connect(this.endpoint);
    this.state = 'connecting';
    this.outbox = [];
    this.flushing = false;
    this.refusals = this.unanswered = 0;
    this.heard = this.pinged = this.ticked = now();
    this.registerAt = 0;
    this.patience = 500 * Math.random();
    this.dealt = this.dealtBytes = this.told = 0; // deliveries of this registration
    this.read(this.socket);
  }

  close(linger) {
    if (!this.socket) return;
    this.socket.linger = linger;
    this.socket.close();
    this.socket = null;
  }

  send(data) {
    this.outbox.push(data);
    this.flush();
  }

  // One send at a time, as zeromq.js wants it; what finds no room goes with the next tick.
  async flush() {
    if (this.flushing) return;
    const { socket, outbox } = this;
    this.flushing = true;
    try {
      while (outbox.length > 0 && !socket.closed) {
        const next = outbox[0];
        await socket.send(next);
        if (outbox[0] === next) outbox.shift(); // else a registration was given up meanwhile
      }
    } catch (error) {
      if (error.code !== 'EAGAIN' && !socket.closed) throw error;
    } finally {
      if (socket === this.socket) this.flushing = false;
    }
  }

  async read(socket) {
    try {
      for await (const [message] of socket) {
        if (socket !== this.socket) return;
        for (const { header, body, size } of openEnvelopes(message)) {
          this.heard = now();
          this.take(header, body, size);
          if (socket !== this.socket || this.state === 'down') return;
        }
      }
    } catch (error) {
      if (!socket.closed) throw error;
    }
  }

  take(header, body, size) {
    if (header.kind === Kind.REGISTERED && this.state === 'connecting') {
      this.state = 'up';
      if (this.draining) this.drain(); // the REGISTER was on its way
      this.bus.onUp();
    } else if (header.kind === Kind.NOT_REGISTERED) {
      this.turnedAway(header);
    } else if (header.kind === Kind.PING) {
      this.send(envelope(Kind.PONG, { number: header.number }));
    } else if (this.isRegistered()) {
      this.bus.take(this, header, body, size);
    }
  }

  turnedAway(header) {
    if (this.state === 'connecting') {
      const wait = Math.min(100 * 2 ** this.refusals++, 2000);
      this.registerAt = now() + wait * (0.5 + Math.random() / 2);
      console.error(`${this.endpoint} refuses us: error ${header.error}`);
    } else if (header.error === Code.GOING_AWAY) {
      this.state = 'leaving'; // it drains: what it has it answers, what it did not take goes elsewhere
      this.bus.onRefused(header.number);
    } else {
      this.lose();
    }
  }

  isRegistered() { return this.state === 'up' || this.state === 'leaving'; }

  tick() {
    const time = now();
    if (time - this.ticked >= PING_EVERY) this.heard = time; // we stood still, which says nothing about the broker
    this.ticked = time;
    if (this.state === 'connecting' && time >= this.registerAt && !this.draining) {
      this.registerAt = time + REGISTER_EVERY;
      this.outbox.length = 0; // an earlier attempt that could not be sent
      const { instance, boot } = this.bus;
      this.send(envelope(Kind.REGISTER, { gateway: instance, boot }, this.bus.registration()));
    }
    if (this.state === 'connecting' && time - this.heard >= DEAD_AFTER + this.patience && !this.draining)
      return this.open(); // ZeroMQ gives up for good where our key was refused; it may be listed by now
    if (this.isRegistered()) {
      if (time - this.heard >= DEAD_AFTER) return this.lose();
      if (time - Math.max(this.heard, this.pinged) >= PING_EVERY) {
        this.pinged = time;
        this.send(envelope(Kind.PING));
      }
      if (this.told !== this.dealt) {
        this.told = this.dealt;
        this.send(envelope(Kind.CREDIT, { number: this.dealt, target: this.dealtBytes }));
      }
    }
    this.flush();
  }

  drain() {
    this.draining = true; // no more requests, please; and it does not register any more
    if (this.bus.apps.size > 0 && this.isRegistered()) this.send(envelope(Kind.DRAIN));
  }

  lose() {
    console.error(`lost ${this.endpoint}`);
    this.state = 'down';
    this.bus.onDown(this);
    this.open();
  }
}

// -- the bus ------------------------------------------------------------------------------------------------------

const ANSWER_WITHIN = 10_000, ASK_AGAIN = 4_000, ASKS_MAX = 10_000;

// The server's answer to an ask, or an app's to its client: a number of base/error.def.
class Refused extends Error {
  constructor(code, retryAfterMs = 0, trace = 0n) {
    super(`error ${code}${trace ? `, trace ${traceText(trace)}` : ''}`);
    Object.assign(this, { code, retryAfterMs });
  }
}

class Bus {
  // `brokers`: 'tcp://host:port KEY' each, or 'ipc://path'. `keys`: loadKeys() of this system's own.
  constructor(name, brokers, keys) {
    Object.assign(this, { name, brokers, keys, instance: nameHash(name), boot: randomId() });
    this.apps = new Map();
    this.asks = new Map(); // by number, that is by age
    this.number = 0n;
    this.flight = new FlightLog();
    this.links = [];
    this.onDrain = () => this.close(); // an operator wants us to leave
  }

  // Before start(). handler(request) → the answer, a Buffer, now or as a promise; Refused becomes its error. A
  // request may come more than once, then with the same `id`. Its `trace` is its name in everybody's logs: traceText().
  serve(app, handler) { this.apps.set(nameHash(app), { app, handler }); }

  // Before start(). handler(event), awaited, in the order of the events, each at least once: one that throws is given
  // again, and what was handled is acknowledged, also over restarts of this process and of the server.
  subscribe(kinds, handler) { this.feed = new Feed(this, kinds, handler); }

  start() {
    this.links = this.brokers.map((broker) => new Link(this, broker));
    this.ticking = setInterval(() => this.tick(), TICK);
  }

  // Asks a worker: a promise of the answer's bytes, or Refused. Asks of one key are carried out in their order. One
  // that ends with RETRY_LATER may have been carried out or not. `trace`: for an operator, see traceText().
  ask(verb, key, body, trace = randomId()) {
    if (this.asks.size >= ASKS_MAX) return Promise.reject(new Refused(Code.RETRY_LATER));
    if (HEADER + body.length > ENVELOPE_MAX) return Promise.reject(new Refused(Code.TOO_LARGE));
    return new Promise((resolve, reject) => {
      const number = ++this.number;
      const deadline = now() + ANSWER_WITHIN;
      this.asks.set(number, { number, verb, key, body, trace, resolve, reject, link: null, deadline });
      this.flight.note('business_asked', { trace, verb });
      this.place();
    });
  }

  // Says something to users; a promise of receipts, user by user. With the same publishId it may be repeated.
  async push(body, { users = [], everyone = false, stored = true, publishId = crypto.randomBytes(16), trace }) {
    const request = encode([1, publishId], [2, this.name], [3, stored ? Keep.STORED : Keep.ONLINE_ONLY], [4, users],
      [5, everyone ? 1 : 0], [6, Buffer.from(body)]);
    const reply = decode(await this.ask(Verb.PUSH_PUBLISH, this.instance, request, trace));
    return (reply.get(1) ?? []).map(decode).map((receipt) => ({
      user: first(receipt, 1), fate: Number(first(receipt, 2)), conversation: first(receipt, 3),
      number: first(receipt, 4),
    }));
  }

  // Leaves without losing anything: takes nothing new, answers what it has, waits for its own answers.
  async close(limit = 10_000) {
    if (this.closing) return;
    this.closing = true;
    const deadline = now() + limit;
    await this.feed?.stop();
    for (const link of this.links) link.drain();
    do await new Promise((resolve) => setTimeout(resolve, 2 * TICK)); // what is on its way while DRAIN travels
    while (now() < deadline && (this.asks.size > 0 || this.links.some((link) => link.unanswered > 0)));
    clearInterval(this.ticking);
    for (const link of this.links) {
      link.send(envelope(Kind.BYE));
      link.close(1000);
    }
  }

  // -- what the links call

  registration() {
    const apps = [...this.apps.values()].map(({ app }) => app);
    return encode([1, ROLE_BUSINESS], [2, this.name], [4, apps.length && 256], [5, apps.length && 8 << 20], [6, apps],
      [7, this.feed ? 256 : 0], [8, this.feed ? 1 << 20 : 0], [9, 1]);
  }

  onUp() {
    this.place();
    this.feed?.hurry();
  }

  onDown(link) {
    for (const ask of this.asks.values()) if (ask.link === link) ask.link = null;
    this.place();
  }

  onRefused(number) {
    if (!this.asks.has(number)) return;
    this.asks.get(number).link = null;
    this.place();
  }

  take(link, header, body, size) {
    if (header.kind === Kind.REQUEST) {
      this.serveOne(link, header, body);
    } else if (header.kind === Kind.REPLY && header.boot === this.boot) {
      this.finish(header.number, body, header.error, header.retryAfterMs);
    } else if (header.kind === Kind.DELIVER) {
      link.dealt += 1;
      link.dealtBytes += size;
      if ([...notices(body)].includes(NEWS)) this.feed?.hurry();
    } else if (header.kind === Kind.TRACE_QUERY) {
      link.send(envelope(Kind.TRACE_ANSWER, { number: header.number }, this.flight.answer(body)));
    } else if (header.kind === Kind.DRAIN) {
      this.onDrain();
    }
  }

  // -- inside

  tick() {
    for (const link of this.links) link.tick();
    const time = now();
    for (const ask of [...this.asks.values()]) {
      if (time >= ask.deadline) this.finish(ask.number, none, Code.RETRY_LATER, 200);
      else if (ask.link?.state === 'up' && time - ask.sent >= ASK_AGAIN) this.send(ask); // the answer may be lost
    }
    this.feed?.tick();
  }

  // Sends what is at no broker to the first healthy one; but nothing may overtake an ask of its key.
  place() {
    const start = Number(this.instance % BigInt(this.links.length || 1)); // each system begins at another broker
    const home = [...this.links.slice(start), ...this.links.slice(0, start)].find((link) => link.state === 'up');
    const blocked = new Set();
    for (const ask of this.asks.values()) if (ask.link && ask.link !== home) blocked.add(ask.key);
    for (const ask of this.asks.values()) {
      if (ask.link) continue;
      if (!home || blocked.has(ask.key)) {
        blocked.add(ask.key);
      } else {
        ask.link = home;
        this.send(ask);
      }
    }
  }

  send(ask) {
    ask.sent = now();
    const { verb, key, number, trace } = ask;
    const id = { gateway: this.instance, boot: this.boot, number };
    const ttlMs = Math.max(1, Math.floor(ask.deadline - ask.sent));
    ask.link.send(envelope(Kind.REQUEST, { verb, key, ...id, trace, ttlMs }, ask.body));
  }

  finish(number, body, error, hint) {
    const ask = this.asks.get(number);
    if (!ask) return; // it was asked again, and both were answered
    this.asks.delete(number);
    this.flight.note('business_got_answer', { ...ask, error });
    if (error) ask.reject(new Refused(error, hint, ask.trace));
    else ask.resolve(body);
    this.place();
  }

  async serveOne(link, header, body) {
    const { socket } = link;
    link.unanswered += 1;
    this.flight.note('business_received', header);
    const answer = { verb: header.verb, gateway: header.gateway, boot: header.boot, number: header.number,
      trace: header.trace };
    let result = none;
    try {
      const app = this.apps.get(header.target);
      if (header.verb !== Verb.APP_REQUEST || !app) throw new Refused(Code.NO_SERVICE);
      const id = `${header.gateway}/${header.boot}/${header.number}`;
      const { user, device, attempt, trace } = header;
      result = await app.handler({ id, user, device, attempt, trace, body });
    } catch (error) { // a defect of the handler's costs its client an error, not everybody the service
      if (!(error instanceof Refused)) console.error('the handler failed:', error);
      answer.error = error instanceof Refused ? error.code : Code.INTERNAL;
      answer.retryAfterMs = error.retryAfterMs ?? 0;
    }
    this.flight.note('business_replied', { ...header, error: answer.error });
    if (link.socket !== socket || !link.isRegistered()) return; // that broker has given the request to another
    link.unanswered -= 1;
    link.send(envelope(Kind.REPLY, answer, Buffer.from(result)));
  }
}

// -- push and events ----------------------------------------------------------------------------------------------

const Keep = { ONLINE_ONLY: 1, STORED: 2 };
const FATES = { 1: 'sent', 2: 'offline', 3: 'stored', 4: 'unknown user' };
const EventKind = { MESSAGE: 1, PRESENCE: 2 };

// The numbers of the notices of a DELIVER's body.
function* notices(deliveries) {
  for (let at = 0; at + 24 <= deliveries.length;) {
    yield deliveries.readUInt16LE(at);
    at += 24 + 8 * deliveries.readUInt16LE(at + 2) + deliveries.readUInt32LE(at + 4);
  }
}

function readEvent(data) {
  const event = decode(data);
  const cursor = first(event, 1);
  if (first(event, 2) === BigInt(EventKind.MESSAGE)) {
    const message = decode(first(event, 3, none));
    const entry = decode(first(message, 3, none));
    return { kind: EventKind.MESSAGE, cursor, conversation: first(message, 1), receiver: first(message, 2),
      seq: first(entry, 1), sender: first(entry, 2), clientId: first(entry, 3, none), body: first(entry, 5, none),
      timeMs: first(entry, 6) };
  }
  const presence = decode(first(event, 4, none));
  return { kind: EventKind.PRESENCE, cursor, user: first(presence, 1), online: first(presence, 2) === 1n,
    timeMs: first(presence, 3) };
}

// Events: subscribe, then pull page after page. A pull's cursor acknowledges what was handled; so a page that was not
// handled to its end comes again.
class Feed {
  constructor(bus, kinds, handler) {
    Object.assign(this, { bus, kinds, handler, cursor: null, nextAt: 0, busy: null, stopped: false });
  }

  hurry() { this.nextAt = 0; } // there may be news

  tick() {
    if (this.busy || this.stopped || now() < this.nextAt) return;
    this.nextAt = now() + 5_000;
    this.busy = this.step().catch((error) => {
      if ([Code.NOT_FOUND, Code.BAD_REQUEST].includes(error.code))
        this.cursor = null; // the server does not know us, or not this cursor: its word holds
      if (!(error instanceof Refused)) console.error('events will be given again:', error);
      this.nextAt = now() + Math.max(250 + 750 * Math.random(), error.retryAfterMs ?? 1_000);
    }).finally(() => { this.busy = null; });
  }

  async step() {
    if (this.cursor === null) {
      const reply = decode(await this.ask(Verb.EVENT_SUBSCRIBE, encode([1, this.kinds])));
      this.cursor = first(reply, 1);
      console.error(`follows events from ${this.cursor}`);
    }
    const reply = decode(await this.ask(Verb.EVENT_PULL, encode([1, this.cursor], [2, 100])));
    if (first(reply, 4)) console.error(`events up to ${first(reply, 4)} are lost: this system was away for too long`);
    const events = (reply.get(1) ?? []).map(readEvent);
    for (const event of events) {
      if (this.stopped) return;
      await this.handler(event);
      this.cursor = event.cursor;
    }
    this.cursor = first(reply, 2);
    if (events.length > 0 || first(reply, 3)) this.hurry();
  }

  ask(verb, body) { return this.bus.ask(verb, this.bus.instance, body); }

  // After the event that is being handled. The last word: what was handled is not given to the next life again.
  async stop() {
    this.stopped = true;
    await this.busy;
    if (this.cursor !== null)
      await this.ask(Verb.EVENT_PULL, encode([1, this.cursor], [2, 1])).catch((error) => console.error(error));
  }
}

// A key file of `parley key bus`: the public and the secret key. Nobody else may be able to read it.
function loadKeys(path) {
  if (fs.statSync(path).mode & 0o077) throw new Error(`${path}: its mode must be 0600`);
  const [publicKey, secretKey] = fs.readFileSync(path, 'ascii').trim().split(/\s+/);
  return { public: publicKey, secret: secretKey };
}

module.exports = {
  Bus, Refused, Code, FATES, EventKind, FlightLog, loadKeys, randomId, traceText, envelope, openEnvelopes, encode,
  decode, nameHash,
};
