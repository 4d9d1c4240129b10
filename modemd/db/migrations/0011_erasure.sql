-- Accounts that were opened without the operator are on trial, and go away if nobody ever uses them.
ALTER TABLE account ADD COLUMN trial SMALLINT NOT NULL DEFAULT 0;

-- Erasures: how far each is, and its receipt, which names nobody.
CREATE TABLE erasure (
    id            {id},
    erased        BIGINT   NOT NULL,              -- id of the account, which leads nowhere any more
    step          SMALLINT NOT NULL,
    requested_at  BIGINT   NOT NULL,
    unreadable_at BIGINT,
    completed_at  BIGINT,
    removed       TEXT     NOT NULL,              -- JSON: rows by table
    waiting_for   TEXT     NOT NULL,              -- JSON: mirrors and modems out of reach
    retained      TEXT     NOT NULL               -- JSON: what is kept, and why
);
CREATE UNIQUE INDEX erasure_erased ON erasure (erased);
CREATE INDEX erasure_open ON erasure (id) WHERE completed_at IS NULL;
