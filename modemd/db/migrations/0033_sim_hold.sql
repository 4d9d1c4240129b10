-- SIMs that are given no message because they are short of credit: a restart must not feed them what they refuse.
CREATE TABLE sim_hold (
    sim    TEXT PRIMARY KEY,
    reason TEXT NOT NULL                         -- for the operator
);
