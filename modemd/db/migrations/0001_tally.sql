-- Counters that many transactions add to: collected in memory, written once a commit.
CREATE TABLE tally (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
