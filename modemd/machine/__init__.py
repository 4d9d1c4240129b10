"""The machine under the gateway: what is put in place on it, and what may be wrong with it."""
