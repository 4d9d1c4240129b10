"""The accounts: who they are, and how they are found by phone or e-mail without either being in the database."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass

from modemd import ids as id_form
from modemd.accounts import contact
from modemd.accounts.keychain import KeyStore
from modemd.accounts.numbers import Numbers
from modemd.accounts.vault import TAG_BYTES, Vault
from modemd.clock import Clock
from modemd.db import Database, Transaction
from modemd.errors import Conflict, InvalidField, NotFound, StorageError
from modemd.ids import IdSource

OPERATOR = 1
"""The id of the operator's own account; ids that are made are far larger."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account, opened."""

    id: int
    operator: bool
    created: int
    email: str | None
    phone: str | None


class Directory:
    """Makes and finds accounts."""

    def __init__(
        self, database: Database, keys: KeyStore, vault: Vault, numbers: Numbers, *, ids: IdSource, clock: Clock
    ) -> None:
        self._database = database
        self._keys = keys
        self._vault = vault
        self._numbers = numbers
        self._ids = ids
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def ensure_operator(self) -> int:
        """The operator's own account, made at the first start. Raises KeyStoreError, StorageError."""
        async with self._one_at_a_time:
            await asyncio.to_thread(self._keys.secret, "directory")
            if OPERATOR not in self._keys.accounts():
                await asyncio.to_thread(self._keys.add, OPERATOR, {})
            created = self._clock.now()
            await self._database.write(
                lambda tx: tx.execute(
                    "INSERT INTO account (id, operator, created) VALUES (?, 1, ?) ON CONFLICT (id) DO NOTHING",
                    (OPERATOR, created),
                )
            )
        return OPERATOR

    async def create(self, email: str, phone: str, *, operator: bool = False) -> Account:
        """A new account. Raises InvalidField, Conflict (``phone_taken``), KeyStoreError, StorageError.

        The key comes first: an account without its key would be unreadable; a key without its account is dropped
        here when its phone is wanted again.
        """
        email, phone = contact.email(email), contact.phone(phone, self._numbers)
        account = Account(self._ids.next(), operator, self._clock.now(), email, phone)
        async with self._one_at_a_time:
            await self._free(phone, account.id)
            await asyncio.to_thread(self._keys.add, account.id, self._tags(account))
            try:
                await self._database.write(lambda tx: self._insert(tx, account))
            except StorageError:
                await asyncio.to_thread(self._keys.destroy, account.id, remember=False)
                raise
        return account

    async def unused(self, since: int) -> list[int]:
        """The accounts on trial that were opened before this moment and never used."""
        return await self._database.read(
            lambda reader: [
                row[0]
                for row in reader.execute(
                    "SELECT id FROM account WHERE trial = 1 AND used IS NULL AND state = 0 AND created < ?", (since,)
                ).fetchall()
            ]
        )

    async def adopt(self, account: Account) -> None:
        """Make an account, on trial, of a registration that already has its key; repeating it does no harm.

        Raises Conflict (``phone_taken``), KeyStoreError, StorageError.
        """
        async with self._one_at_a_time:
            await self._free(account.phone or "", account.id)
            await asyncio.to_thread(self._keys.tag, account.id, self._tags(account))
            await self._database.write(lambda tx: self._insert(tx, account, trial=True))

    async def account(self, number: int) -> Account:
        """The account of this id. Raises NotFound."""
        rows = await self._rows("AND id = ?", (number,))
        if not rows:
            raise NotFound("there is no such account", cure="modemd accounts list shows them")
        return rows[0]

    async def find(self, who: str) -> list[Account]:
        """The accounts of a phone, an e-mail address or an id as shown; empty if there is none."""
        number = id_form.decode("a", who)
        if number is not None:
            return await self._rows("AND id = ?", (number,))
        return [account for owner in self.owners(who) for account in await self._rows("AND id = ?", (owner,))]

    async def only(self, who: str) -> Account:
        """The one account of a phone, an e-mail address or an id as shown.

        Raises NotFound; Conflict if an e-mail address has several.
        """
        found = await self.find(who)
        if not found:
            raise NotFound("there is no such account", cure="modemd accounts list shows them")
        if len(found) > 1:
            cure = "name it by its id or phone: modemd accounts show lists them"
            raise Conflict(f"this e-mail address has {len(found)} accounts", cure=cure)
        return found[0]

    async def accounts(self, limit: int = 1000) -> list[Account]:
        """The newest accounts."""
        return await self._rows("ORDER BY id DESC LIMIT ?", (limit,))

    async def empty(self) -> bool:
        """Whether no account was ever made in this database: only then may a key store start empty."""
        return await self._database.read(
            lambda reader: reader.execute("SELECT 1 FROM account LIMIT 1").fetchone() is None
        )

    def owners(self, login: str) -> list[int]:
        """The accounts behind a phone or an e-mail address, however it is written."""
        kind = "email" if "@" in login else "phone"
        return self._keys.owners(kind, self._tag(kind, self.reading(login)))

    def reading(self, login: str) -> str:
        """The one form of a phone or an e-mail address under which it is looked up."""
        if "@" in login:
            return contact.email_key(login)
        try:
            return contact.phone(login, self._numbers)
        except InvalidField:
            return ""

    async def _free(self, phone: str, wanted_by: int) -> None:
        """Make sure that no other account has this phone."""
        for owner in self._keys.owners("phone", self._tag("phone", phone)):
            if owner == wanted_by:
                continue
            if await self._exists(owner):
                raise Conflict("this phone has an account", cure="log in, or reset the password", code="phone_taken")
            await asyncio.to_thread(self._keys.destroy, owner, remember=False)

    def _tags(self, account: Account) -> dict[str, bytes]:
        email, phone = contact.email_key(account.email or ""), account.phone or ""
        return {"phone": self._tag("phone", phone), "email": self._tag("email", email)}

    def _tag(self, kind: str, value: str) -> bytes:
        """The look-up form of a phone or e-mail; lies in the key store only, and dies with the account's entry."""
        raw = f"{kind}\0{value}".encode()
        return hmac.digest(self._keys.secret("directory"), raw, hashlib.sha256)[:TAG_BYTES]

    async def _exists(self, number: int) -> bool:
        """Whether there is a row of this account, be it one that is being erased."""
        return await self._database.read(
            lambda reader: reader.execute("SELECT 1 FROM account WHERE id = ?", (number,)).fetchone() is not None
        )

    def _insert(self, tx: Transaction, account: Account, *, trial: bool = False) -> None:
        with self._vault.unit(account.id) as box:
            email = box.seal("account.email", account.id, (account.email or "").encode())
            phone = box.seal("account.phone", account.id, (account.phone or "").encode())
        tx.execute(
            "INSERT INTO account (id, operator, trial, created, email, phone) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO NOTHING",
            (account.id, int(account.operator), int(trial), account.created, email, phone),
        )

    async def _rows(self, where: str, params: tuple[int, ...]) -> list[Account]:
        rows = await self._database.read(
            lambda reader: reader.execute(
                f"SELECT id, operator, created, email, phone FROM account WHERE state = 0 {where}",
                params,
            ).fetchall()
        )
        return [self._opened(*row) for row in rows]

    def _opened(self, number: int, operator: int, created: int, email: bytes | None, phone: bytes | None) -> Account:
        with self._vault.unit(number) as box:
            return Account(
                number,
                bool(operator),
                created,
                None if email is None else box.open("account.email", number, bytes(email)).decode(),
                None if phone is None else box.open("account.phone", number, bytes(phone)).decode(),
            )
