"""API keys: 256 random bits, shown once, kept as SHA-256 (nothing shorter than the key itself finds it).

A key that was seen is remembered for a few seconds; revoking forgets it at once in this process.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from modemd.accounts.vault import Vault
from modemd.clock import Clock
from modemd.db import Database
from modemd.errors import NotFound, Unauthorised
from modemd.ids import IdSource

PREFIX = "mk_"
REMEMBERED = 5.0
"""Seconds for which a key that was found is not looked up again: so late another node's revocation arrives."""
MOST_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and by what right."""

    account_id: int
    via: str
    """``key``, ``password`` or ``session``."""
    operator: bool = False


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key: everything but the key."""

    id: int
    name: str
    created: int


class ApiKeys:
    """Mints, checks and revokes keys."""

    def __init__(self, database: Database, vault: Vault, ids: IdSource, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._ids = ids
        self._clock = clock
        self._seen: dict[bytes, tuple[Caller, float]] = {}
        self._revocations = 0

    async def mint(self, account: int, name: str = "") -> tuple[int, str]:
        """A new key: its id and the key itself, which nobody can show again. Raises Unreadable without account."""
        text = PREFIX + secrets.token_urlsafe(32)
        number = self._ids.next()
        sealed = self._vault.seal(account, "api_key.name", number, name.encode())
        row = (number, account, _hash(text), sealed, self._clock.now())
        await self._database.write(
            lambda tx: tx.execute("INSERT INTO api_key (id, account, hash, name, created) VALUES (?, ?, ?, ?, ?)", row)
        )
        return number, text

    async def check(self, text: str) -> Caller:
        """Whose key this is. Raises Unauthorised."""
        hashed = _hash(text)
        now = self._clock.monotonic()
        known = self._seen.get(hashed)
        if known is not None and known[1] > now:
            return known[0]
        revocations = self._revocations
        row = await self._database.read(
            lambda reader: reader.execute(
                "SELECT account.id, account.operator FROM api_key JOIN account ON account.id = api_key.account"
                " WHERE api_key.hash = ?",
                (hashed,),
            ).fetchone()
        )
        if row is None:
            raise Unauthorised("this API key is not known", cure="check it, or mint another one", code="unknown_key")
        caller = Caller(row[0], "key", bool(row[1]))
        if revocations == self._revocations:  # else the row may have been read just before it was deleted
            self._remember(hashed, caller, now + REMEMBERED)
        return caller

    async def of(self, account: int) -> list[ApiKey]:
        """The keys of an account, oldest first."""
        rows = await self._database.read(
            lambda reader: reader.execute(
                "SELECT id, name, created FROM api_key WHERE account = ? ORDER BY id", (account,)
            ).fetchall()
        )
        with self._vault.unit(account) as box:
            return [ApiKey(row[0], box.open("api_key.name", row[0], bytes(row[1])).decode(), row[2]) for row in rows]

    async def revoke(self, account: int, number: int) -> None:
        """Make a key useless, at once. Raises NotFound."""
        gone = await self._database.write(
            lambda tx: tx.execute("DELETE FROM api_key WHERE id = ? AND account = ?", (number, account)).rowcount
        )
        self.forget()
        if not gone:
            raise NotFound("there is no such API key", cure="list the keys of the account")

    def forget(self) -> None:
        """Look every key up again at its next use."""
        self._revocations += 1
        self._seen.clear()

    def _remember(self, hashed: bytes, caller: Caller, until: float) -> None:
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen.clear()
        self._seen[hashed] = caller, until


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
