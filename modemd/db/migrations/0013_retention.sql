-- How far each kind of forgetting has come, and what was too early for it then.
CREATE TABLE retention (
    kind       TEXT PRIMARY KEY,
    done_until BIGINT NOT NULL,       -- ids below this have been seen
    ran_at     BIGINT NOT NULL
);

CREATE TABLE retention_later (
    message BIGINT PRIMARY KEY,       -- had not ended when its text was due
    account BIGINT NOT NULL
);
CREATE INDEX retention_later_account ON retention_later (account);
CREATE INDEX idempotency_created ON idempotency (created);
