"""Which PINs a SIM has been given without success, across restarts; tags under a secret key, never a PIN."""

from __future__ import annotations

import hashlib
import hmac

from modemd.db import Database, Transaction


class PinMemory:
    """What the pool's PIN guard remembers; ``secret`` keeps four digits from being guessed out of the database."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = secret

    async def tried(self, sim: str, pin: str) -> bool:
        """Whether this PIN was tried on this SIM without success."""
        tag = self._tag(sim, pin)
        return await self._database.read(
            lambda db: (
                db.execute("SELECT 1 FROM pin_trial WHERE sim = ? AND tag = ?", (sim, tag)).fetchone() is not None
            )
        )

    async def tried_any(self, sim: str) -> bool:
        """Whether any PIN was tried on this SIM without success."""
        sql = "SELECT 1 FROM pin_trial WHERE sim = ? LIMIT 1"
        return await self._database.read(lambda db: db.execute(sql, (sim,)).fetchone() is not None)

    async def will_try(self, sim: str, pin: str) -> None:
        """This PIN is about to be tried; durable when this returns."""
        tag = self._tag(sim, pin)

        def remember(tx: Transaction) -> None:
            tx.execute("INSERT INTO pin_trial (sim, tag) VALUES (?, ?) ON CONFLICT DO NOTHING", (sim, tag))

        await self._database.write(remember)

    async def worked(self, sim: str, pin: str) -> None:
        """The SIM took it."""
        tag = self._tag(sim, pin)

        def forget(tx: Transaction) -> None:
            tx.execute("DELETE FROM pin_trial WHERE sim = ? AND tag = ?", (sim, tag))

        await self._database.write(forget)

    def _tag(self, sim: str, pin: str) -> bytes:
        return hmac.digest(self._secret, f"{sim} {pin}".encode(), hashlib.sha256)[:16]
