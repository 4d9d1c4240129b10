"""One daemon as a process: its hold on the state directory, its threads and descriptors, the signals that end it."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modemd import log, status
from modemd.clock import SystemClock
from modemd.config import Settings
from modemd.db import connect
from modemd.errors import AlreadyRunning, DaemonError
from modemd.queue import Queue
from modemd.service.service import Service
from modemd.state_dir import prepare

SWITCH_INTERVAL_S = 0.0001
"""How long a thread may keep the others waiting. At Python's 5 ms the gap between two messages had a p99 of 22 ms
while the database thread was busy, at 0.5 ms one of 5 ms; but a loop that is never idle starved the writer at 0.5 ms
for seconds, and at 0.1 ms it did not (docs/why.md)."""

Announce = Callable[[Service], None]


async def run(settings: Settings, announce: Announce = lambda service: None) -> None:
    """Run the daemon until SIGTERM or SIGINT; raises ModemdError if it cannot start.

    ``announce`` is called when everything is up.
    """
    with _Hold(settings.state_dir):
        _prepare_process()
        service = Service(settings, SystemClock())
        await service.start()
        try:
            announce(service)
            _forget_the_start()
            await _asked_to_stop(service)
        finally:
            await service.stop()


async def offline_status(settings: Settings) -> dict[str, Any]:
    """The status document from the database alone, for when no daemon runs; raises StorageError."""
    clock = SystemClock()
    database = connect(settings.database_url, clock=clock)
    await database.open()
    try:
        counts = await Queue(database, clock, status.node_name()).counts()
        return status.document(counts, clock.now(), running=False)
    finally:
        await database.close()


class _Hold:
    """The state directory, held for one daemon by a lock that dies with it."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = prepare(state_dir)

    def __enter__(self) -> None:
        self._descriptor = os.open(self._state_dir / "daemon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise AlreadyRunning(
                f"another modemd runs on {self._state_dir}", cure="stop it, or name another with --state-dir"
            ) from None

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _prepare_process() -> None:
    """Threads take turns quickly, and there are descriptors for hundreds of ports."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.get_running_loop().set_exception_handler(log.loop_error)


def _forget_the_start() -> None:
    """What the start has built stays for good: the collector need not look through it again, 20 to 35 ms a time."""
    gc.collect()
    gc.freeze()


async def _asked_to_stop(service: Service) -> None:
    """Return when a signal asks for it, or a part that must last has failed."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[None] = loop.create_future()

    def ask() -> None:
        if not asked.done():
            asked.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    failed = service.background.failed
    await asyncio.wait((asked, failed), return_when=asyncio.FIRST_COMPLETED)
    if failed.done():
        raise DaemonError(f"the part {failed.result()} failed", cure="see the log", code="part_failed")
