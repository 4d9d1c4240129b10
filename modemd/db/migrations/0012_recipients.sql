-- The address books of accounts, and the numbers they may not send to. Look-up forms die with the account's key.

CREATE TABLE recipient (
    id         {id},
    account    BIGINT NOT NULL,
    number_key {blob} NOT NULL,
    body       {blob} NOT NULL,         -- sealed: number, name, fields
    created    BIGINT NOT NULL
);
CREATE UNIQUE INDEX recipient_number ON recipient (account, number_key);
CREATE INDEX recipient_account ON recipient (account, id);

CREATE TABLE recipient_group (
    id       {id},
    account  BIGINT NOT NULL,
    name_key {blob} NOT NULL,
    name     {blob} NOT NULL,           -- sealed
    created  BIGINT NOT NULL
);
CREATE UNIQUE INDEX recipient_group_name ON recipient_group (account, name_key);

CREATE TABLE membership (
    account   BIGINT NOT NULL,
    grouping  BIGINT NOT NULL,          -- id of the group
    recipient BIGINT NOT NULL,
    PRIMARY KEY (grouping, recipient)
);
CREATE INDEX membership_account ON membership (account);
CREATE INDEX membership_recipient ON membership (recipient);

CREATE TABLE opt_out (
    id         {id},
    account    BIGINT NOT NULL,
    number_key {blob} NOT NULL,
    number     {blob} NOT NULL,         -- sealed
    how        SMALLINT NOT NULL,       -- 0 by the account, 1 by the recipient's STOP
    created    BIGINT NOT NULL
);
CREATE UNIQUE INDEX opt_out_number ON opt_out (account, number_key);
