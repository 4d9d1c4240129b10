"""Forgetting an account: durable, resumable at every step (erasure_steps.py), ended by a receipt that names nobody.

Erasures go on beside each other, so that none waits for another's million rows.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from modemd import log
from modemd.accounts import receipts, verification
from modemd.accounts.erasure_search import ErasureSearch
from modemd.accounts.erasure_steps import Aftercare, Steps
from modemd.accounts.keychain import KeyStore
from modemd.accounts.receipts import Erasure, Step
from modemd.clock import SECOND, Clock
from modemd.db import Database
from modemd.errors import ModemdError, NotFound
from modemd.ids import encode
from modemd.queue import Queue

PROMISED = 60
"""Seconds from the request until nothing can be read any more (interface, section 6)."""
AGAIN = 5.0
"""Seconds after which what is out of reach is tried again."""


class Erasures:
    """Takes, carries out and shows erasures."""

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
        self._clock = clock
        self._new = asyncio.Event()
        self._changed = asyncio.Condition()
        self._waits: dict[int, Erasure] = {}
        self._search = search
        self._steps = Steps(database, keys, queue, aftercare, search=search, clock=clock)

    @property
    def alarms(self) -> list[str]:
        """The erasures that wait for something out of reach, and what was found, in sentences for the operator."""
        waits = [
            f"the erasure {encode('e', number)} waits for {', '.join(erasure.waiting_for)} (modemd erasures list)"
            for number, erasure in self._waits.items()
            if erasure.waiting_for
        ]
        return [*waits, *(alarm for erasure in self._waits.values() for alarm in self._search.alarms(erasure))]

    @property
    def found(self) -> int:
        """In how many files something of what was erased is still to be removed."""
        return sum(len(erasure.found) for erasure in self._waits.values())

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
        """The erasure once it is complete, or waits for what is out of reach or was found. Raises NotFound."""
        async with self._changed:
            while not ((found := await self.show(number)).completed_at or found.waiting_for or found.found):
                await self._changed.wait()
        return found

    async def waive(self, number: int) -> Erasure:
        """Wait no longer for SIMs that are gone for good and files that stay; the receipt says so. Raises NotFound."""
        if (await self.show(number)).found:
            self._search.drop(number)
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

        Where files were found with something of it, they are searched again first. Raises NotFound.
        """
        erasure = await self.show(number)
        if erasure.found and self._search.hurry(number):
            await self._attempt(erasure)
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
        self._queue.on_forgotten(erasure.erased)  # nothing more of it goes out, however much is queued
        while erasure.step is not Step.DONE:
            after = await self._steps.take(erasure)
            if after != erasure:
                await self._write(after)
            self._waits[erasure.id] = after
            if after.step is erasure.step:
                return False
            erasure = after
        self._waits.pop(erasure.id, None)  # it may have been ended twice, also by who wanted it to be verified
        return True

    async def _write(self, erasure: Erasure) -> None:
        await self._database.write(lambda tx: receipts.write(tx, erasure))
        log.event("erasure.step", erasure=encode("e", erasure.id), step=erasure.step.name.lower())
        async with self._changed:
            self._changed.notify_all()
