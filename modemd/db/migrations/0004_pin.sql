-- PINs that were tried on a SIM and have not worked, as keyed tags: a PIN is never tried twice (pool/pin.py).
CREATE TABLE pin_trial (
    sim TEXT   NOT NULL,
    tag {blob} NOT NULL,
    PRIMARY KEY (sim, tag)
);
