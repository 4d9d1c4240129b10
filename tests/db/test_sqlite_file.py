"""The SQLite file itself: how it is made, what is refused, and what a full or busy disk does."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modemd.clock import ManualClock
from modemd.db import Database, Reader, Transaction, connect
from modemd.errors import NotADatabase, ReadTooLong, StorageBusy, StorageError, StorageFull, StorageUnwritable

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "secure_delete": 1,
    "temp_store": 2,
    "foreign_keys": 1,
    "auto_vacuum": 2,
}
"""FULL, ON, MEMORY, ON, INCREMENTAL as SQLite answers them."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "modemd.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = connect(f"sqlite://{path}")
    await database.open()
    yield database
    await database.close()


def insert(name: str, size: int = 0) -> Callable[[Transaction], int]:
    return lambda tx: tx.execute("INSERT INTO tally (name, value) VALUES (?, 1)", (name + "x" * size,)).rowcount


def count(reader: Reader) -> int:
    return int(reader.execute("SELECT count(*) FROM tally").fetchone()[0])


async def refusal(path: Path) -> StorageError:
    with pytest.raises(StorageError) as caught:
        await connect(f"sqlite://{path}").open()
    assert caught.value.cure
    return caught.value


async def fill(database: Database) -> int:
    """Write one row after the other until there is no room; how many were accepted."""
    for number in range(1000):
        try:
            await database.write(insert(str(number), 1000))
        except StorageFull:
            return number
    pytest.fail("it was never full")


async def test_every_connection_is_durable_and_leaves_nothing_behind(database: Database) -> None:
    def pragmas(reader: Reader) -> dict[str, object]:
        return {name: reader.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}

    assert await database.write(pragmas) == PRAGMAS
    assert await asyncio.gather(*(database.read(pragmas) for _ in range(8))) == [PRAGMAS] * 8


async def test_the_file_and_its_journal_are_for_their_owner_alone(database: Database, path: Path) -> None:
    await database.write(insert("a"))
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.glob("modemd.db*")}
    assert modes == dict.fromkeys(("modemd.db", "modemd.db-wal", "modemd.db-shm"), "0o600")


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("a shopping list\n" * 100)
    assert isinstance(await refusal(path), NotADatabase)
    assert path.read_text() == "a shopping list\n" * 100


async def test_another_program_s_database_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE songs (title TEXT)")
    before = path.read_bytes()
    assert isinstance(await refusal(path), NotADatabase)
    assert path.read_bytes() == before


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    database = connect(f"sqlite://{path}")
    await database.open()
    assert await database.write(insert("a")) == 1
    await database.close()


async def test_a_damaged_file_is_called_so(path: Path) -> None:
    database = connect(f"sqlite://{path}")
    await database.open()
    await asyncio.gather(*(database.write(insert(str(number), 500)) for number in range(200)))
    await database.close()
    page = 4096
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for start in range(page * (size // page // 2), size, page):
            file.seek(start)
            file.write(os.urandom(page))

    async def meet_the_damage() -> None:
        await database.open()
        await database.read(lambda reader: reader.execute("SELECT * FROM tally").fetchall())

    with pytest.raises(NotADatabase, match="damaged"):
        await meet_the_damage()
    await database.close()


async def test_a_place_where_no_file_can_be_is_named(tmp_path: Path) -> None:
    missing = await refusal(tmp_path / "missing" / "modemd.db")
    folder = await refusal(tmp_path)
    forbidden = await refusal(Path("/proc/modemd.db"))  # even root cannot make a file there
    assert [type(error) for error in (missing, folder, forbidden)] == [StorageUnwritable] * 3
    assert "missing" in missing.detail
    assert "is a directory" in folder.detail


async def test_a_refused_open_can_be_tried_again_after_the_cure(path: Path) -> None:
    path.write_text("a shopping list\n" * 100)
    database = connect(f"sqlite://{path}")
    with pytest.raises(NotADatabase):
        await database.open()
    path.unlink()
    await database.open()
    assert await database.write(insert("a")) == 1
    await database.close()


async def test_a_full_database_refuses_whole_batches_and_goes_on_when_there_is_room(path: Path) -> None:
    database = connect(f"sqlite://{path}", clock=ManualClock())
    await database.open()
    await database.write(insert("before"))
    pages = await database.read(lambda reader: reader.execute("PRAGMA page_count").fetchone()[0])
    await database.write(lambda tx: tx.execute(f"PRAGMA max_page_count = {pages + 4}"))
    large = [database.submit(insert(str(number), 2000)) for number in range(40)]
    results = await asyncio.gather(*large, return_exceptions=True)
    full = [result for result in results if isinstance(result, StorageFull)]
    assert full
    assert all(result == 1 or isinstance(result, StorageFull) for result in results)
    assert await database.read(count) == 1 + results.count(1)
    await database.write(lambda tx: tx.execute("PRAGMA max_page_count = 1000000"))
    assert await database.write(insert("after", 2000)) == 1
    await database.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a really full disk is not tested: mounting one takes root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


async def test_a_full_disk_refuses_writes_loses_none_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(200_000))
    database = connect(f"sqlite://{small_disk / 'modemd.db'}")
    await database.open()
    written = await fill(database)
    assert written > 0
    assert await database.read(count) == written
    ballast.unlink()
    assert await database.write(insert("after", 1000)) == 1
    await database.close()
    with closing(sqlite3.connect(small_disk / "modemd.db")) as after:
        assert after.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert after.execute("SELECT count(*) FROM tally").fetchone() == (written + 1,)


async def test_a_new_database_on_a_full_disk_is_refused(small_disk: Path) -> None:
    with pytest.raises(OSError, match="space"):
        (small_disk / "ballast").write_bytes(bytes(4_000_000))
    assert isinstance(await refusal(small_disk / "modemd.db"), StorageFull)


async def test_another_program_s_lock_ends_in_busy_and_then_it_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemd.db.sqlite.PATIENCE", 0.05)
    database = connect(f"sqlite://{path}")
    await database.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(*(database.write(insert(name)) for name in "abc"), return_exceptions=True)
        assert [type(result) for result in results] == [StorageBusy] * 3
        assert await database.read(count) == 0
    assert await database.write(insert("d")) == 1
    await database.close()


async def test_a_read_that_takes_too_long_is_ended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemd.db.sqlite.READ_LIMIT", 0.05)
    database = connect(f"sqlite://{path}")
    await database.open()
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(ReadTooLong):
        await database.read(lambda reader: reader.execute(endless).fetchone())
    assert await database.read(count) == 0
    await database.close()
