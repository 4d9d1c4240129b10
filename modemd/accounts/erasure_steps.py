"""The steps of an erasure: each takes it as far as it goes now, and says what it waits for.

Until DESTROY, while they can be read, the words are taken into memory that SEARCH looks for (erasure_search.py).

STOP      its sessions, keys and password are gone, what waits to be sent is taken back
DRAIN     what is on the air finishes, within bounds
DESTROY   its key is destroyed in the key store and in every mirror: from here on nothing of it can be read,
          in no file, journal, replica or backup
DELETE    its rows go, in slices, sending undisturbed
SCRUB     the database gives up the pages that held them
SWEEP     modems and SIM cards in reach hold nothing of it
SEARCH    nothing of it is found in any file, and SIM cards that were away have come back and been swept
DONE      the receipt is complete

What the last steps do is done by one erasure at a time, and what one has swept counts for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial

from modemd import log
from modemd.accounts import erasing_rows, receipts
from modemd.accounts.erasure_search import ErasureSearch
from modemd.accounts.keychain import KeyStore
from modemd.accounts.receipts import Erasure, Step, Swept
from modemd.clock import Clock
from modemd.db import Database, Transaction, Urgency
from modemd.errors import StorageBusy
from modemd.ids import encode
from modemd.queue import Queue

STOP_FOR = 10.0
"""Seconds for taking back what waits to be sent: enough for 100,000 messages. What is left after that goes with the
other rows; none of it is sent any more."""
DRAIN_FOR = 30.0
"""Seconds that a message on the air may take before its account's key goes: whoever asked is promised 60 in all."""
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


class Steps:
    """Takes the steps; of those that only one may take at a time, one erasure after the other."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        queue: Queue,
        aftercare: Aftercare,
        *,
        search: ErasureSearch,
        clock: Clock,
    ) -> None:
        self._database = database
        self._keys = keys
        self._queue = queue
        self._aftercare = aftercare
        self._looking = search
        self._clock = clock
        self._scrubbing = asyncio.Lock()
        self._sweeping = asyncio.Lock()

    async def take(self, erasure: Erasure) -> Erasure:
        """The erasure after its next step; on the same step still where it waits for something out of reach.

        Raises StorageError, KeyStoreError: the step can be taken again.
        """
        deeds = {
            Step.STOP: self._stop,
            Step.DRAIN: self._drain,
            Step.DESTROY: self._destroy,
            Step.DELETE: self._delete,
            Step.SCRUB: self._scrub,
            Step.SWEEP: self._sweep,
            Step.SEARCH: self._search,
        }
        await self._looking.take(erasure)
        return await deeds[erasure.step](erasure)

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
        await self._sweep_in_reach(erasure)
        if await self._database.read(lambda reader: erasing_rows.count(reader, erasure.erased)):
            return replace(erasure, step=Step.DELETE)  # a call that was under way when the account was shut
        return replace(erasure, step=Step.SEARCH)

    async def _search(self, erasure: Erasure) -> Erasure:
        """Whatever is found, SIMs that come back are swept; whatever SIM is away, files are searched."""
        await self._sweep_in_reach(erasure)
        findings = await self._looking.look(erasure)
        if findings is not None:
            now = self._clock.now()
            written = partial(receipts.searched, number=erasure.id, at=now, **asdict(findings))
            await self._database.write(written)
            erasure = replace(erasure, searched_at=now)
        found = await self._database.read(lambda reader: receipts.found(reader, erasure.id))
        absent = await self._database.read(lambda reader: receipts.sims(reader, erasure.id))
        names = self._aftercare.sims()
        erasure = replace(erasure, found=found, waiting_for=[receipts.called(sim, names) for sim in absent])
        if found or absent:
            return erasure
        if self._looking.missed(erasure):
            log.event("erasure.not_searched", level="WARNING", erasure=encode("e", erasure.id))
        self._looking.drop(erasure.id)
        return replace(erasure, step=Step.DONE, completed_at=self._clock.now())

    async def _sweep_in_reach(self, erasure: Erasure) -> None:
        async with self._sweeping:
            for sim in await self._database.read(lambda reader: receipts.sims(reader, erasure.id)):
                await self._sweep_one(sim)

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
