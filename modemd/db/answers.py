"""Carries results from a database thread to the futures that wait on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from loguru import logger

from modemd.errors import ModemdError

Answer = tuple["asyncio.Future[Any]", Any, BaseException | None]
"""Who waits, the result, or else the error."""


def answer(loop: asyncio.AbstractEventLoop, answers: Sequence[Answer]) -> None:
    """Resolve futures of ``loop`` from another thread, all in one turn."""
    try:
        loop.call_soon_threadsafe(_deliver, answers)
    except RuntimeError:
        logger.warning("the event loop ended before the database did; {} answers go nowhere", len(answers))


def _deliver(answers: Sequence[Answer]) -> None:
    for future, result, error in answers:
        if future.done():  # its caller was cancelled
            if error is not None:
                logger.warning("a closure failed after its caller was cancelled: {}", name(error))
        elif error is None:
            future.set_result(result)
        elif isinstance(error, StopIteration):  # a future cannot carry one
            future.set_exception(RuntimeError("the closure raised StopIteration"))
        else:
            future.set_exception(error)


def name(error: BaseException) -> str:
    """Type and code of an error: what a log may show of it."""
    return f"{type(error).__name__} {error.code}" if isinstance(error, ModemdError) else type(error).__name__
