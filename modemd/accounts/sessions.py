"""Sessions of the web: a cookie of 256 random bits, kept as SHA-256, ended by its time, by its owner, or by a reset."""

from __future__ import annotations

import hashlib
import secrets

from modemd.accounts.caller import Caller, Seen
from modemd.clock import SECOND, Clock
from modemd.db import Database, Transaction
from modemd.errors import Unauthorised
from modemd.ids import IdSource

LIFE = 12 * 3600
"""Seconds from log-in."""
REMEMBERED = 5.0


class Sessions:
    """Opens, checks and ends sessions."""

    def __init__(self, database: Database, ids: IdSource, clock: Clock, life_s: int = LIFE) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock
        self._life_s = life_s
        self.seen = Seen(REMEMBERED, clock)

    async def open(self, account: int) -> tuple[str, int]:
        """A new session: its cookie, and the moment it ends."""
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        row = (self._ids.next(), account, _hash(token), now, now + self._life_s * SECOND)
        await self._database.write(
            lambda tx: tx.execute(
                "INSERT INTO session (id, account, hash, created, expires) VALUES (?, ?, ?, ?, ?)", row
            )
        )
        return token, row[4]

    async def check(self, token: str) -> Caller:
        """Whose session this is. Raises Unauthorised."""
        hashed = _hash(token)
        known = self.seen.get(hashed)
        if known is not None:
            return known
        epoch = self.seen.epoch
        row = await self._database.read(
            lambda reader: reader.execute(
                "SELECT account.id, account.operator FROM session JOIN account ON account.id = session.account"
                " WHERE session.hash = ? AND session.expires > ? AND account.state = 0",
                (hashed, self._clock.now()),
            ).fetchone()
        )
        if row is None:
            raise Unauthorised("the session has ended", cure="log in again", code="session_ended")
        caller = Caller(row[0], "session", bool(row[1]))
        self.seen.put(hashed, caller, epoch)
        return caller

    async def end(self, token: str) -> None:
        """End one session, if there is one."""
        hashed = _hash(token)
        await self._database.write(lambda tx: tx.execute("DELETE FROM session WHERE hash = ?", (hashed,)).rowcount)
        self.seen.forget()

    def end_all(self, tx: Transaction, account: int) -> None:
        """Within a transaction: end every session of an account; call ``forget`` after it."""
        tx.execute("DELETE FROM session WHERE account = ?", (account,))

    def forget(self) -> None:
        """Look every session up again at its next use."""
        self.seen.forget()

    async def sweep(self) -> None:
        """Remove what has ended by its time."""
        now = self._clock.now()
        await self._database.write(lambda tx: tx.execute("DELETE FROM session WHERE expires <= ?", (now,)).rowcount)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
