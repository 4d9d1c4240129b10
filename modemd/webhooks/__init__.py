"""Telling programs of users what happens: signed webhooks, callbacks of front doors, live streams.

outbox      writes an event beside the change it tells of, in the same transaction
deliveries  sends what is written, in order per message, until it is taken or given up
courier     one HTTP request to an address that may be called, and to no other
webhooks    what accounts have set up; dead letters
callbacks   what a single message's sender wants called
live        what happens, to whoever listens now
"""
