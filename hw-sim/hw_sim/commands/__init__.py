"""The AT commands of a GSM modem, a family a file; importing this package registers them all."""

from hw_sim.commands import general, identity, registration, routing, security, sending, storing, ussd

__all__ = ["general", "identity", "registration", "routing", "security", "sending", "storing", "ussd"]
