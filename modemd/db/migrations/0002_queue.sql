-- The queue: messages, their segments on the air, what happened to them, whose turn it is.
-- Moments are microseconds since 1970 UTC. States, lanes and policies are numbered in modemd/queue/states.py.

CREATE TABLE message (
    id           {id},
    account      BIGINT   NOT NULL,
    batch        BIGINT   NOT NULL,              -- id of the first message of the call
    lane         SMALLINT NOT NULL,
    state        SMALLINT NOT NULL,
    parts        SMALLINT NOT NULL,              -- segments in all
    sent_parts   SMALLINT NOT NULL DEFAULT 0,    -- segments the SMSC has taken, always the first ones
    attempts     SMALLINT NOT NULL DEFAULT 0,    -- times a segment was handed to a modem
    refusals     SMALLINT NOT NULL DEFAULT 0,    -- attempts that count against the message (retry.py)
    reference    SMALLINT NOT NULL,              -- concatenation reference, the same for every attempt
    report       SMALLINT NOT NULL,
    if_uncertain SMALLINT NOT NULL,
    created      BIGINT   NOT NULL,
    due          BIGINT   NOT NULL,              -- not before; while uncertain: when if_uncertain is applied
    expires      BIGINT,
    handed_at    BIGINT,                         -- when it was last about to be sent
    sent_at      BIGINT,
    delivered_at BIGINT,
    sim          TEXT,                           -- the SIM it was last handed to
    node         TEXT,                           -- the daemon that handed it
    error_code   TEXT,
    error_detail TEXT,
    to_key       {blob}   NOT NULL,              -- keyed look-up forms; their keys die with the account
    tag_key      {blob},
    body         {blob}   NOT NULL               -- sealed by the account: opaque here
);
-- What can be claimed: only queued rows are in it, so it stays small and a claim costs the same at any history.
CREATE INDEX message_claim    ON message (lane, account, due, id) WHERE state = 1;
CREATE INDEX message_waiting  ON message (due)                    WHERE state IN (0, 1);
CREATE INDEX message_expiry   ON message (expires)                WHERE state IN (0, 1) AND expires IS NOT NULL;
CREATE INDEX message_open     ON message (state, due)             WHERE state IN (2, 3);
CREATE INDEX message_account  ON message (account, id);
CREATE INDEX message_tag      ON message (account, tag_key, id)   WHERE tag_key IS NOT NULL;

-- A call too large for one transaction is staged; deleting its row here is the one change that accepts it.
CREATE TABLE staging (
    batch   BIGINT PRIMARY KEY,
    account BIGINT NOT NULL
);

CREATE TABLE idempotency (
    account     BIGINT NOT NULL,
    call_key    {blob} NOT NULL,
    fingerprint {blob} NOT NULL,
    first_id    BIGINT NOT NULL,
    messages    BIGINT NOT NULL,
    rejected    {blob} NOT NULL,
    created     BIGINT NOT NULL,
    PRIMARY KEY (account, call_key)
);

-- One row a segment that asked for a status report: how the report finds it (TS 23.040 9.2.3.6).
CREATE TABLE segment (
    message   BIGINT   NOT NULL,
    account   BIGINT   NOT NULL,
    number    SMALLINT NOT NULL,
    sim       TEXT     NOT NULL,
    reference SMALLINT NOT NULL,                 -- TP-MR
    sent_at   BIGINT   NOT NULL,
    status    SMALLINT,                          -- the last TP-Status that came
    final_at  BIGINT,
    PRIMARY KEY (message, number)
);
CREATE INDEX segment_reference ON segment (sim, reference, sent_at);

-- What happened to a message beside plain success: the story `modemd why` tells.
CREATE TABLE event (
    message BIGINT   NOT NULL,
    account BIGINT   NOT NULL,
    at      BIGINT   NOT NULL,
    part    SMALLINT NOT NULL,
    what    TEXT     NOT NULL,
    sim     TEXT,
    code    TEXT     NOT NULL,
    detail  TEXT     NOT NULL
);
CREATE INDEX event_message ON event (message, at);

-- Fairness: segments an account has had, by lane; the smallest goes next (turns.py).
CREATE TABLE turn (
    lane    SMALLINT NOT NULL,
    account BIGINT   NOT NULL,
    vtime   BIGINT   NOT NULL,
    PRIMARY KEY (lane, account)
);
