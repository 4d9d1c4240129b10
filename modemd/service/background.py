"""What runs beside everything else: tasks that must last, and tasks that end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from modemd import log


class Background:
    """Tasks, until `end`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done when a task that must last has failed: its name."""

    def run(self, name: str, work: Coroutine[Any, Any, None], *, lasting: bool = True) -> asyncio.Task[None]:
        """Run this; an error is logged by its type, and of what must last it is told by ``failed``."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                log.failed("service.part_failed", error, part=name)
                if lasting and not self.failed.done():
                    self.failed.set_result(name)

        task.add_done_callback(ended)
        return task

    async def end(self) -> None:
        """Cancel what still runs, and return when all of it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
