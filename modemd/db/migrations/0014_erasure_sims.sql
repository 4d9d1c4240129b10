-- SIMs whose storage may still hold something of an erased account, until they have been swept.
CREATE TABLE erasure_sim (
    erasure BIGINT NOT NULL,
    sim     TEXT   NOT NULL,
    PRIMARY KEY (erasure, sim)
);
