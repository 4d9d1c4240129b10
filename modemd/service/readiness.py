"""Whether messages can be accepted and sent now, and if not, what is missing: what GET /readyz answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from modemd.accounts.keychain import STORE
from modemd.db import Database, Transaction
from modemd.errors import StorageError
from modemd.pool import Condition, Modem

ROOM = 1024 * 1024
"""Octets that must be free: a few hundred messages and their journal."""
PATIENCE_S = 2.0
"""Seconds in which the database must have answered: those who probe give up after a few."""
_ABLE = frozenset({Condition.READY, Condition.SENDING})


class Readiness:
    """Looks at everything that a message needs."""

    def __init__(
        self, database: Database, state_dir: Path, key_directory: Path, modems: Callable[[], Iterable[Modem]]
    ) -> None:
        self._database = database
        self._state_dir = state_dir
        self._store = key_directory / STORE
        self._modems = modems
        self.stopping = False

    async def missing(self) -> str | None:
        """What is missing, in words without personal data; None if nothing is."""
        if self.stopping:
            return "modemd is stopping"
        try:
            room = await asyncio.to_thread(self._room)
        except OSError:
            return "the key store or the state directory is out of reach"
        if room < ROOM:
            return "the disk is full"
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._database.write(_nothing)
                await self._database.read(lambda reader: reader.execute("SELECT 1").fetchone())
        except (StorageError, TimeoutError):
            return "the database does not answer"
        return None if any(modem.condition in _ABLE for modem in self._modems()) else "no modem is ready"

    def _room(self) -> int:
        """Octets free for the state directory; raises OSError also where the key store is not there."""
        os.stat(self._store)
        found = os.statvfs(self._state_dir)
        return found.f_bavail * found.f_frsize


def _nothing(_: Transaction) -> None:
    """Takes its turn with the writer, and writes nothing."""
