"""Carries results from a database thread to the futures that wait on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from modemd import log

Answer = tuple["asyncio.Future[Any]", Any, BaseException | None]
"""Who waits, the result, or else the error."""


def answer(loop: asyncio.AbstractEventLoop, answers: Sequence[Answer]) -> None:
    """Resolve futures of ``loop`` from another thread, all in one turn."""
    try:
        loop.call_soon_threadsafe(_deliver, answers)
    except RuntimeError:
        log.event("database.unheard", level="WARNING", answers=len(answers))  # the loop ended before the database


def _deliver(answers: Sequence[Answer]) -> None:
    for future, result, error in answers:
        if future.done():  # its caller was cancelled
            if error is not None:
                log.failed("database.unheard", error, level="WARNING")
        elif error is None:
            future.set_result(result)
        elif isinstance(error, StopIteration):  # a future cannot carry one
            future.set_exception(RuntimeError("the closure raised StopIteration"))
        else:
            future.set_exception(error)
