"""Answers of the running daemon, or, where none runs, from the database and the key store themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from modemd.cli.options import Place
from modemd.errors import NotRunning
from modemd.state_dir import database_file


def answers(place: Place, verb: str, take: Callable[[dict[str, Any]], object], **args: Any) -> None:
    """Hand every answer of a verb to ``take``. Raises NotRunning where there is neither daemon nor database."""
    try:
        for answer in place.stream(verb, **args):
            take(answer)
    except NotRunning:
        settings = place.settings()
        if settings.database.url is None and not database_file(settings.state_dir).exists():
            raise
        from modemd import service  # heavy, and needed only without a daemon

        async def ask() -> None:
            async for answer in service.ask(settings, verb, args):
                take(answer)

        asyncio.run(ask())


def answer(place: Place, verb: str, **args: Any) -> dict[str, Any]:
    """The one answer of a verb."""
    found: list[dict[str, Any]] = []
    answers(place, verb, found.append, **args)
    return found[0]
