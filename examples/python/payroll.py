#!/usr/bin/python3
"""A payroll system on Parley's bus: answers who asks app.payroll, writes to users, keeps a record of messages.

    payroll.py serve  --name payroll-1 --keys FILE --broker "tcp://HOST:PORT KEY" [--broker …]
    payroll.py follow (the same): prints "event CURSOR CONVERSATION SEQ SENDER TEXT" for each message
    payroll.py push   (the same) --user ID [--user …] [--online] TEXT

What it serves and pushes it names as `parley trace` does.
"""

import argparse
import logging
import signal
import sys

from parley_bus import FATES, MESSAGE, Bus, Refused, load_keys, receipts, trace_text


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["serve", "follow", "push"])
    parser.add_argument("text", nargs="?", default="")
    parser.add_argument("--name", required=True)
    parser.add_argument("--keys")
    parser.add_argument("--broker", action="append", required=True)
    parser.add_argument("--user", action="append", type=int, default=[])
    parser.add_argument("--online", action="store_true")
    return parser.parse_intermixed_args()


def wages(bus, request):
    logging.info("asked by %d, trace %s", request.user, trace_text(request.trace))
    if request.body == b"slip":
        slip = bus.push(b"your wage slip", users=[request.user])
        logging.info("writes to %d, trace %s", request.user, trace_text(slip.trace))
        return b"on its way"
    if request.body == b"bonus":
        raise Refused(20)  # not_found
    return f"{request.user}: {request.body.decode()}".encode()


def record(event):
    print("event", event.cursor, event.conversation, event.seq, event.sender, event.body.decode(), flush=True)


def main():
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    options = arguments()
    bus = Bus(options.name, options.broker, load_keys(options.keys) if options.keys else (b"", b""))
    signal.signal(signal.SIGTERM, lambda *_: bus.stop())
    if options.what == "serve":
        bus.serve("app.payroll", lambda request: wages(bus, request))
    elif options.what == "follow":
        bus.subscribe([MESSAGE], record)
    if options.what != "push":
        bus.run()
        return bus.close()
    push = bus.push(options.text.encode(), users=options.user, stored=not options.online)
    print("trace", trace_text(push.trace), flush=True)
    try:
        for receipt in receipts(bus.wait(push)):
            print("receipt", receipt.user, FATES[receipt.fate], receipt.number, flush=True)
    except Refused as refused:
        sys.exit(f"not published: {refused}")
    bus.close()


if __name__ == "__main__":
    main()
