"""Reminds of messages that rest as uncertain, in the log, for as long as there are any: they wait for a person."""

from __future__ import annotations

from modemd import log
from modemd.queue import Queue, State

EVERY_S = 600.0
"""Soon enough to act within a message's usefulness, seldom enough not to bury the log."""


class Reminder:
    """A duty; when an uncertain message is new, its modem's round has said so."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def remind(self) -> None:
        """Say how many there are, if there are any. Raises StorageError."""
        if count := (await self._queue.counts()).states[State.UNCERTAIN]:
            log.event("queue.uncertain", level="WARNING", messages=count, see="modemd queue list --state uncertain")
