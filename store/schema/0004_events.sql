-- The outbox of events that business systems follow (store/event_store.h).
SET LOCAL ROLE parley_owner;

-- Where events' numbers come from, under the row's lock: commits are in their order, without holes.
CREATE TABLE parley.event_counter (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  head bigint NOT NULL DEFAULT 0       -- the newest event
) WITH (fillfactor = 10);
INSERT INTO parley.event_counter DEFAULT VALUES;

CREATE TABLE parley.event_subscription (
  subscriber bigint PRIMARY KEY,       -- instance id; 64 bits, so that half of them look negative
  messages boolean NOT NULL,
  presence_since bigint,               -- newest event when presence was first wanted; NULL: it is not
  acked bigint NOT NULL                -- everything up to it is dealt with
) WITH (fillfactor = 50);
-- For the question of each append.
CREATE INDEX event_subscription_messages ON parley.event_subscription (subscriber) WHERE messages;

-- One row stands for `events` events, numbered … `last`.
CREATE TABLE parley.event (
  last bigint PRIMARY KEY,
  events bigint NOT NULL CHECK (events > 0),
  time_ms bigint NOT NULL,             -- wall clock; ends its life, and tells when a presence changed
  conversation bigint,                 -- entries of its log, from first_seq on
  first_seq bigint,
  account integer,                     -- or: this user came online or went offline
  online boolean,
  CHECK (num_nonnulls(conversation, first_seq) = 2 AND num_nonnulls(account, online) = 0
         OR num_nonnulls(conversation, first_seq) = 0 AND num_nonnulls(account, online) = 2
            AND events = 1)
);

-- What was last told of each user's presence, and (at or before) which event that was.
CREATE TABLE parley.event_presence (
  account integer PRIMARY KEY,
  online boolean NOT NULL,
  number bigint NOT NULL
) WITH (fillfactor = 70);

-- Always empty. Who appends or sweeps locks it in the mode of FOR KEY SHARE; who begins to want messages, EXCLUSIVE:
-- so every append either is over by then or knows of it. (A dump or a vacuum does not come in the way.)
CREATE TABLE parley.event_gate (one boolean PRIMARY KEY CHECK (false));

-- The first entry that is in no event yet; NULL while nobody wants messages, and once it is swept. The index, and with it
-- every index of the table, is touched only when it becomes NULL or ceases to be.
ALTER TABLE parley.conversation ADD COLUMN untold bigint;
CREATE INDEX conversation_untold ON parley.conversation (id) WHERE untold IS NOT NULL;

GRANT UPDATE (untold) ON parley.conversation TO parley_app;
GRANT SELECT, UPDATE (head) ON parley.event_counter TO parley_app;
GRANT SELECT, INSERT, UPDATE (messages, presence_since, acked), DELETE
  ON parley.event_subscription TO parley_app;
GRANT SELECT, INSERT, DELETE ON parley.event TO parley_app;
GRANT SELECT, INSERT, UPDATE (online, number) ON parley.event_presence TO parley_app;
GRANT SELECT, UPDATE ON parley.event_gate TO parley_app;
GRANT SELECT ON parley.event_counter, parley.event_subscription, parley.event, parley.event_presence
  TO parley_ro;
