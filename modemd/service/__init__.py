"""The daemon, put together: every part built, introduced to the others, run, drained and stopped."""

from modemd.accounts.master_key import from_paper
from modemd.service.ceremonies import ask_keys, init_keys, key_directory, paper_of, restore_keys
from modemd.service.offline import ask
from modemd.service.process import offline_status, run
from modemd.service.restoring import back_up, restore, restore_in_place
from modemd.service.searching import find, places
from modemd.service.service import Service

__all__ = [
    "Service",
    "ask",
    "ask_keys",
    "back_up",
    "find",
    "from_paper",
    "init_keys",
    "key_directory",
    "offline_status",
    "paper_of",
    "places",
    "restore",
    "restore_in_place",
    "restore_keys",
    "run",
]
