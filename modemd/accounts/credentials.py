"""The passwords of accounts: issued at the moment their SMS is prepared, checked at the same cost for everybody.

An account has at most two hashes: the current one, and a pending one that replaces it when it is used first, so that
a reset nobody asked for locks nobody out. Accounts that share an e-mail address share a salt: then one hash is enough
to check a log-in by e-mail against all of them, and every log-in, also a stranger's, costs exactly one.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass

from modemd.accounts import passwords
from modemd.accounts.directory import OPERATOR
from modemd.accounts.keychain import KeyStore
from modemd.accounts.passwords import Hasher
from modemd.accounts.vault import Vault
from modemd.clock import SECOND, Clock
from modemd.db import Database, Reader, Transaction
from modemd.errors import Unreadable

FIRST_LIFE = 7 * 86_400
"""Seconds for which an account's first password can be used for the first time."""
RESET_LIFE = 30 * 60
"""Seconds for which the password of a reset can be used for the first time."""
PATIENCE = 30.0
"""Seconds a worker thread waits for the database."""


@dataclass(frozen=True, slots=True)
class _Credential:
    account: int
    salt: bytes
    current: bytes | None
    pending: bytes | None
    pending_until: int


class Credentials:
    """Issues and checks passwords."""

    def __init__(self, database: Database, keys: KeyStore, vault: Vault, hasher: Hasher, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._vault = vault
        self._hasher = hasher
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Take this loop for calls from other threads; give the operator's account what strangers are checked with."""
        self._loop = asyncio.get_running_loop()
        await self._database.write(lambda tx: self._salt(tx, OPERATOR))

    def issue(self, account: int) -> str:
        """In a worker thread: a new password, its hash on disk as pending. Raises StorageError, Unreadable."""
        if self._loop is None:
            raise Unreadable("passwords cannot be issued before the start")
        salting = self._database.write(lambda tx: self._salt(tx, account))
        salt = asyncio.run_coroutine_threadsafe(salting, self._loop).result(PATIENCE)
        password = passwords.mint()
        hashed = passwords.derive(password, salt)
        storing = self._database.write(lambda tx: self._await_use(tx, account, hashed))
        asyncio.run_coroutine_threadsafe(storing, self._loop).result(PATIENCE)
        return password

    async def check(self, candidates: list[int], password: str) -> tuple[int, bool] | None:
        """Which of the accounts has this password, and whether it is a pending one; None if none has.

        Costs one hash however many candidates there are, none included. Raises TooMany, StorageError.
        """
        found = await self._database.read(lambda reader: self._read(reader, [*candidates, OPERATOR]))
        hashed = await self._hasher.derive(password, found[0].salt)
        now = self._clock.now()
        for one in found:
            current = one.current is not None and hmac.compare_digest(one.current, hashed)
            pending = one.pending is not None and hmac.compare_digest(one.pending, hashed) and now < one.pending_until
            if (current or pending) and one.account in candidates:
                return one.account, pending
        return None

    def accept_pending(self, tx: Transaction, account: int) -> None:
        """Within a transaction: the pending password has been used and is the current one now."""
        for one in self._read(tx, [account]):
            if one.pending is not None:
                self._write(tx, _Credential(account, one.salt, one.pending, None, 0))

    def _await_use(self, tx: Transaction, account: int, hashed: bytes) -> None:
        for one in self._read(tx, [account]):
            life = FIRST_LIFE if one.current is None else RESET_LIFE
            until = self._clock.now() + life * SECOND
            self._write(tx, _Credential(account, one.salt, one.current, hashed, until))

    def _salt(self, tx: Transaction, account: int) -> bytes:
        """The account's salt, made when there is none yet."""
        known = self._read(tx, [account])
        if known:
            return known[0].salt
        shared = self._read(tx, self._keys.sharing("email", account))
        salt = shared[0].salt if shared else passwords.salt()
        self._write(tx, _Credential(account, salt, None, None, 0))
        return salt

    def _read(self, reader: Reader, accounts: list[int]) -> list[_Credential]:
        found = []
        for account in accounts:
            row = reader.execute(
                "SELECT salt, current_hash, pending_hash, pending_until FROM credential WHERE account = ?", (account,)
            ).fetchone()
            if row is None:
                continue
            with self._vault.unit(account) as box:
                salt, current, pending = (
                    None if value is None else box.open(f"credential.{name}", account, bytes(value))
                    for name, value in zip(("salt", "current_hash", "pending_hash"), row, strict=False)
                )
            found.append(_Credential(account, salt or b"", current, pending, row[3] or 0))
        return found

    def _write(self, tx: Transaction, one: _Credential) -> None:
        with self._vault.unit(one.account) as box:
            salt, current, pending = (
                None if value is None else box.seal(f"credential.{name}", one.account, value)
                for name, value in (("salt", one.salt), ("current_hash", one.current), ("pending_hash", one.pending))
            )
        tx.execute(
            "INSERT INTO credential (account, salt, current_hash, pending_hash, pending_until) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (account) DO UPDATE SET salt = excluded.salt, current_hash = excluded.current_hash,"
            " pending_hash = excluded.pending_hash, pending_until = excluded.pending_until",
            (one.account, salt, current, pending, one.pending_until),
        )
