"""Calls that arrive together: one statement for all, an answer for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modemd.clock import ManualClock
from modemd.db import Database, Reader, Transaction, Urgency, connect
from modemd.errors import StorageFull
from modemd.queue import SLICE, Draft, Envelope, Idempotency, Queue
from modemd.queue import together as gathering
from modemd.values import Lane


class Handed:
    """A queue on a real file, and how many closures were handed to its writer."""

    def __init__(self, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = database
        self.clock = clock
        self.queue = Queue(database, clock, "here")
        self.closures = 0
        hand_in = database.submit

        def counted(closure: Callable[[Transaction], Any], urgency: Urgency = Urgency.SUBMIT) -> asyncio.Future[Any]:
            self.closures += 1
            return hand_in(closure, urgency)

        monkeypatch.setattr(database, "submit", counted)

    def drafts(self, count: int = 1) -> list[Draft]:
        return [Draft(number, b"sealed", 1, b"key") for number in self.queue.ids.many(count)]

    def call(self, drafts: Sequence[Draft], idempotency: Idempotency | None = None) -> asyncio.Task[None]:
        envelope = Envelope(1, Lane.TRANSACTIONAL, self.clock.now(), None)
        return asyncio.create_task(self.queue.submit(envelope, drafts, idempotency))

    async def kept(self) -> int:
        return await self.database.read(_count)


@pytest.fixture
async def handed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Handed]:
    database = connect(f"sqlite:///{tmp_path / 'modemd.db'}", clock=ManualClock())
    await database.open()
    yield Handed(database, ManualClock(), monkeypatch)
    await database.close()


async def test_what_comes_at_once_is_written_by_one_closure_and_counted_message_by_message(handed: Handed) -> None:
    await asyncio.gather(*(handed.call(handed.drafts(count)) for count in (1, 3, 1, 2)))
    assert handed.closures == 1
    assert await handed.kept() == 7
    counts = await handed.queue.counts()
    assert (counts.totals["accepted"], counts.lanes[Lane.TRANSACTIONAL]) == (7, 7)


async def test_each_call_stays_a_call_of_its_own(handed: Handed) -> None:
    calls = [handed.drafts(2) for _ in range(3)]
    await asyncio.gather(*map(handed.call, calls))
    assert await handed.queue.cancel_call(calls[1][0].id, 1) == 2
    found = [await handed.queue.message(draft.id) for call in calls for draft in call]
    assert [message.state.label for message in found if message] == [
        *["queued"] * 2,
        *["cancelled"] * 2,
        *["queued"] * 2,
    ]


async def test_a_call_that_comes_alone_waits_for_nobody(handed: Handed) -> None:
    """The clock stands still: time alone would never end the waiting."""
    for _ in range(3):
        await handed.call(handed.drafts())
    assert handed.closures == 3


async def test_those_who_keep_coming_do_not_hold_up_the_first(handed: Handed) -> None:
    first, others = handed.call(handed.drafts()), list[asyncio.Task[None]]()
    began = handed.clock.monotonic()
    while not handed.closures and len(others) < 1000:
        others.append(handed.call(handed.drafts()))
        handed.clock.advance(0.0001)
        await asyncio.sleep(0)
    assert handed.clock.monotonic() - began <= 2 * gathering.LONGEST
    await asyncio.gather(first, *others)


async def test_no_closure_writes_more_than_a_slice(handed: Handed) -> None:
    await asyncio.gather(*(handed.call(handed.drafts(SLICE // 2)) for _ in range(5)))
    assert handed.closures == 3
    assert await handed.kept() == 5 * (SLICE // 2)


async def test_a_call_the_database_may_refuse_is_written_apart(handed: Handed) -> None:
    key = Idempotency(b"key", b"fingerprint")
    await asyncio.gather(handed.call(handed.drafts()), handed.call(handed.drafts(), key), handed.call(handed.drafts()))
    assert handed.closures == 2
    assert await handed.kept() == 3


async def test_who_gives_up_waiting_takes_nothing_from_the_others(handed: Handed) -> None:
    calls = [handed.call(handed.drafts()) for _ in range(3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), asyncio.CancelledError, type(None)]
    assert await handed.kept() == 3


async def test_on_a_full_disk_everybody_is_told_and_nothing_is_kept(handed: Handed) -> None:
    pages = await handed.database.read(lambda reader: reader.execute("PRAGMA page_count").fetchone()[0])
    await handed.database.write(lambda tx: tx.execute(f"PRAGMA max_page_count = {pages}"))
    large = [[draft._replace(body=b"x" * 5000)] for draft in handed.drafts(5)]
    answers = await asyncio.gather(*map(handed.call, large), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StorageFull] * 5
    assert len({id(answer) for answer in answers}) == 5, "one error raised in five places would collect their frames"
    assert await handed.kept() == 0


async def test_after_the_end_everybody_is_told(handed: Handed) -> None:
    await handed.database.close()
    answers = await asyncio.gather(*(handed.call(handed.drafts()) for _ in range(2)), return_exceptions=True)
    assert {getattr(answer, "code", None) for answer in answers} == {"closed"}


def _count(reader: Reader) -> int:
    return int(reader.execute("SELECT count(*) FROM message").fetchone()[0])
