"""A few threads that read, each from a snapshot of its own and only for a moment."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

from modemd.db.answers import answer
from modemd.db.engine import Connection, Engine
from modemd.db.transaction import Reader

THREADS = 2
"""Reads are short; more threads would only contend for the interpreter with the loop."""

Read = tuple[Callable[[Reader], Any], "asyncio.Future[Any]"]


class Readers:
    """Threads that take closures in the order they came."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        self._engine = engine
        self._loop = loop
        self._inbox: queue.SimpleQueue[Read | None] = queue.SimpleQueue()
        self._ended = [loop.create_future() for _ in range(THREADS)]

    def start(self) -> None:
        """Start the threads; each opens its connection when it has something to read."""
        for number, ended in enumerate(self._ended, 1):
            threading.Thread(target=self._run, args=(ended,), name=f"modemd-db-reader-{number}", daemon=True).start()

    async def stop(self) -> None:
        """Answer what was handed in, then end the threads."""
        for _ in self._ended:
            self._inbox.put(None)
        await asyncio.gather(*map(asyncio.shield, self._ended))

    def hand_in(self, closure: Callable[[Reader], Any], future: asyncio.Future[Any]) -> None:
        """Queue a closure; never blocks."""
        self._inbox.put((closure, future))

    def _run(self, ended: asyncio.Future[None]) -> None:
        connection: Connection | None = None
        while (read := self._inbox.get()) is not None:
            closure, future = read
            if future.cancelled():
                continue
            try:
                connection = connection or self._engine.connect(writing=False)
                result = self._snapshot(connection, closure)
            except BaseException as error:
                answer(self._loop, [(future, None, self._engine.fault(error))])
            else:
                answer(self._loop, [(future, result, None)])
        if connection is not None:
            connection.close()
        answer(self._loop, [(ended, None, None)])

    def _snapshot(self, connection: Connection, closure: Callable[[Reader], Any]) -> Any:
        connection.begin()
        try:
            return closure(Reader(self._engine, connection))
        finally:
            connection.rollback()
