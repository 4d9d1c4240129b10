"""The schema: applied in order, once, whole or not at all, never backwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from modemd.clock import ManualClock
from modemd.db import Database, Reader, connect
from modemd.db.schema import read
from modemd.errors import SchemaError, StorageError

FIRST = "CREATE TABLE first (id {id}, octets {blob});\nCREATE INDEX first_octets ON first (octets);\n"
SECOND = "-- why; it is needed\nINSERT INTO first (id, octets)\nVALUES (1, NULL);\n"

Ship = Callable[..., None]


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ship:
    """Make these files the migrations of this version."""

    def files(**texts: str) -> None:
        folder = tmp_path / "migrations"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, text in texts.items():
            (folder / f"{name.removeprefix('m')}.sql").write_text(text)
        monkeypatch.setattr("modemd.db.shipped", lambda: read(folder))

    return files


async def opened(url: str, clock: ManualClock | None = None) -> Database:
    database = connect(url, clock=clock or ManualClock())
    await database.open()
    return database


def applied(reader: Reader) -> list[tuple[int, str, int]]:
    return reader.execute("SELECT number, name, applied_at FROM migration ORDER BY number").fetchall()


def count(reader: Reader) -> int:
    return int(reader.execute("SELECT count(*) FROM first").fetchone()[0])


async def test_what_is_missing_is_applied_in_order_and_recorded(database_url: str, ship: Ship) -> None:
    clock = ManualClock(start=1000)
    ship(m0001_first=FIRST)
    database = await opened(database_url, clock)
    await database.close()
    clock.advance(1)
    ship(m0001_first="this is not read again", m0002_second=SECOND)
    for _ in range(2):
        database = await opened(database_url, clock)
        assert await database.read(applied) == [(1, "first", 1000), (2, "second", 1_001_000)]
        assert await database.read(count) == 1
        await database.close()


async def test_one_that_fails_leaves_nothing_of_itself_and_all_before_it(database_url: str, ship: Ship) -> None:
    broken = SECOND + "INSERT INTO nowhere VALUES (1);\n"
    ship(m0001_first=FIRST, m0002_broken=broken)
    with pytest.raises(SchemaError, match="broken"):
        await opened(database_url)
    ship(m0001_first=FIRST)
    database = await opened(database_url)
    assert [number for number, _, _ in await database.read(applied)] == [1]
    assert await database.read(count) == 0
    await database.close()


async def test_a_schema_newer_than_the_program_is_refused_with_its_cure(database_url: str, ship: Ship) -> None:
    ship(m0001_first=FIRST, m0002_second=SECOND)
    await (await opened(database_url)).close()
    ship(m0001_first=FIRST)
    with pytest.raises(SchemaError) as caught:
        await opened(database_url)
    assert "2" in caught.value.detail
    assert "newer" in caught.value.cure


async def test_who_only_looks_brings_nothing_to_this_version(database_url: str, ship: Ship) -> None:
    ship(m0001_first=FIRST)
    assert await connect(database_url).look() == 0, "nothing is there, and nothing is made"
    database = await opened(database_url)
    await database.close()
    ship(m0001_first=FIRST, m0002_second=SECOND)
    database = connect(database_url)
    assert await database.look() == 1
    assert await database.read(count) == 0
    assert len(await database.read(applied)) == 1
    with pytest.raises(StorageError, match="closed"):
        await database.write(lambda tx: tx.execute("INSERT INTO first (id) VALUES (7)").rowcount)
    with pytest.raises(StorageError):
        await database.read(lambda reader: reader.execute("INSERT INTO first (id) VALUES (7)").rowcount)
    await database.close()
    ship(m0000_none="SELECT 1;")
    database = connect(database_url)
    with pytest.raises(SchemaError, match="schema 1"):
        await database.look()


async def test_a_number_that_was_skipped_is_refused_not_applied_late(database_url: str, ship: Ship) -> None:
    ship(m0002_first=FIRST)
    await (await opened(database_url)).close()
    ship(m0001_late=SECOND, m0002_first=FIRST)
    with pytest.raises(SchemaError, match="migration 1 "):
        await opened(database_url)


async def test_several_that_open_at_once_apply_each_once(database_url: str, ship: Ship) -> None:
    ship(m0001_first=FIRST, m0002_second=SECOND)
    databases = await asyncio.gather(*(opened(database_url) for _ in range(4)))
    for database in databases:
        assert await database.read(count) == 1
        await database.close()


async def test_an_unknown_token_is_refused(database_url: str, ship: Ship) -> None:
    ship(m0001_first="CREATE TABLE first (id {serial});\n")
    with pytest.raises(SchemaError, match="serial"):
        await opened(database_url)


async def test_half_a_statement_at_the_end_is_refused(database_url: str, ship: Ship) -> None:
    ship(m0001_first="CREATE TABLE first (id {id});\nCREATE TABLE second (id {id}\n")
    with pytest.raises(SchemaError, match="statement"):
        await opened(database_url)


def test_two_files_with_one_number_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text(FIRST)
    (tmp_path / "0001_b.sql").write_text(FIRST)
    with pytest.raises(SchemaError, match="number 1"):
        read(tmp_path)
