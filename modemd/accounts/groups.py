"""Groups of recipients: a name, and who is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from modemd.accounts.recipients import SLICE
from modemd.accounts.vault import Vault
from modemd.clock import Clock
from modemd.db import Database, Transaction
from modemd.errors import Conflict, InvalidField, NotFound
from modemd.ids import IdSource

NAME = "recipient_group.name"
MAX_NAME = 100
MOST = 1000
"""Groups of an account."""
MAX_CHANGE = 10_000
"""Members put in or taken out by one call."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group, opened."""

    id: int
    name: str
    members: int
    created: int


class Groups:
    """The groups of accounts."""

    def __init__(self, database: Database, vault: Vault, ids: IdSource, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._ids = ids
        self._clock = clock

    async def make(self, account: int, name: str) -> Group:
        """A new group. Raises InvalidField, Conflict if the name is taken or there are too many."""
        new = Group(self._ids.next(), _checked(name), 0, self._clock.now())

        def insert(tx: Transaction) -> None:
            (known,) = tx.execute("SELECT count(*) FROM recipient_group WHERE account = ?", (account,)).fetchone()
            if known >= MOST:
                raise Conflict(f"an account has at most {MOST} groups", cure="remove some", code="too_many_groups")
            key, sealed = self._named(tx, account, new.id, new.name)
            tx.execute(
                "INSERT INTO recipient_group (id, account, name_key, name, created) VALUES (?, ?, ?, ?, ?)",
                (new.id, account, key, sealed, new.created),
            )

        await self._database.write(insert)
        return new

    async def rename(self, account: int, number: int, name: str) -> Group:
        """Another name for a group. Raises InvalidField, NotFound, Conflict if the name is taken."""
        wanted = _checked(name)

        def change(tx: Transaction) -> None:
            _own(tx, account, number)
            key, sealed = self._named(tx, account, number, wanted)
            tx.execute("UPDATE recipient_group SET name_key = ?, name = ? WHERE id = ?", (key, sealed, number))

        await self._database.write(change)
        return await self.one(account, number)

    async def remove(self, account: int, number: int) -> None:
        """Remove a group; its members stay recipients. Raises NotFound."""

        def delete(tx: Transaction) -> None:
            _own(tx, account, number)
            tx.execute("DELETE FROM membership WHERE grouping = ?", (number,))
            tx.execute("DELETE FROM recipient_group WHERE id = ?", (number,))

        await self._database.write(delete)

    async def put_in(self, account: int, number: int, recipients: Sequence[int]) -> Group:
        """Put recipients into a group; those who are in it stay. Raises NotFound, also for an unknown recipient."""

        unique = list(dict.fromkeys(recipients))
        for start in range(0, len(unique), SLICE):
            some = unique[start : start + SLICE]
            await self._database.write(partial(_put_in, account=account, number=number, some=some))
        return await self.one(account, number)

    async def take_out(self, account: int, number: int, recipient: int) -> None:
        """Take a recipient out of a group. Raises NotFound."""

        def delete(tx: Transaction) -> int:
            _own(tx, account, number)
            return int(
                tx.execute("DELETE FROM membership WHERE grouping = ? AND recipient = ?", (number, recipient)).rowcount
            )

        if not await self._database.write(delete):
            raise NotFound("the recipient is not in this group", cure="list the group's recipients")

    async def one(self, account: int, number: int) -> Group:
        """One group. Raises NotFound."""
        found = await self._rows(account, "AND id = ?", (number,))
        if not found:
            raise NotFound("there is no such group", cure="list the groups")
        return found[0]

    async def exists(self, account: int, number: int) -> bool:
        """Whether the account has this group."""
        return bool(await self._rows(account, "AND id = ?", (number,)))

    async def of(self, account: int, after: int = 0, limit: int = 100) -> list[Group]:
        """The groups of an account, oldest first, from the id ``after`` on."""
        return await self._rows(account, "AND id > ? ORDER BY id LIMIT ?", (after, limit))

    async def _rows(self, account: int, where: str, params: tuple[int, ...]) -> list[Group]:
        rows = await self._database.read(
            lambda reader: reader.execute(
                "SELECT id, name, (SELECT count(*) FROM membership WHERE grouping = recipient_group.id), created"
                f" FROM recipient_group WHERE account = ? {where}",
                (account, *params),
            ).fetchall()
        )
        with self._vault.unit(account) as box:
            return [Group(row[0], box.open(NAME, row[0], bytes(row[1])).decode(), row[2], row[3]) for row in rows]

    def _named(self, tx: Transaction, account: int, number: int, name: str) -> tuple[bytes, bytes]:
        """The look-up form of a name that no other group has, and the name sealed."""
        with self._vault.unit(account) as box:
            key, sealed = box.tag("group", name.casefold()), box.seal(NAME, number, name.encode())
        other = tx.execute(
            "SELECT 1 FROM recipient_group WHERE account = ? AND name_key = ? AND id <> ?", (account, key, number)
        ).fetchone()
        if other is not None:
            raise Conflict("there is a group of this name", cure="choose another name", code="name_taken")
        return key, sealed


def _put_in(tx: Transaction, account: int, number: int, some: Sequence[int]) -> None:
    _own(tx, account, number)
    marks = ", ".join("?" * len(some))
    (known,) = tx.execute(
        f"SELECT count(*) FROM recipient WHERE account = ? AND id IN ({marks})", (account, *some)
    ).fetchone()
    if known != len(some):
        raise NotFound("one of the recipients does not exist", cure="list the recipients")
    tx.executemany(
        "INSERT INTO membership (account, grouping, recipient) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(account, number, recipient) for recipient in some],
    )


def _own(tx: Transaction, account: int, number: int) -> None:
    if tx.execute("SELECT 1 FROM recipient_group WHERE id = ? AND account = ?", (number, account)).fetchone() is None:
        raise NotFound("there is no such group", cure="list the groups")


def _checked(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME:
        raise InvalidField("name", f"a group's name has 1 to {MAX_NAME} characters", cure="shorten it")
    return name
