"""Requests of strangers as they are written down: each sealed with a random key of its own, which goes with it.

A registration hands its key on to the account that comes of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Set
from dataclasses import dataclass
from enum import IntEnum

import orjson

from modemd import log
from modemd.accounts.keychain import KeyStore
from modemd.accounts.vault import Vault
from modemd.clock import Clock
from modemd.db import Database
from modemd.errors import Unreadable
from modemd.ids import IdSource

MOST_WAITING = 1000
PAYLOAD = "errand.payload"


class Kind(IntEnum):
    """What is asked for; the numbers are stored."""

    REGISTRATION = 1
    RESET = 2


@dataclass(frozen=True, slots=True)
class Errand:
    """One request, opened."""

    id: int
    kind: Kind
    created: int
    email: str
    phone: str
    """E.164 for a registration; empty for a reset."""
    login: str
    network: str


class ErrandBook:
    """Keeps the requests."""

    def __init__(self, database: Database, keys: KeyStore, vault: Vault, ids: IdSource, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._vault = vault
        self._ids = ids
        self._clock = clock

    async def tidy(self) -> None:
        """At start: drop keys that a crash left without their request."""
        known = await self._database.read(
            lambda reader: {row[0] for row in reader.execute("SELECT id FROM errand UNION SELECT id FROM account")}
        )
        for number in self._keys.untagged():
            if number not in known:
                await asyncio.to_thread(self._keys.destroy, number, remember=False)

    async def add(self, kind: Kind, payload: dict[str, str]) -> bool:
        """Write a request down; False if too many wait. Raises KeyStoreError, StorageError."""
        number, now = self._ids.next(), self._clock.now()
        await asyncio.to_thread(self._keys.add, number, {})
        sealed = self._vault.seal(number, PAYLOAD, number, orjson.dumps(payload))
        taken = await self._database.write(
            lambda tx: (
                tx.execute(
                    "INSERT INTO errand (id, kind, payload, created) SELECT ?, ?, ?, ?"
                    " WHERE (SELECT count(*) FROM errand) < ?",
                    (number, int(kind), sealed, now, MOST_WAITING),
                ).rowcount
            )
        )
        if not taken:
            await asyncio.to_thread(self._keys.destroy, number, remember=False)
        return bool(taken)

    async def waiting(self, but: Set[int]) -> tuple[list[Errand], set[int]]:
        """The requests that wait, the oldest first, without some; and the ids of all that wait.

        What cannot be opened any more is dropped. Raises StorageError.
        """
        rows = await self._database.read(
            lambda reader: reader.execute("SELECT id, kind, payload, created FROM errand ORDER BY id").fetchall()
        )
        known = {row[0] for row in rows}
        found = []
        for number, kind, payload, created in [row for row in rows if row[0] not in but]:
            try:
                plain = self._vault.open(number, PAYLOAD, number, bytes(payload))
            except Unreadable as error:
                log.failed("errand.lost", error)
                await self._delete(number)
                continue
            fields = {name: orjson.loads(plain).get(name, "") for name in ("email", "phone", "login", "network")}
            found.append(Errand(number, Kind(kind), created, **fields))
        return found, known

    async def forget(self, errand: Errand, *, keep_key: bool) -> None:
        """Forget a request: first its row, then its key. Raises StorageError, KeyStoreError."""
        await self._delete(errand.id)
        if not keep_key:
            await asyncio.to_thread(self._keys.destroy, errand.id, remember=False)

    async def _delete(self, number: int) -> None:
        await self._database.write(lambda tx: tx.execute("DELETE FROM errand WHERE id = ?", (number,)).rowcount)
