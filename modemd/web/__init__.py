"""What modemd shows to the network: HTTP in, verbs of the accounts called, JSON out."""
