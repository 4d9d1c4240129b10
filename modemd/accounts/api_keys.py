"""API keys: 256 random bits, shown once, kept as SHA-256 (nothing shorter than the key itself finds it).

A key that was seen is remembered for a few seconds; revoking forgets it at once in this process.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from modemd.accounts.caller import Caller, Seen
from modemd.accounts.vault import Vault
from modemd.clock import SECOND, Clock
from modemd.db import Database, Transaction, Urgency
from modemd.errors import Conflict, InvalidField, NotFound, Unauthorised
from modemd.ids import IdSource

PREFIX = "mk_"
REMEMBERED = 5.0
"""Seconds for which a key that was found is not looked up again: so late another node's revocation arrives."""
USE_NOTED = 3600 * SECOND
"""The last use of a key is known to the hour."""
MOST_KEYS = 100
MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key: everything but the key."""

    id: int
    name: str
    created: int
    used: int | None
    """Its last use, to the hour."""


class ApiKeys:
    """Mints, checks and revokes keys."""

    def __init__(self, database: Database, vault: Vault, ids: IdSource, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._ids = ids
        self._clock = clock
        self.seen = Seen(REMEMBERED, clock)

    async def mint(self, account: int, name: str = "") -> tuple[int, str]:
        """A new key: its id and the key itself, which nobody can show again.

        Raises InvalidField, Conflict (``too_many_keys``), Unreadable if there is no such account.
        """
        if len(name) > MAX_NAME:
            raise InvalidField("name", f"a name has at most {MAX_NAME} characters", cure="shorten it")
        text = PREFIX + secrets.token_urlsafe(32)
        number = self._ids.next()
        sealed = self._vault.seal(account, "api_key.name", number, name.encode())
        row = (number, account, _hash(text), sealed, self._clock.now())
        await self._database.write(lambda tx: _insert(tx, row))
        return number, text

    async def check(self, text: str) -> Caller:
        """Whose key this is. Raises Unauthorised."""
        hashed = _hash(text)
        known = self.seen.get(hashed)
        if known is not None:
            return known
        epoch = self.seen.epoch
        row = await self._database.read(
            lambda reader: reader.execute(
                "SELECT account.id, account.operator, api_key.id, api_key.used FROM api_key"
                " JOIN account ON account.id = api_key.account WHERE api_key.hash = ? AND account.state = 0",
                (hashed,),
            ).fetchone()
        )
        if row is None:
            raise Unauthorised("this API key is not known", cure="check it, or mint another one", code="unknown_key")
        caller = Caller(row[0], "key", bool(row[1]))
        self.seen.put(hashed, caller, epoch)
        await self._note_use(row[0], row[2], row[3])
        return caller

    async def of(self, account: int) -> list[ApiKey]:
        """The keys of an account, oldest first."""
        rows = await self._database.read(
            lambda reader: reader.execute(
                "SELECT id, name, created, used FROM api_key WHERE account = ? ORDER BY id", (account,)
            ).fetchall()
        )
        with self._vault.unit(account) as box:
            return [
                ApiKey(number, box.open("api_key.name", number, bytes(name)).decode(), created, used)
                for number, name, created, used in rows
            ]

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
        self.seen.forget()

    async def _note_use(self, account: int, number: int, used: int | None) -> None:
        """Write down that a key is used, once an hour."""
        now = self._clock.now()
        if used is not None and now - used < USE_NOTED:
            return

        def note(tx: Transaction) -> None:
            tx.execute("UPDATE api_key SET used = ? WHERE id = ?", (now, number))
            tx.execute("UPDATE account SET used = ? WHERE id = ? AND used IS NULL", (now, account))

        await self._database.write(note, Urgency.SUBMIT)


def _insert(tx: Transaction, row: tuple[object, ...]) -> None:
    (count,) = tx.execute("SELECT count(*) FROM api_key WHERE account = ?", (row[1],)).fetchone()
    if count >= MOST_KEYS:
        raise Conflict(f"the account has {MOST_KEYS} keys", cure="revoke one that is not used", code="too_many_keys")
    tx.execute("INSERT INTO api_key (id, account, hash, name, created) VALUES (?, ?, ?, ?, ?)", row)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
