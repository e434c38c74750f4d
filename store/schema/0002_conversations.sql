-- The family that is keyed by conversation.
SET LOCAL ROLE parley_owner;

-- The head of a log: where its numbers come from, under its row lock.
CREATE TABLE parley.conversation (
  id bigint PRIMARY KEY CHECK (id > 0),
  head bigint NOT NULL DEFAULT 0,      -- newest seq
  counted bigint NOT NULL DEFAULT 0,   -- how many entries up to it count as unread
  CHECK (0 <= counted AND counted <= head)
) WITH (fillfactor = 50);              -- room in the page for the next version: updates touch no index

CREATE TABLE parley.log (
  conversation bigint NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  time_ms bigint NOT NULL,
  counted bigint NOT NULL,             -- how many entries up to this one count as unread
  client_id uuid NOT NULL,             -- 16 bytes; chosen by the sender's client
  sender integer NOT NULL,
  kind integer NOT NULL,
  body bytea NOT NULL CHECK (octet_length(body) <= 65535),
  PRIMARY KEY (conversation, seq),
  UNIQUE (conversation, sender, client_id)
) PARTITION BY HASH (conversation);
ALTER TABLE parley.log ALTER COLUMN body SET COMPRESSION lz4;

DO $$
BEGIN
  FOR part IN 0..15 LOOP
    EXECUTE format('CREATE TABLE parley.log_%s PARTITION OF parley.log'
                   ' FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
                   lpad(part::text, 2, '0'), part);
  END LOOP;
END $$;

-- The log can be added to, and nothing else.
GRANT SELECT, INSERT ON parley.log TO parley_app;
GRANT SELECT, INSERT, UPDATE (head, counted) ON parley.conversation TO parley_app;
GRANT SELECT ON parley.log, parley.conversation TO parley_ro;
