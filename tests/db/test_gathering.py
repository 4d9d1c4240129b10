"""How many closures share a transaction: seen from another connection, which sees only what is committed."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from modemd.clock import ManualClock
from modemd.db import Database, Transaction, Urgency, connect


class SlowDisk(ManualClock):
    """A clock on which the COMMIT that makes the row ``slow`` visible takes 20 ms."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def monotonic(self) -> float:
        """Stands still but for that."""
        with closing(sqlite3.connect(self.path)) as other:
            tables = other.execute("SELECT count(*) FROM sqlite_master WHERE name = 'tally'").fetchone()[0]
            slow = tables and other.execute("SELECT count(*) FROM tally WHERE name = 'slow'").fetchone()[0]
        return super().monotonic() + (0.02 if slow else 0)


class Watched:
    """Hands in closures that take a known time and note how many rows were committed when they ran."""

    def __init__(self, database: Database, clock: ManualClock, path: Path) -> None:
        self.database = database
        self.clock = clock
        self.path = path
        self.committed: list[tuple[str, int]] = []

    def submit(self, name: str, urgency: Urgency, takes: float) -> asyncio.Future[None]:
        def closure(tx: Transaction) -> None:
            with closing(sqlite3.connect(self.path)) as other:
                self.committed.append((name, other.execute("SELECT count(*) FROM tally").fetchone()[0]))
            tx.execute("INSERT INTO tally (name, value) VALUES (?, 1)", (name,))
            self.clock.advance(takes)

        return self.database.submit(closure, urgency)

    def hold(self) -> tuple[asyncio.Future[bool], threading.Event]:
        """Keep the writer in a transaction until the event is set."""
        opened = threading.Event()
        return self.database.submit(lambda tx: opened.wait(10), Urgency.SUBMIT), opened


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    clock = ManualClock()
    path = tmp_path / "modemd.db"
    database = connect(f"sqlite://{path}", clock=clock)
    await database.open()
    yield Watched(database, clock, path)
    await database.close()


async def test_a_transaction_gathers_five_milliseconds_of_work_and_no_more(watched: Watched) -> None:
    held, opened = watched.hold()
    futures = [watched.submit(str(number), Urgency.BULK, takes=0.002) for number in range(7)]
    opened.set()
    await asyncio.gather(held, *futures)
    assert watched.committed == [("0", 0), ("1", 0), ("2", 0), ("3", 3), ("4", 3), ("5", 3), ("6", 6)]


async def test_small_closures_that_wait_together_share_one_commit(watched: Watched) -> None:
    held, opened = watched.hold()
    futures = [watched.submit(str(number), Urgency.SUBMIT, takes=0.00002) for number in range(100)]
    opened.set()
    await asyncio.gather(held, *futures)
    assert {committed for _, committed in watched.committed} == {0}


async def test_a_send_that_comes_while_a_transaction_gathers_is_next_and_shares_its_commit(watched: Watched) -> None:
    sends: list[asyncio.Future[None]] = []
    handed_in = threading.Event()
    running = threading.Event()

    def first(tx: Transaction) -> None:
        running.set()
        assert handed_in.wait(10)

    futures = [watched.database.submit(first, Urgency.BULK)]
    futures += [watched.submit(f"bulk {number}", Urgency.BULK, takes=0.003) for number in range(3)]
    await asyncio.to_thread(running.wait, 10)
    sends.append(watched.submit("send", Urgency.SEND, takes=0.001))
    handed_in.set()
    await asyncio.gather(*futures, *sends)
    assert watched.committed == [("send", 0), ("bulk 0", 0), ("bulk 1", 0), ("bulk 2", 3)]


@pytest.mark.parametrize(
    ("first", "second_transaction_has"), [(Urgency.BULK, 8), (Urgency.SEND, 3)], ids=["bulk alone", "with a send"]
)
async def test_after_a_slow_commit_more_is_gathered_but_not_while_a_send_waits(
    tmp_path: Path, first: Urgency, second_transaction_has: int
) -> None:
    path = tmp_path / "modemd.db"
    clock = SlowDisk(path)
    database = connect(f"sqlite://{path}", clock=clock)
    await database.open()
    watched = Watched(database, clock, path)
    await watched.submit("slow", Urgency.SUBMIT, takes=0)
    held, opened = watched.hold()
    futures = [watched.submit("first", first, takes=0.001)]
    futures += [watched.submit(str(number), Urgency.BULK, takes=0.003) for number in range(10)]
    opened.set()
    await asyncio.gather(held, *futures)
    assert len([name for name, committed in watched.committed[1:] if committed == 1]) == second_transaction_has
    await database.close()
