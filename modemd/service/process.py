"""One daemon as a process: its hold on the state directory, its threads and descriptors, the signals that end it."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from modemd import log, status
from modemd.clock import SystemClock
from modemd.config import Settings
from modemd.db import connect
from modemd.errors import DaemonError
from modemd.queue import FIRST_SCHEMA, Counts, Queue
from modemd.service.hold import Hold
from modemd.service.restoring import tidy
from modemd.service.service import Service

SWITCH_INTERVAL_S = 0.0001
"""How long a thread may keep the others waiting. At Python's 5 ms the gap between two messages had a p99 of 22 ms
while the database thread was busy, at 0.5 ms one of 5 ms; but a loop that is never idle starved the writer at 0.5 ms
for seconds, and at 0.1 ms it did not (docs/why.md)."""

Announce = Callable[[Service], None]


async def run(settings: Settings, announce: Announce = lambda service: None) -> None:
    """Run the daemon until SIGTERM or SIGINT; raises ModemdError if it cannot start.

    ``announce`` is called when everything is up.
    """
    with Hold(settings.state_dir):
        _prepare_process()
        tidy(settings)
        service = Service(settings, SystemClock())
        await service.start()
        try:
            asked = _listen(service)  # before anybody is told that it is up: a stop may come at once
            announce(service)
            _forget_the_start()
            await _until_asked(service, asked)
        finally:
            await service.stop()


async def offline_status(settings: Settings) -> dict[str, Any]:
    """The status document from the database alone, for when no daemon runs; changes nothing. Raises StorageError."""
    clock = SystemClock()
    database = connect(settings.database_url, clock=clock)
    counts = Counts.nothing()
    if await database.look() >= FIRST_SCHEMA:
        counts = await Queue(database, clock, status.node_name()).counts()
    await database.close()
    return status.document(counts, clock.now(), running=False)


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


def _listen(service: Service) -> asyncio.Future[None]:
    """Take signals from now on; done when one asks to stop."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[None] = loop.create_future()

    def ask() -> None:
        if not asked.done():
            asked.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    if not sys.stdin or not sys.stdin.isatty():  # of a terminal that is closed, SIGHUP means the end
        loop.add_signal_handler(
            signal.SIGHUP, lambda: service.background.run("reload", service.reload(), lasting=False)
        )
    return asked


async def _until_asked(service: Service, asked: asyncio.Future[None]) -> None:
    """Return when a signal asks for it, or a part that must last has failed."""
    failed = service.background.failed
    await asyncio.wait((asked, failed), return_when=asyncio.FIRST_COMPLETED)
    if failed.done():
        raise DaemonError(f"the part {failed.result()} failed", cure="see the log", code="part_failed")
