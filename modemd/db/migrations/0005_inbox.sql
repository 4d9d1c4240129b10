-- What comes back from the network: status reports, and inbound SMS.

ALTER TABLE segment ADD COLUMN handed_at   BIGINT;   -- when it was about to be sent: no report on it is older
ALTER TABLE segment ADD COLUMN accepted_at BIGINT;   -- service centre time stamp of its first report
ALTER TABLE segment ADD COLUMN fate        TEXT;     -- what its last report says (queue/reports.py)

-- Segments whose last word has not come, and messages of which nobody knows: what a report is looked up in.
CREATE INDEX segment_waiting   ON segment (sim, reference, sent_at) WHERE final_at IS NULL;
CREATE INDEX message_uncertain ON message (sim, handed_at)          WHERE state = 3;

-- Reports that came while their message was on the air: its reference is not known yet. Its recipient has been
-- compared already, so no number is kept here. Each is gone with the settlement of its message.
CREATE TABLE early_report (
    message       BIGINT   NOT NULL,
    account       BIGINT   NOT NULL,
    sim           TEXT     NOT NULL,
    reference     SMALLINT NOT NULL,
    status        SMALLINT NOT NULL,
    fate          TEXT     NOT NULL,
    words         TEXT     NOT NULL,
    accepted_at   BIGINT,
    discharged_at BIGINT,
    received_at   BIGINT   NOT NULL
);
CREATE INDEX early_report_message ON early_report (message);

-- Inbound SMS, sealed by the account they belong to.
CREATE TABLE inbound (
    id      {id},
    account BIGINT NOT NULL,
    sim     TEXT   NOT NULL,
    created BIGINT NOT NULL,
    body    {blob} NOT NULL
);
CREATE INDEX inbound_account ON inbound (account, id);
CREATE INDEX inbound_created ON inbound (created);

-- Segments of long ones of which others are missing.
CREATE TABLE inbound_part (
    id      {id},
    account BIGINT   NOT NULL,
    chain   {blob}   NOT NULL,              -- keyed form of what the segments of one message share
    number  SMALLINT NOT NULL,
    total   SMALLINT NOT NULL,
    sim     TEXT     NOT NULL,
    created BIGINT   NOT NULL,
    body    {blob}   NOT NULL
);
CREATE UNIQUE INDEX inbound_part_chain ON inbound_part (chain, number);
CREATE INDEX inbound_part_created ON inbound_part (created);

-- Keyed forms of what came in, so that a copy is recognised.
CREATE TABLE inbound_seen (
    tag     {blob} PRIMARY KEY,
    account BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX inbound_seen_at ON inbound_seen (seen_at);

-- Which account wrote to a number last, by the keyed forms of each account.
CREATE INDEX message_recipient ON message (to_key, sent_at) WHERE sent_at IS NOT NULL;
