-- The last complete run of each duty that a stop must not delay.
CREATE TABLE duty (
    name   TEXT PRIMARY KEY,
    ran_at BIGINT NOT NULL
);
