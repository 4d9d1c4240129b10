"""modemd: an SMS gateway that drives a pool of GSM modems with AT commands."""

__version__ = "0.1.0"
