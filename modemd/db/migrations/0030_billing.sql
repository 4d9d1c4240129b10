-- Paying in advance: what accounts have, what was taken for which message, and the invoices. Money is whole numbers of
-- the smallest unit of the configured currency.

-- Made when it is first needed; an account without a row is as it was opened (account.trial: by a stranger, so it pays).
CREATE TABLE balance (
    account    {id},
    prepaid    SMALLINT NOT NULL,               -- 0: it sends freely
    billed     SMALLINT NOT NULL DEFAULT 0,     -- 1: there is billing data
    trial_used BIGINT   NOT NULL DEFAULT 0,     -- segments
    credit     BIGINT   NOT NULL DEFAULT 0
);

-- Every change of a balance: credit is the sum of the amounts.
CREATE TABLE booking (
    account  BIGINT   NOT NULL,
    at       BIGINT   NOT NULL,
    kind     SMALLINT NOT NULL,                 -- 0 messages on trial, 1 messages for credit, 2 credit by the operator
    price    BIGINT   NOT NULL,                 -- a segment
    segments BIGINT   NOT NULL,                 -- taken; negative: given back
    amount   BIGINT   NOT NULL,                 -- what it did to the credit
    batch    BIGINT                             -- the call it was taken for
);
CREATE INDEX booking_account ON booking (account, at);
CREATE INDEX booking_batch   ON booking (batch) WHERE batch IS NOT NULL;

-- What is to be given back for a message that is not sent.
CREATE TABLE charge (
    message {id},
    account BIGINT   NOT NULL,
    price   BIGINT   NOT NULL,
    trial   SMALLINT NOT NULL
);
CREATE INDEX charge_account ON charge (account);

CREATE TABLE billing_data (
    account {id},
    body    {blob} NOT NULL                     -- sealed: name, address, VAT id
);

CREATE TABLE invoice (
    id      {id},
    account BIGINT NOT NULL,
    month   INTEGER NOT NULL,                   -- 202610
    year    INTEGER NOT NULL,                   -- of issue
    serial  BIGINT NOT NULL,                    -- within it, from 1, without gaps
    created BIGINT NOT NULL,
    body    {blob} NOT NULL                     -- sealed
);
CREATE UNIQUE INDEX invoice_month  ON invoice (account, month);
CREATE UNIQUE INDEX invoice_serial ON invoice (year, serial);

-- The last number that was given; it stays when the invoices of an erased account go.
CREATE TABLE invoice_series (
    year {id},
    last BIGINT NOT NULL
);
