"""Numbers an account may not send to, by its own word or because the recipient wrote STOP; applied to every send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial

from modemd.accounts.numbers import Numbers
from modemd.accounts.stop_words import Wish, wish
from modemd.accounts.vault import Box, Vault
from modemd.clock import Clock
from modemd.db import Database, Reader, Transaction
from modemd.errors import InvalidField, NotFound, Unreadable
from modemd.ids import IdSource
from modemd.queue.change import cancel_if_waiting
from modemd.queue.listing import Wanted
from modemd.queue.looking import Looking
from modemd.queue.lookup import waiting_for
from modemd.queue.states import State
from modemd.values import Lane

REMEMBERED = 30.0
"""Seconds after which an account's opt-outs are read again: so late another node's become known here."""
MOST_REMEMBERED = 1000
SLICE = 100
"""Messages taken back in one transaction."""
OPTED_OUT = "opted_out"


class How(IntEnum):
    """Who wanted it; the numbers are stored."""

    API = 0
    STOP = 1


@dataclass(frozen=True, slots=True)
class OptOut:
    """One number, opened."""

    id: int
    number: str
    how: How
    created: int


class OptOuts:
    """The opt-outs of accounts."""

    def __init__(self, database: Database, vault: Vault, numbers: Numbers, *, ids: IdSource, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._numbers = numbers
        self._ids = ids
        self._clock = clock
        self._queue = Looking(database, clock)
        self._blocked: dict[int, tuple[frozenset[bytes], float]] = {}
        self._changes = 0

    async def blocked(self, account: int) -> frozenset[bytes]:
        """The keyed forms (purpose ``to``) of the numbers that this account may not send to."""
        now = self._clock.monotonic()
        known = self._blocked.get(account)
        if known is not None and known[1] > now:
            return known[0]
        changes = self._changes
        rows = await self._database.read(
            lambda reader: reader.execute("SELECT number_key FROM opt_out WHERE account = ?", (account,)).fetchall()
        )
        found = frozenset(bytes(row[0]) for row in rows)
        if changes == self._changes:  # else it may have been read just before the change
            if len(self._blocked) >= MOST_REMEMBERED:
                self._blocked.clear()
            self._blocked[account] = found, now + REMEMBERED
        return found

    async def add(self, account: int, number: str, how: How = How.API) -> OptOut:
        """Send nothing to this number any more, nor what waits for it; repeating it gives the same opt-out.

        Raises InvalidField.
        """
        to, wanted, now = self._numbers.normalise(number, "number"), self._ids.next(), self._clock.now()
        with self._vault.unit(account) as box:
            key, sealed = box.tag("to", to), box.seal("opt_out.number", wanted, to.encode())

        def insert(tx: Transaction) -> tuple[int, int, int]:
            _insert(tx, (wanted, account, key, sealed, int(how), now))
            if how is How.API:  # its own word, which no START takes back, outlasts a STOP
                tx.execute("UPDATE opt_out SET how = ? WHERE account = ? AND number_key = ?", (int(how), account, key))
            row: tuple[int, int, int] = tx.execute(
                "SELECT id, how, created FROM opt_out WHERE account = ? AND number_key = ?", (account, key)
            ).fetchone()
            return row

        found, by, created = await self._database.write(insert)
        self.refresh(account)
        await self._take_back(account, key)
        return OptOut(found, to, How(by), created)

    async def _take_back(self, account: int, key: bytes) -> None:
        """Cancel what waits for a number; looked for in short reads, for an account may opt out many, one by one."""
        wanted = Wanted(account, states=frozenset({State.SCHEDULED, State.QUEUED}), to_key=key)
        detail = "the account has opted the number out"
        while found := await self._queue.messages(wanted, SLICE):
            wanted = replace(wanted, before=found[-1].id)
            waiting, now = [one.id for one in found if one.lane is not Lane.SYSTEM], self._clock.now()
            await self._database.write(
                partial(cancel_if_waiting, numbers=waiting, now=now, code=OPTED_OUT, detail=detail)
            )

    async def remove(self, account: int, number: int) -> None:
        """Allow sending to it again. Raises NotFound."""
        gone = await self._database.write(
            lambda tx: tx.execute("DELETE FROM opt_out WHERE id = ? AND account = ?", (number, account)).rowcount
        )
        self.refresh(account)
        if not gone:
            raise _unknown()

    def unwanted(self, db: Reader, account: int, sender: str, text: str) -> list[int]:
        """Before an inbound SMS is taken in: the messages that wait for its sender, if it is a STOP. For any thread."""
        if wish(text) is not Wish.STOP:
            return []
        try:
            return waiting_for(db, account, self._vault.tag(account, "to", self._numbers.normalise(sender)))
        except (InvalidField, Unreadable):
            return []

    def hear(
        self, tx: Transaction, box: Box, account: int, sender: str, text: str, unwanted: Sequence[int]
    ) -> Wish | None:
        """Within a transaction: do what an inbound SMS wishes, and say what that was; None if it is an ordinary one.

        STOP also takes back what waits for its sender (``unwanted``). START lifts what a STOP has done, not what the
        account itself has decided. When the transaction is on disk, call ``refresh``.
        """
        wanted = wish(text)
        if wanted is None:
            return None
        try:
            number = self._numbers.normalise(sender)
        except InvalidField:  # a name, which nobody can write to
            return None
        key, now = box.tag("to", number), self._clock.now()
        if wanted is Wish.STOP:
            new = self._ids.next()
            _insert(tx, (new, account, key, box.seal("opt_out.number", new, number.encode()), int(How.STOP), now))
            cancel_if_waiting(tx, unwanted, now, OPTED_OUT, "the recipient wrote STOP")
        else:
            where = "account = ? AND number_key = ? AND how = ?"
            tx.execute(f"DELETE FROM opt_out WHERE {where}", (account, key, int(How.STOP)))
        return wanted

    def refresh(self, account: int) -> None:
        """Read the account's opt-outs again at its next call."""
        self._changes += 1
        self._blocked.pop(account, None)

    async def of(self, account: int, after: int = 0, limit: int = 100) -> list[OptOut]:
        """The opt-outs of an account, oldest first, from the id ``after`` on."""
        return await self._rows(account, "id > ? ORDER BY id LIMIT ?", (after, limit))

    async def one(self, account: int, number: int) -> OptOut:
        """One opt-out. Raises NotFound."""
        found = await self._rows(account, "id = ?", (number,))
        if not found:
            raise _unknown()
        return found[0]

    async def _rows(self, account: int, where: str, params: Sequence[int]) -> list[OptOut]:
        rows = await self._database.read(
            lambda reader: reader.execute(
                f"SELECT id, number, how, created FROM opt_out WHERE account = ? AND {where}", (account, *params)
            ).fetchall()
        )
        with self._vault.unit(account) as box:
            return [
                OptOut(row[0], box.open("opt_out.number", row[0], bytes(row[1])).decode(), How(row[2]), row[3])
                for row in rows
            ]


def _unknown() -> NotFound:
    return NotFound("there is no such opt-out", cure="list the opt-outs")


def _insert(tx: Transaction, row: tuple[object, ...]) -> None:
    tx.execute(
        "INSERT INTO opt_out (id, account, number_key, number, how, created) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (account, number_key) DO NOTHING",
        row,
    )
