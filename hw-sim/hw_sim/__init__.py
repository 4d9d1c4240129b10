"""A simulated bank of GSM modems: bytes on a pty or a TCP port, a SIM, a network with air time.

It shares no code with the gateway it is used to test, so that one misreading of a standard cannot hide in both.
"""
