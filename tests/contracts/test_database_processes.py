"""The database under several processes: started at once, writing at once, killed in the middle."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from modemd.db import Reader, connect
from modemd.db.schema import shipped

PATIENCE = 30
"""Seconds after which a process that should have ended, or said something, has failed."""

WRITER = Path(__file__).with_name("pair_writer.py")


def writer(url: str, name: str, count: int, at_once: int = 8, under: Sequence[str] = ()) -> subprocess.Popen[str]:
    command = [*under, sys.executable, str(WRITER), url, name, str(count), str(at_once)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def rows(url: str) -> dict[str, int]:
    def everything(reader: Reader) -> dict[str, int]:
        return dict(reader.execute("SELECT name, value FROM tally").fetchall())

    database = connect(url)
    await database.open()
    found = await database.read(everything)
    await database.close()
    return found


def pairs(found: dict[str, int], name: str) -> set[int]:
    """The numbers of whole pairs; fails if there is half of one."""
    left, right = (
        {int(row.split("-")[1]) for row in found if row.startswith(f"{name}-") and row.endswith(side)}
        for side in ("left", "right")
    )
    assert left == right
    return left


async def test_processes_that_start_at_once_migrate_once_and_lose_nothing(database_url: str) -> None:
    processes = [writer(database_url, name, 40) for name in ("one", "two", "three")]
    assert [process.wait(PATIENCE) for process in processes] == [0, 0, 0]
    found = await rows(database_url)
    for name in ("one", "two", "three"):
        assert pairs(found, name) == set(range(40))
        assert found[f"{name}-count"] == 40

    def applied(reader: Reader) -> list[int]:
        return [number for (number,) in reader.execute("SELECT number FROM migration ORDER BY number")]

    database = connect(database_url)
    await database.open()
    assert await database.read(applied) == [migration.number for migration in shipped()]
    await database.close()


@pytest.mark.parametrize("said", [1, 7, 60])
async def test_a_killed_process_leaves_whole_transactions_and_all_that_it_promised(
    database_url: str, said: int
) -> None:
    process = writer(database_url, "killed", 100_000)
    assert process.stdout is not None
    promised = {int(process.stdout.readline()) for _ in range(said)}
    process.kill()
    promised |= {int(line) for line in process.stdout if line.endswith("\n")}
    process.wait(PATIENCE)
    found = await rows(database_url)
    written = pairs(found, "killed")
    assert promised <= written
    assert found["killed-count"] == len(written)


@pytest.mark.skipif(shutil.which("strace") is None, reason="what the kernel is asked is not seen: no strace here")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_file_is_synchronised_before_a_write_is_answered(database_url: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    strace = ("strace", "-f", "-qq", "-o", str(trace), "-e", "trace=fdatasync,fsync,write")
    assert writer(database_url, "traced", 20, 1, under=strace).wait(PATIENCE) == 0
    synchronised, answers = False, 0
    for line in trace.read_text().splitlines():
        if "sync" in line and line.endswith("= 0"):
            synchronised = True
        elif " write(1, " in line:
            assert synchronised, f"answer {answers} was given before its commit was on the disk"
            synchronised = False
            answers += 1
    assert answers == 20
