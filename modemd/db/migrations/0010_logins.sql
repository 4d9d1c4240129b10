-- Logging in: passwords, sessions, and what strangers asked for and nobody has looked at yet.

ALTER TABLE account ADD COLUMN state SMALLINT NOT NULL DEFAULT 0;   -- 0 open, 1 closing (being erased)
ALTER TABLE account ADD COLUMN used BIGINT;                         -- first log-in or first use of a key

ALTER TABLE api_key ADD COLUMN used BIGINT;                         -- last use, to the hour

-- Everything in it is sealed by the account. A pending hash replaces the current one when it is used first.
CREATE TABLE credential (
    account       {id},
    salt          {blob} NOT NULL,
    current_hash  {blob},
    pending_hash  {blob},
    pending_until BIGINT
);

CREATE TABLE session (
    id      {id},
    account BIGINT NOT NULL,
    hash    {blob} NOT NULL,        -- SHA-256 of the cookie
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE UNIQUE INDEX session_hash ON session (hash);
CREATE INDEX session_account ON session (account);

-- Registrations and resets: answered when they are here, looked at afterwards, so that the answer cannot tell who has
-- an account. Each is sealed by a key of its own, which a registration hands on to its account.
CREATE TABLE errand (
    id      {id},
    kind    SMALLINT NOT NULL,      -- 1 registration, 2 password reset
    payload {blob}   NOT NULL,
    created BIGINT   NOT NULL
);
