-- Roles of least privilege. Run by a superuser.
-- Roles belong to the whole server: another database of it may have made them already, or be at it now.
LOCK TABLE pg_catalog.pg_authid IN SHARE ROW EXCLUSIVE MODE;
DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY[
    'parley_owner NOLOGIN',  -- owns everything; nobody is it
    'parley_migrate LOGIN',  -- may become it
    'parley_app LOGIN',      -- the workers
    'parley_ro LOGIN'        -- people who look; sees no secrets
  ] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = split_part(wanted, ' ', 1)) THEN
      EXECUTE 'CREATE ROLE ' || wanted ||
              ' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS';
    END IF;
  END LOOP;
END $$;

GRANT parley_owner TO parley_migrate;

-- A worker that is stopped while it holds a lock must not hold up a conversation for longer than this.
ALTER ROLE parley_app SET statement_timeout = '3s';
ALTER ROLE parley_app SET lock_timeout = '1s';
ALTER ROLE parley_app SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE parley_ro SET statement_timeout = '30s';
ALTER ROLE parley_ro SET lock_timeout = '1s';
ALTER ROLE parley_ro SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE parley_ro SET default_transaction_read_only = on;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO parley_migrate, parley_app, parley_ro',
                 current_database());
END $$;

CREATE SCHEMA parley AUTHORIZATION parley_owner;
GRANT USAGE ON SCHEMA parley TO parley_app, parley_ro;

SET LOCAL ROLE parley_owner;

-- What has been applied; `digest` is that of the file's text.
CREATE TABLE parley.migration (
  number integer PRIMARY KEY,
  name text NOT NULL,
  digest text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON parley.migration TO parley_app, parley_ro;
