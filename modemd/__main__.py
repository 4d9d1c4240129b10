"""``python -m modemd``: the command line."""

from modemd.cli import main

main()
