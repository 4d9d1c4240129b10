"""Forgetting an account: durable, resumable at every step, ended by a receipt that names nobody.

STOP      its sessions, keys and password are gone, what waits to be sent is taken back
DRAIN     what is on the air finishes, within bounds
DESTROY   its key is destroyed in the key store and in every mirror: from here on nothing of it can be read,
          in no file, journal, replica or backup
DELETE    its rows go, in slices, sending undisturbed
SCRUB     the database gives up the pages that held them
SWEEP     modems and SIM cards hold nothing of it
DONE      the receipt is complete
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import partial

import orjson

from modemd import log
from modemd.accounts import erasing_rows
from modemd.accounts.keychain import KeyStore
from modemd.clock import Clock
from modemd.db import Database, Transaction, Urgency
from modemd.errors import Conflict, ModemdError, NotFound
from modemd.ids import encode
from modemd.queue import Queue

DRAIN_FOR = 30.0
"""Seconds that a message on the air may take before its account's key goes: whoever asked is promised 60 in all."""
AGAIN = 15.0
"""Seconds after which what is out of reach is tried again."""


class Step(IntEnum):
    """How far an erasure is; the numbers are stored."""

    STOP = 0
    DRAIN = 1
    DESTROY = 2
    DELETE = 3
    SCRUB = 4
    SWEEP = 5
    DONE = 6


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure as it is written down; moments in microseconds."""

    id: int
    erased: int
    step: Step
    requested_at: int
    unreadable_at: int | None = None
    completed_at: int | None = None
    removed: dict[str, int] = field(default_factory=dict)
    waiting_for: list[str] = field(default_factory=list)
    retained: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Aftercare:
    """What other parts do for an erasure."""

    stopped: Callable[[], None]
    """Forget in memory who may come in."""
    scrub: Callable[[], Awaitable[None]]
    """Make the database give up the pages of deleted rows."""
    sweep: Callable[[], Awaitable[list[str]]]
    """Empty the storage of modems and SIMs; the names of those out of reach."""


class Erasures:
    """Takes, carries out and shows erasures."""

    def __init__(self, database: Database, keys: KeyStore, queue: Queue, aftercare: Aftercare, *, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._queue = queue
        self._aftercare = aftercare
        self._clock = clock
        self._new = asyncio.Event()
        self._changed = asyncio.Condition()

    async def request(self, account: int) -> int:
        """Begin to forget an account; the erasure's id, the same if asked again. Raises NotFound, StorageError."""
        number, now = self._queue.ids.next(), self._clock.now()
        erasure = await self._database.write(lambda tx: _begin(tx, Erasure(number, account, Step.STOP, now)))
        self._aftercare.stopped()
        log.event("erasure.requested", erasure=encode("e", erasure))
        self._new.set()
        return erasure

    async def show(self, number: int) -> Erasure:
        """One erasure. Raises NotFound."""
        found = await self._read("WHERE id = ?", (number,))
        if not found:
            raise NotFound("there is no such erasure", cure="check the id")
        return found[0]

    async def all(self, limit: int = 1000) -> list[Erasure]:
        """The newest erasures."""
        return await self._read("ORDER BY id DESC LIMIT ?", (limit,))

    async def wait(self, number: int) -> Erasure:
        """The erasure once it is complete, or waits for what is out of reach. Raises NotFound."""
        async with self._changed:
            while not (found := await self.show(number)).completed_at and not found.waiting_for:
                await self._changed.wait()
        return found

    async def run(self) -> None:
        """Carry out erasures until cancelled, those first that a stop has left."""
        while True:
            self._new.clear()
            pending = await self.do_all()
            try:
                await asyncio.wait_for(self._new.wait(), AGAIN if pending else None)
            except TimeoutError:
                continue

    async def do_all(self) -> int:
        """Carry out every erasure as far as it goes now; how many are left."""
        pending = 0
        try:
            for erasure in await self._read("WHERE completed_at IS NULL ORDER BY id", ()):
                pending += not await self._carry_out(erasure)
        except ModemdError as error:
            log.failed("erasure.failed", error)
            return pending + 1
        return pending

    async def verify(self, number: int) -> dict[str, int]:
        """What is left of an erased account: rows by table, and whether its key exists. Raises NotFound."""
        account = (await self.show(number)).erased
        left = await self._database.read(lambda reader: erasing_rows.count(reader, account))
        if account in self._keys.accounts():
            left["key"] = 1
        return left

    async def _carry_out(self, erasure: Erasure) -> bool:
        """As far as it goes now; whether it is complete."""
        deeds = {
            Step.STOP: self._stop,
            Step.DRAIN: self._drain,
            Step.DESTROY: self._destroy,
            Step.DELETE: self._delete,
            Step.SCRUB: self._scrub,
            Step.SWEEP: self._sweep,
        }
        while erasure.step is not Step.DONE:
            after = await deeds[erasure.step](erasure)
            await self._write(after)
            if after.step is erasure.step:
                return False
            erasure = after
        log.event("erasure.completed", erasure=encode("e", erasure.id))
        return True

    async def _stop(self, erasure: Erasure) -> Erasure:
        self._aftercare.stopped()
        await self._in_slices(erasure, "message", erasing_rows.delete_waiting)
        return replace(erasure, step=Step.DRAIN)

    async def _drain(self, erasure: Erasure) -> Erasure:
        with self._queue.watch() as watch, suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_FOR):
                while await self._database.read(lambda reader: erasing_rows.sending(reader, erasure.erased)):
                    await watch.change()
        return replace(erasure, step=Step.DESTROY)

    async def _destroy(self, erasure: Erasure) -> Erasure:
        if erasure.erased in self._keys.accounts():
            await asyncio.to_thread(self._keys.destroy, erasure.erased)
        else:
            await asyncio.to_thread(self._keys.catch_up)
        behind = [f"mirror {folder}" for folder in self._keys.behind()]
        if behind:
            log.event("erasure.waits", level="ERROR", erasure=encode("e", erasure.id), mirrors=len(behind))
            return replace(erasure, waiting_for=behind)
        return replace(erasure, step=Step.DELETE, unreadable_at=self._clock.now(), waiting_for=[])

    async def _delete(self, erasure: Erasure) -> Erasure:
        await self._in_slices(erasure, "message", erasing_rows.delete_messages)
        for table in await self._database.read(erasing_rows.tables):
            if table != "message":
                await self._in_slices(erasure, table, partial(erasing_rows.delete_rows, table=table))
        return replace(erasure, step=Step.SCRUB)

    async def _scrub(self, erasure: Erasure) -> Erasure:
        await self._aftercare.scrub()
        return replace(erasure, step=Step.SWEEP)

    async def _sweep(self, erasure: Erasure) -> Erasure:
        absent = await self._aftercare.sweep()
        if absent:
            return replace(erasure, waiting_for=absent)
        if await self._database.read(lambda reader: erasing_rows.count(reader, erasure.erased)):
            return replace(erasure, step=Step.DELETE)  # a call that was under way when the account was shut
        return replace(erasure, step=Step.DONE, completed_at=self._clock.now(), waiting_for=[])

    async def _in_slices(self, erasure: Erasure, table: str, delete: Callable[[Transaction, int], int]) -> None:
        """Delete rows in slices until none is left, each counted in the transaction that deletes it."""

        def deed(tx: Transaction) -> int:
            gone = delete(tx, erasure.erased)
            _count(tx, erasure.id, {table: gone})
            return gone

        while await self._database.write(deed, Urgency.BULK):
            pass

    async def _write(self, one: Erasure) -> None:
        texts = (orjson.dumps(value).decode() for value in (one.waiting_for, one.retained))
        row = (int(one.step), one.unreadable_at, one.completed_at, *texts, one.id)
        await self._database.write(
            lambda tx: (
                tx.execute(
                    "UPDATE erasure SET step = ?, unreadable_at = ?, completed_at = ?, waiting_for = ?, retained = ?"
                    " WHERE id = ?",
                    row,
                ).rowcount
            )
        )
        async with self._changed:
            self._changed.notify_all()

    async def _read(self, where: str, params: tuple[int, ...]) -> list[Erasure]:
        rows = await self._database.read(
            lambda reader: reader.execute(
                "SELECT id, erased, step, requested_at, unreadable_at, completed_at, removed, waiting_for, retained"
                f" FROM erasure {where}",
                params,
            ).fetchall()
        )
        return [_erasure(*row) for row in rows]


