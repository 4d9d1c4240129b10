-- What each SIM has sent in the calendar minute, hour, day and month that hold `at` (pool/quota.py), in segments.
CREATE TABLE sim_usage (
    sim    TEXT   PRIMARY KEY,
    seen   BIGINT NOT NULL,                      -- when it was last ready: a recipient's SIM is waited for a while
    at     BIGINT NOT NULL,                      -- when it was last handed a segment
    minute BIGINT NOT NULL,
    hour   BIGINT NOT NULL,
    day    BIGINT NOT NULL,
    month  BIGINT NOT NULL
);

-- Whom each SIM has sent to in a month, as tags under a key of that SIM and month, which lies in the key store.
CREATE TABLE sim_recipient (
    sim   TEXT   NOT NULL,
    month BIGINT NOT NULL,                       -- the moment it began
    tag   {blob} NOT NULL,
    PRIMARY KEY (sim, month, tag)
);

-- Segments that an account with a limit has submitted in the day and the month that began at these moments.
CREATE TABLE account_usage (
    account    BIGINT PRIMARY KEY,
    day        BIGINT NOT NULL,
    day_used   BIGINT NOT NULL,
    month      BIGINT NOT NULL,
    month_used BIGINT NOT NULL
);

-- What the clock looks for among a million queued messages: those for later, and those that wait for another try.
CREATE INDEX message_scheduled ON message (due) WHERE state = 0;
CREATE INDEX message_again     ON message (due) WHERE state = 1 AND attempts > 0;
