"""Scrubbing, on both engines: what was deleted leaves the files, while others read and write."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from modemd.db import Database, Reader, Transaction, Urgency
from modemd.errors import StorageBusy

MARK = "kwiecisty-jarmark-4711"
ROWS = 5000
PATIENCE = 20


async def filled(database: Database) -> None:
    rows = [(f"{MARK} {number} {'x' * 200}", number) for number in range(ROWS)]
    await database.write(lambda tx: tx.executemany("INSERT INTO tally (name, value) VALUES (?, ?)", rows).rowcount)


async def emptied(database: Database) -> None:
    await database.write(lambda tx: tx.execute("DELETE FROM tally").rowcount)


def count(reader: Reader) -> int:
    return int(reader.execute("SELECT count(*) FROM tally").fetchone()[0])


def insert(tx: Transaction) -> int:
    return tx.execute("INSERT INTO tally (name, value) VALUES ('written meanwhile', 1)").rowcount


def file_of(database_url: str) -> Path:
    return Path(database_url.removeprefix("sqlite://"))


def octets(path: Path) -> bytes:
    return b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))


@pytest.fixture
def sqlite_url(database_url: str) -> str:
    if not database_url.startswith("sqlite"):
        pytest.skip("about the files of SQLite")
    return database_url


@pytest.fixture
def server_url(database_url: str) -> str:
    if database_url.startswith("sqlite"):
        pytest.skip("about the tables of a server")
    return database_url


async def test_what_is_there_survives_and_may_be_scrubbed_again(database: Database) -> None:
    await filled(database)
    await database.scrub()
    assert await database.read(count) == ROWS
    await emptied(database)
    await database.write(insert)
    await database.scrub()
    await database.scrub()
    assert await database.read(count) == 1


async def test_writes_that_a_modem_waits_for_go_on_meanwhile(database: Database) -> None:
    await filled(database)
    await emptied(database)
    loop = asyncio.get_running_loop()
    scrubbing = asyncio.create_task(database.scrub())
    slowest, writes = 0.0, 0
    while not scrubbing.done():
        before = loop.time()
        await database.write(lambda tx: tx.execute("UPDATE tally SET value = 1").rowcount, Urgency.SEND)
        slowest, writes = max(slowest, loop.time() - before), writes + 1
    await scrubbing
    assert writes > 0
    assert slowest < 1.0, "far less than the seconds a write may wait for a lock"


async def test_on_sqlite_the_journal_is_empty_and_the_file_small_afterwards(
    sqlite_url: str, database: Database
) -> None:
    path = file_of(sqlite_url)
    await filled(database)
    await emptied(database)
    before = octets(path).count(MARK.encode())
    assert path.stat().st_size > 1_000_000
    await database.scrub()
    assert path.with_name(f"{path.name}-wal").stat().st_size == 0
    assert path.stat().st_size < 500_000, "the pages of 5,000 rows have left the file"
    assert before >= ROWS
    assert octets(path).count(MARK.encode()) < ROWS // 100, "no more than slack in pages that are in use"


async def test_on_sqlite_an_open_snapshot_is_waited_for_without_holding_up_writers(
    sqlite_url: str, database: Database
) -> None:
    path = file_of(sqlite_url)
    await filled(database)
    reading, may_end = threading.Event(), threading.Event()

    def slow(reader: Reader) -> int:
        before = count(reader)
        reading.set()
        assert may_end.wait(PATIENCE)
        assert count(reader) == before
        return before

    read = asyncio.create_task(database.read(slow))
    await asyncio.to_thread(reading.wait, PATIENCE)
    await emptied(database)
    scrubbing = asyncio.create_task(database.scrub())
    for _ in range(20):
        assert await database.write(insert) == 1
        await database.write(lambda tx: tx.execute("DELETE FROM tally").rowcount)
    assert not scrubbing.done(), "the snapshot still needs the journal"
    may_end.set()
    assert await read == ROWS
    await asyncio.wait_for(scrubbing, PATIENCE)
    assert path.with_name(f"{path.name}-wal").stat().st_size == 0


async def test_on_sqlite_it_succeeds_although_others_read_all_the_time(sqlite_url: str, database: Database) -> None:
    await filled(database)
    over = asyncio.Event()

    async def read_on() -> int:
        reads = 0
        while not over.is_set():
            await database.read(count)
            reads += 1
        return reads

    readers = [asyncio.create_task(read_on()) for _ in range(4)]
    await database.write(lambda tx: tx.execute("DELETE FROM tally WHERE value > 1000").rowcount)
    await asyncio.wait_for(database.scrub(), PATIENCE)
    path = file_of(sqlite_url)
    assert path.with_name(f"{path.name}-wal").stat().st_size == 0
    over.set()
    assert sum(await asyncio.gather(*readers)) > 0


async def test_on_sqlite_another_program_s_endless_read_is_named(
    sqlite_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemd.db.database.SCRUB_PATIENCE", 0.3)
    await filled(database)
    with closing(sqlite3.connect(file_of(sqlite_url), isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM tally").fetchone()
        await emptied(database)
        with pytest.raises(StorageBusy, match="another program") as caught:
            await database.scrub()
        assert caught.value.cure
        other.execute("ROLLBACK")
    await database.scrub()


async def test_on_postgresql_the_pages_of_deleted_rows_go_back_to_the_system(
    server_url: str, database: Database
) -> None:
    def size() -> int:
        with psycopg.connect(server_url, autocommit=True) as admin:
            return int(admin.execute("SELECT pg_relation_size('tally')").fetchall()[0][0])

    await filled(database)
    await emptied(database)
    assert await asyncio.to_thread(size) > 1_000_000
    await database.scrub()
    assert await asyncio.to_thread(size) == 0
