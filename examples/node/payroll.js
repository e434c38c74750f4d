// A payroll system on Parley's bus: answers who asks app.payroll, writes to users, keeps a record of messages.
//
//   node payroll.js serve  --name payroll-1 --keys FILE --broker 'tcp://HOST:PORT KEY' [--broker …]
//   node payroll.js follow (the same): prints 'event CURSOR CONVERSATION SEQ SENDER TEXT' for each message
//   node payroll.js push   (the same) --user ID [--user …] [--online] TEXT
//
// What it serves and pushes it names as `parley trace` does.
'use strict';

const { parseArgs } = require('node:util');
const { Bus, EventKind, FATES, Refused, Code, loadKeys, randomId, traceText } = require('./parley_bus.js');

async function wages(bus, request) {
  console.error(`asked by ${request.user}, trace ${traceText(request.trace)}`);
  if (request.body.equals(Buffer.from('slip'))) {
    const trace = randomId();
    console.error(`writes to ${request.user}, trace ${traceText(trace)}`);
    await bus.push('your wage slip', { users: [request.user], trace });
    return Buffer.from('on its way');
  }
  if (request.body.equals(Buffer.from('bonus'))) throw new Refused(Code.NOT_FOUND);
  return Buffer.from(`${request.user}: ${request.body}`);
}

function record(event) {
  console.log(`event ${event.cursor} ${event.conversation} ${event.seq} ${event.sender} ${event.body}`);
}

async function main() {
  const { values: options, positionals: [what, text = ''] } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string' }, keys: { type: 'string' }, broker: { type: 'string', multiple: true },
      user: { type: 'string', multiple: true, default: [] }, online: { type: 'boolean', default: false },
    },
  });
  const bus = new Bus(options.name, options.broker, options.keys && loadKeys(options.keys));
  process.on('SIGTERM', () => bus.close());
  if (what === 'serve') bus.serve('app.payroll', (request) => wages(bus, request));
  if (what === 'follow') bus.subscribe([EventKind.MESSAGE], record);
  bus.start();
  if (what !== 'push') return;
  const trace = randomId();
  console.log(`trace ${traceText(trace)}`);
  try {
    const receipts = await bus.push(text, { users: options.user.map(BigInt), stored: !options.online, trace });
    for (const { user, fate, number } of receipts) console.log(`receipt ${user} ${FATES[fate]} ${number}`);
  } catch (error) {
    console.error(`not published: ${error.message}`);
    process.exitCode = 1;
  }
  await bus.close();
}

main();
