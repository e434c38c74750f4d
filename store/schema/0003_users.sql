-- The family that is keyed by user.
SET LOCAL ROLE parley_owner;

CREATE TABLE parley.account (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- 1 … 2^31 - 1: base/ids.h
  name text NOT NULL,
  nickname text NOT NULL,
  password_hash text NOT NULL,
  generation bigint NOT NULL DEFAULT 0,                 -- of the newest login
  created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
-- Unique regardless of ASCII case; other letters are compared as they are, on every server alike.
CREATE UNIQUE INDEX account_name ON parley.account (lower(name COLLATE "C"));

CREATE TABLE parley.device (
  account integer NOT NULL REFERENCES parley.account,
  id bigint NOT NULL,                -- chosen by the client; 64 bits, so that half of them look negative
  class smallint NOT NULL,
  generation bigint NOT NULL,
  token bytea NOT NULL,              -- hashes, never the tokens
  previous_token bytea,
  access_token bytea NOT NULL,
  rotation_key bytea NOT NULL,
  rotated_ms bigint NOT NULL,
  device_expires_ms bigint NOT NULL,
  family_expires_ms bigint NOT NULL,
  access_expires_ms bigint NOT NULL,
  PRIMARY KEY (account, id)
) WITH (fillfactor = 80);
CREATE INDEX device_token ON parley.device (token);
CREATE INDEX device_previous_token ON parley.device (previous_token) WHERE previous_token IS NOT NULL;
CREATE INDEX device_access_token ON parley.device (access_token);

CREATE TABLE parley.user_conversation (
  account integer NOT NULL REFERENCES parley.account,
  conversation bigint NOT NULL CHECK (conversation > 0),
  received bigint NOT NULL DEFAULT 0,
  read bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (account, conversation),
  CHECK (0 <= read AND read <= received)
) WITH (fillfactor = 70);

GRANT SELECT, INSERT ON parley.account TO parley_app;
GRANT UPDATE (nickname, password_hash, generation) ON parley.account TO parley_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON parley.device TO parley_app;
GRANT SELECT, INSERT, UPDATE (received, read) ON parley.user_conversation TO parley_app;

GRANT SELECT (id, name, nickname, generation, created_at) ON parley.account TO parley_ro;
GRANT SELECT (account, id, class, generation, device_expires_ms) ON parley.device TO parley_ro;
GRANT SELECT ON parley.user_conversation TO parley_ro;
