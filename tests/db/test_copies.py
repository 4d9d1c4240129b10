"""Copies of an SQLite database: complete, closed to others, told apart from a database, never half done."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from modemd.db import Database, connect, copies
from modemd.errors import Conflict, NotADatabase, NotFound, StorageError, UsageError


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path / 'modemd.db'}"


async def filled(url: str, rows: int = 100) -> Database:
    """A database in use."""
    database = connect(url)
    await database.open()
    await add(database, rows)
    return database


async def add(database: Database, rows: int, first: int = 0) -> None:
    names = [(f"n{first + number}", 1) for number in range(rows)]
    await database.write(lambda tx: tx.executemany("INSERT INTO tally (name, value) VALUES (?, ?)", names).rowcount)


def names(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM tally WHERE name LIKE 'n%'").fetchone()[0])


async def test_a_database_in_use_is_copied_whole_into_one_closed_file(url: str, tmp_path: Path) -> None:
    database = await filled(url)
    assert copies.make(url, tmp_path / "copy") == (tmp_path / "copy").stat().st_size
    await add(database, 1, first=100)
    await database.close()
    assert names(tmp_path / "copy") == 100
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert {file.name for file in tmp_path.iterdir()} == {"copy", "modemd.db"}


async def test_a_copy_is_of_one_moment_while_others_write(url: str, tmp_path: Path) -> None:
    database = await filled(url, 5000)
    copying = threading.Thread(target=copies.make, args=(url, tmp_path / "copy"))
    copying.start()
    written = 0
    while copying.is_alive():
        await add(database, 2, first=5000 + written)
        written += 2
    await database.close()
    assert written > 0
    assert names(tmp_path / "copy") % 2 == 0


async def test_a_copy_is_never_taken_for_the_database(url: str, tmp_path: Path) -> None:
    await (await filled(url)).close()
    copies.make(url, tmp_path / "copy")
    for opens in ("open", "look"):
        with pytest.raises(NotADatabase, match=r"a backup: modemd restore"):
            await getattr(connect(f"sqlite://{tmp_path / 'copy'}"), opens)()
    copies.unpack(tmp_path / "copy", tmp_path / "again.db")
    again = await filled(f"sqlite://{tmp_path / 'again.db'}", 0)
    await again.close()
    assert names(tmp_path / "again.db") == 100
    with pytest.raises(NotADatabase, match="no backup"):
        copies.unpack(tmp_path / "again.db", tmp_path / "third")
    assert not (tmp_path / "third").exists()


async def test_nothing_is_overwritten_and_nothing_is_left_where_it_fails(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound):
        copies.make(url, tmp_path / "copy")
    await (await filled(url)).close()
    (tmp_path / "letter").write_text("dear aunt")
    with pytest.raises(Conflict):
        copies.make(url, tmp_path / "letter")
    assert (tmp_path / "letter").read_text() == "dear aunt"
    with pytest.raises(StorageError):
        copies.make(url, tmp_path / "nowhere" / "copy")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        copies.make(url, tmp_path / "copy")
    assert {file.name for file in tmp_path.iterdir()} == {"letter", "modemd.db"}


@pytest.mark.parametrize("damage", ["short", "changed", "empty", "text"])
async def test_what_is_no_whole_backup_is_refused(url: str, tmp_path: Path, damage: str) -> None:
    await (await filled(url, 3000)).close()
    copy = tmp_path / "copy"
    copies.make(url, copy)
    content = copy.read_bytes()
    match damage:
        case "short":
            copy.write_bytes(content[: len(content) // 2])
        case "changed":
            copy.write_bytes(content[:8192] + bytes(len(content) - 8192))
        case "empty":
            copy.write_bytes(b"")
        case "text":
            copy.write_bytes(b"dear aunt, " * 1000)
    with pytest.raises(NotADatabase, match=r"(no backup|damaged): "):
        copies.unpack(copy, tmp_path / "again.db")
    assert not (tmp_path / "again.db").exists()


async def test_a_copy_that_was_killed_is_no_backup(url: str, tmp_path: Path) -> None:
    await (await filled(url, 20_000)).close()
    program = (
        "import os, signal, sys; from pathlib import Path; from modemd.db import copies;"
        "copies._mark = lambda *_: os.kill(os.getpid(), signal.SIGKILL); copies.make(sys.argv[1], Path(sys.argv[2]))"
    )
    ran = subprocess.run([sys.executable, "-c", program, url, str(tmp_path / "copy")], check=False)
    assert ran.returncode == -9
    with pytest.raises(NotADatabase, match="no backup"):
        copies.unpack(tmp_path / "copy", tmp_path / "again.db")


def test_postgresql_is_sent_to_its_own_tools(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pg_dump"):
        copies.make("postgresql://host/modemd", tmp_path / "copy")
