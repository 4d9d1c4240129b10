-- Numbers that no account may send to, by the operator's word: keyed forms under a secret of his own. They belong to no
-- account, so they outlive all of them.
CREATE TABLE suppression (
    number_key {blob} PRIMARY KEY,
    created    BIGINT NOT NULL
);
