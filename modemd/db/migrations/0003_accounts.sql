-- Accounts and their keys. What a user typed is sealed with the account's data key; look-up tags of phone and e-mail
-- are not here but in the key store, so that nothing in this database can be matched against a guess.

CREATE TABLE account (
    id {id},
    operator SMALLINT NOT NULL,
    created BIGINT NOT NULL,
    email {blob},
    phone {blob}
);

CREATE TABLE api_key (
    id {id},
    account BIGINT NOT NULL,
    hash {blob} NOT NULL,
    name {blob},
    created BIGINT NOT NULL
);

CREATE UNIQUE INDEX api_key_hash ON api_key (hash);
CREATE INDEX api_key_account ON api_key (account);
