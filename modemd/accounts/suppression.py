"""Numbers that no account may send to, because their owners asked the operator: by his word alone.

Only a keyed form is kept, under a secret of the operator's in the key store, and no account stands beside it: so it
outlives every account and tells nobody who asked. Nobody can list the numbers; whether one is among them can be asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac

from modemd.accounts.keychain import KeyStore
from modemd.accounts.numbers import Numbers
from modemd.accounts.vault import TAG_BYTES
from modemd.clock import Clock
from modemd.db import Database

NAME = "suppression"
"""Of the secret in the key store."""
REMEMBERED = 30.0
"""Seconds after which the list is read again: so late another node's change becomes known here."""
SLICE = 250
"""Numbers looked up in one turn of the loop: below a millisecond."""


class Suppression:
    """The numbers, as far as they can be known."""

    def __init__(self, database: Database, keys: KeyStore, numbers: Numbers, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._numbers = numbers
        self._clock = clock
        self._known: frozenset[bytes] = frozenset()
        self._until = float("-inf")

    async def add(self, number: str) -> bool:
        """Let nobody send to a number any more; whether that is new. Raises InvalidField, KeyStoreError."""
        row = (self._tag(self._numbers.normalise(number, "number")), self._clock.now())
        sql = "INSERT INTO suppression (number_key, created) VALUES (?, ?) ON CONFLICT DO NOTHING"
        new = await self._database.write(lambda tx: tx.execute(sql, row).rowcount)
        self._until = float("-inf")
        return bool(new)

    async def lift(self, number: str) -> bool:
        """Allow it again; whether it was suppressed. Raises InvalidField."""
        key = self._tag(self._numbers.normalise(number, "number"))
        sql = "DELETE FROM suppression WHERE number_key = ?"
        gone = await self._database.write(lambda tx: tx.execute(sql, (key,)).rowcount)
        self._until = float("-inf")
        return bool(gone)

    async def holds(self, number: str) -> bool:
        """Whether a number is suppressed. Raises InvalidField."""
        to = self._numbers.normalise(number, "number")
        return to in await self.among([to])

    async def among(self, numbers: list[str]) -> set[str]:
        """Which of these numbers, in E.164, are suppressed."""
        if self._until <= self._clock.monotonic():
            rows = await self._database.read(
                lambda reader: reader.execute("SELECT number_key FROM suppression").fetchall()
            )
            self._known = frozenset(bytes(row[0]) for row in rows)
            self._until = self._clock.monotonic() + REMEMBERED
        if not self._known:
            return set()
        key, found = self._keys.secret(NAME), set()
        for place, number in enumerate(numbers):
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            if _tag(key, number) in self._known:
                found.add(number)
        return found

    def _tag(self, number: str) -> bytes:
        return _tag(self._keys.secret(NAME), number)


def _tag(key: bytes, number: str) -> bytes:
    return hmac.digest(key, number.encode(), hashlib.sha256)[:TAG_BYTES]