def _begin(tx: Transaction, erasure: Erasure) -> int:
    """Shut an account and write its erasure down; the id of the one that exists if there is one."""
    known = tx.execute("SELECT id FROM erasure WHERE erased = ?", (erasure.erased,)).fetchone()
    if known is not None:
        return int(known[0])
    row = tx.execute("SELECT operator FROM account WHERE id = ? AND state = 0", (erasure.erased,)).fetchone()
    if row is None:
        raise NotFound("there is no such account", cure="check it")
    if row[0]:
        raise Conflict("an operator's account cannot be deleted", cure="stop modemd and remove its state directory")
    tx.execute("UPDATE account SET state = 1 WHERE id = ?", (erasure.erased,))
    tx.execute(
        "INSERT INTO erasure (id, erased, step, requested_at, removed, waiting_for, retained)"
        " VALUES (?, ?, ?, ?, '{}', '[]', '[]')",
        (erasure.id, erasure.erased, int(erasure.step), erasure.requested_at),
    )
    for table in ("api_key", "session", "credential"):
        gone = tx.execute(f"DELETE FROM {table} WHERE account = ?", (erasure.erased,)).rowcount
        _count(tx, erasure.id, {table: gone})
    return erasure.id


def _count(tx: Transaction, number: int, gone: dict[str, int]) -> None:
    """Add to what the receipt says was removed."""
    (text,) = tx.execute("SELECT removed FROM erasure WHERE id = ?", (number,)).fetchone()
    total = Counter(orjson.loads(text)) + Counter(gone)
    tx.execute("UPDATE erasure SET removed = ? WHERE id = ?", (orjson.dumps(total).decode(), number))


def _erasure(
    number: int, erased: int, step: int, requested: int, unreadable: int | None, completed: int | None, *texts: str
) -> Erasure:
    removed, waiting_for, retained = map(orjson.loads, texts)
    return Erasure(number, erased, Step(step), requested, unreadable, completed, removed, waiting_for, retained)
