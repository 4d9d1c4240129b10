-- Whom accounts want told of what happens, and what has not been told yet (modemd/webhooks).

-- One receiver. Those of a front door (its name in `door`) are made by the messages that name a callback, one for
-- each origin, so that one that is down is left alone for all of them.
CREATE TABLE webhook (
    id           {id},
    account      BIGINT   NOT NULL,
    door         TEXT     NOT NULL,              -- '' for what the account has set up
    origin       {blob},                         -- of a door: keyed form of scheme, host and port
    url          {blob},                         -- sealed
    secret       {blob},                         -- sealed
    kinds        TEXT     NOT NULL,              -- of events, separated by commas
    state        SMALLINT NOT NULL DEFAULT 0,    -- 0 active, 1 disabled by its receiver (410)
    created      BIGINT   NOT NULL,
    failures     BIGINT   NOT NULL DEFAULT 0,    -- since the last success
    rest_until   BIGINT   NOT NULL DEFAULT 0,    -- nothing is sent before
    succeeded_at BIGINT,
    failed_at    BIGINT,
    error        TEXT
);
CREATE INDEX webhook_account ON webhook (account, id);
CREATE UNIQUE INDEX webhook_origin ON webhook (account, door, origin) WHERE origin IS NOT NULL;

-- What happened and has to be told to one receiver, written with what it tells of. It holds numbers and codes only:
-- the rest is read from the message, or the inbound SMS, when it is sent.
CREATE TABLE webhook_event (
    event    BIGINT   NOT NULL,
    webhook  BIGINT   NOT NULL,
    account  BIGINT   NOT NULL,
    kind     TEXT     NOT NULL,
    subject  BIGINT   NOT NULL,                  -- id of the message or of the inbound SMS
    at       BIGINT   NOT NULL,
    code     TEXT     NOT NULL,
    detail   TEXT     NOT NULL,
    attempts SMALLINT NOT NULL DEFAULT 0,
    due      BIGINT   NOT NULL,
    error    TEXT,                               -- of the last attempt
    dead_at  BIGINT,                             -- given up: a dead letter
    PRIMARY KEY (webhook, event)
);
CREATE INDEX webhook_event_live    ON webhook_event (webhook, event)          WHERE dead_at IS NULL;
CREATE INDEX webhook_event_subject ON webhook_event (webhook, subject, event) WHERE dead_at IS NULL;
CREATE INDEX webhook_event_account ON webhook_event (account);

-- What a message's sender asked a front door to call when something happens to it.
CREATE TABLE callback (
    message BIGINT PRIMARY KEY,
    account BIGINT NOT NULL,
    webhook BIGINT NOT NULL,
    kinds   TEXT   NOT NULL,
    body    {blob} NOT NULL                      -- sealed: what the door needs to make the request
);
CREATE INDEX callback_account ON callback (account);
CREATE INDEX callback_webhook ON callback (webhook);
