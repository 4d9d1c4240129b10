"""Forgetting an account: durable, resumable at every step, ended by a receipt that names nobody.

STOP      its sessions, keys and password are gone, what waits to be sent is taken back
DRAIN     what is on the air finishes, within bounds
DESTROY   its key is destroyed in the key store and in every mirror: from here on nothing of it can be read,
          in no file, journal, replica or backup
DELETE    its rows go, in slices, sending undisturbed
SCRUB     the database gives up the pages that held them
SWEEP     modems and SIM cards hold nothing of it
DONE      the receipt is complete

Erasures go on beside each other, so that none waits for another's million rows; only the last two steps are done by
one at a time, and what one has swept counts for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from modemd import log
from modemd.accounts import erasing_rows, receipts, verification
from modemd.accounts.keychain import KeyStore
from modemd.accounts.receipts import Erasure, Step, Swept
from modemd.clock import SECOND, Clock
from modemd.db import Database, Transaction, Urgency
from modemd.errors import ModemdError, NotFound, StorageBusy
from modemd.ids import encode
from modemd.queue import Queue

__all__ = ["Aftercare", "Erasure", "Erasures", "Step", "Swept"]

PROMISED = 60
"""Seconds from the request until nothing can be read any more (interface, section 6)."""
STOP_FOR = 10.0
"""Seconds for taking back what waits to be sent: enough for 100,000 messages. What is left after that goes with the
other rows; none of it is sent any more."""
DRAIN_FOR = 30.0
"""Seconds that a message on the air may take before its account's key goes: whoever asked is promised 60 in all."""
AGAIN = 5.0
"""Seconds after which what is out of reach is tried again."""
DATABASE = "database"
"""What an erasure waits for while another program reads the database without end."""


