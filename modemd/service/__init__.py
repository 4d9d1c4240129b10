"""The daemon, put together: every part built, introduced to the others, run, drained and stopped."""

from modemd.service.process import offline_status, run
from modemd.service.service import Service, key_directory

__all__ = ["Service", "key_directory", "offline_status", "run"]
