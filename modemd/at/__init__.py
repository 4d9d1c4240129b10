"""One modem's dialogue: bytes to events, commands to answers. Knows no queue, no account, no database."""