@dataclass(frozen=True, slots=True)
class Aftercare:
    """What other parts do for an erasure."""

    stopped: Callable[[], None]
    """Forget in memory who may come in."""
    withdraw: Callable[[int], Awaitable[None]]
    """Drop what this account has asked for and nobody has looked at yet."""
    scrub: Callable[[], Awaitable[None]]
    """Make the database give up the pages of deleted rows. Raises StorageBusy where somebody prevents it."""
    sims: Callable[[], Mapping[str, str]]
    """The SIMs that are known now, each with the name of its modem."""
    sweep: Callable[[str], Awaitable[Swept]]
    """Empty and overwrite the storage of this SIM and its modem."""


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
        self._waits: dict[int, list[str]] = {}
        self._scrubbing = asyncio.Lock()
        self._sweeping = asyncio.Lock()

    @property
    def alarms(self) -> list[str]:
        """The erasures that wait for something out of reach, in sentences for the operator."""
        return [
            f"the erasure {encode('e', number)} waits for {', '.join(names)} (modemd erasures list)"
            for number, names in self._waits.items()
            if names
        ]

    @property
    def key_folders(self) -> list[Path]:
        """Where copies of the key store lie."""
        return [self._keys.directory, *self._keys.mirrors]

    async def request(self, account: int) -> int:
        """Begin to forget an account; the erasure's id, the same if asked again. Raises NotFound, StorageError."""
        number, now = self._queue.ids.next(), self._clock.now()
        erasure = await self._database.write(lambda tx: receipts.begin(tx, Erasure(number, account, Step.STOP, now)))
        self._aftercare.stopped()
        log.event("erasure.requested", erasure=encode("e", erasure))
        self._new.set()
        return erasure

    async def show(self, number: int) -> Erasure:
        """One erasure. Raises NotFound."""
        found = await self._database.read(lambda reader: receipts.find(reader, "WHERE id = ?", (number,)))
        if not found:
            raise NotFound("there is no such erasure", cure="modemd erasures list shows them")
        return found[0]

    async def all(self, limit: int = 1000) -> list[Erasure]:
        """The newest erasures."""
        return await self._database.read(lambda reader: receipts.find(reader, "ORDER BY id DESC LIMIT ?", (limit,)))

    async def late(self) -> int:
        """How many accounts can still be read although they should not be any more."""
        since = self._clock.now() - PROMISED * SECOND
        rows = await self._database.read(
            lambda reader: reader.execute(
                "SELECT count(*) FROM erasure"
                " WHERE completed_at IS NULL AND unreadable_at IS NULL AND requested_at < ?",
                (since,),
            ).fetchone()
        )
        return int(rows[0])

    async def wait(self, number: int) -> Erasure:
        """The erasure once it is complete, or waits for what is out of reach. Raises NotFound."""
        async with self._changed:
            while not (found := await self.show(number)).completed_at and not found.waiting_for:
                await self._changed.wait()
        return found

    async def waive(self, number: int) -> Erasure:
        """Wait no longer for the SIMs of an erasure that are gone for good; its receipt says so. Raises NotFound."""
        await self.show(number)
        names = self._aftercare.sims()
        await self._database.write(lambda tx: receipts.waive(tx, number, names))
        log.event("erasure.waived", level="WARNING", erasure=encode("e", number))
        self._new.set()
        return await self.show(number)

    def look_again(self) -> None:
        """Something that was out of reach is back."""
        self._new.set()

    async def run(self) -> None:
        """Carry out erasures until cancelled, those first that a stop has left."""
        under_way: set[int] = set()

        async def attempt(erasure: Erasure) -> None:
            try:
                await self._attempt(erasure)
            finally:
                under_way.discard(erasure.id)

        async with asyncio.TaskGroup() as tasks:
            while True:
                self._new.clear()
                pending = await self._pending()
                for erasure in pending or []:
                    if erasure.id not in under_way:
                        under_way.add(erasure.id)
                        tasks.create_task(attempt(erasure), name=f"erasure {encode('e', erasure.id)}")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._new.wait(), None if pending == [] else AGAIN)

    async def do_all(self) -> int:
        """Carry out every erasure as far as it goes now; how many are left."""
        pending = await self._pending()
        if pending is None:
            return 1
        return (await asyncio.gather(*map(self._attempt, pending))).count(False)

    async def verify(self, number: int) -> dict[str, int]:
        """What is left of an erased account, nothing if it is gone: rows by table, keys by folder, SIMs to be swept.

        Raises NotFound.
        """
        erasure = await self.show(number)
        left = await self._database.read(lambda reader: verification.in_database(reader, erasure))
        return left | await asyncio.to_thread(verification.in_keys, self.key_folders, erasure.erased)

    async def _pending(self) -> list[Erasure] | None:
        """Those that are not complete; None if the database does not say."""
        try:
            return await self._database.read(
                lambda reader: receipts.find(reader, "WHERE completed_at IS NULL ORDER BY id")
            )
        except ModemdError as error:
            log.failed("erasure.failed", error)
            return None

    async def _attempt(self, erasure: Erasure) -> bool:
        """As far as it goes now; whether it is complete. What prevents it is in the log, and it is tried again."""
        try:
            return await self._carry_out(erasure)
        except ModemdError as error:
            log.failed("erasure.failed", error, erasure=encode("e", erasure.id))
            return False

    async def _carry_out(self, erasure: Erasure) -> bool:
        deeds = {
            Step.STOP: self._stop,
            Step.DRAIN: self._drain,
            Step.DESTROY: self._destroy,
            Step.DELETE: self._delete,
            Step.SCRUB: self._scrub,
            Step.SWEEP: self._sweep,
        }
        self._queue.on_forgotten(erasure.erased)  # nothing more of it goes out, however much is queued
        while erasure.step is not Step.DONE:
            after = await deeds[erasure.step](erasure)
            if after != erasure:
                await self._write(after)
            self._waits[erasure.id] = after.waiting_for
            if after.step is erasure.step:
                return False
            erasure = after
        del self._waits[erasure.id]
        return True

    async def _stop(self, erasure: Erasure) -> Erasure:
        self._aftercare.stopped()
        await self._aftercare.withdraw(erasure.erased)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_FOR):
                await self._in_slices(erasure, "message", erasing_rows.delete_waiting)
        return replace(erasure, step=Step.DRAIN)

    async def _drain(self, erasure: Erasure) -> Erasure:
        """Wait for what is on the air now; what is left of the queue might go on the air for long."""
        on_air = await self._database.read(lambda reader: erasing_rows.sending(reader, erasure.erased))
        with self._queue.watch() as watch, suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_FOR):
                while on_air & await self._database.read(lambda reader: erasing_rows.sending(reader, erasure.erased)):
                    await watch.change()
        return replace(erasure, step=Step.DESTROY)

    async def _destroy(self, erasure: Erasure) -> Erasure:
        if erasure.erased in self._keys.accounts():
            await asyncio.to_thread(self._keys.destroy, erasure.erased)
        else:
            await asyncio.to_thread(self._keys.catch_up)
        behind = [f"mirror {folder}" for folder in self._keys.behind()]
        if behind:
            if behind != erasure.waiting_for:
                log.event("erasure.waits", level="ERROR", erasure=encode("e", erasure.id), mirrors=len(behind))
            return replace(erasure, waiting_for=behind)
        return replace(erasure, step=Step.DELETE, unreadable_at=self._clock.now(), waiting_for=[])

    async def _delete(self, erasure: Erasure) -> Erasure:
        await self._database.write(lambda tx: receipts.expect_sims(tx, erasure, self._aftercare.sims()))
        await self._in_slices(erasure, "message", erasing_rows.delete_messages)
        for table in await self._database.read(erasing_rows.tables):
            if table != "message":
                await self._in_slices(erasure, table, partial(erasing_rows.delete_rows, table=table))
        return replace(erasure, step=Step.SCRUB)

    async def _scrub(self, erasure: Erasure) -> Erasure:
        try:
            async with self._scrubbing:
                await self._aftercare.scrub()
        except StorageBusy:
            return replace(erasure, waiting_for=[DATABASE])
        return replace(erasure, step=Step.SWEEP, waiting_for=[])

    async def _sweep(self, erasure: Erasure) -> Erasure:
        async with self._sweeping:
            for sim in await self._database.read(lambda reader: receipts.sims(reader, erasure.id)):
                await self._sweep_one(sim)
        absent = await self._database.read(lambda reader: receipts.sims(reader, erasure.id))
        if absent:
            names = self._aftercare.sims()
            return replace(erasure, waiting_for=[receipts.called(sim, names) for sim in absent])
        if await self._database.read(lambda reader: erasing_rows.count(reader, erasure.erased)):
            return replace(erasure, step=Step.DELETE)  # a call that was under way when the account was shut
        return replace(erasure, step=Step.DONE, completed_at=self._clock.now(), waiting_for=[])

    async def _sweep_one(self, sim: str) -> None:
        """Sweep for all whose rows are gone by now."""
        waiting = await self._database.read(lambda reader: receipts.waiting_for_sim(reader, sim))
        outcome = await self._aftercare.sweep(sim) if waiting else Swept.AWAY
        if outcome is Swept.AWAY:
            return
        name = receipts.called(sim, self._aftercare.sims())
        but = f"not overwritten, the modem refuses that: {name}" if outcome is Swept.REFUSED else ""
        await self._database.write(lambda tx: receipts.swept(tx, sim, waiting, but))

    async def _in_slices(self, erasure: Erasure, table: str, delete: Callable[[Transaction, int], int]) -> None:
        """Delete rows in slices until none is left, each counted in the transaction that deletes it."""

        def deed(tx: Transaction) -> int:
            receipts.expect_sims_of(tx, erasure, table)
            gone = delete(tx, erasure.erased)
            receipts.count(tx, erasure.id, {table: gone})
            return gone

        while await self._database.write(deed, Urgency.BULK):
            pass

    async def _write(self, erasure: Erasure) -> None:
        await self._database.write(lambda tx: receipts.write(tx, erasure))
        log.event("erasure.step", erasure=encode("e", erasure.id), step=erasure.step.name.lower())
        async with self._changed:
            self._changed.notify_all()
