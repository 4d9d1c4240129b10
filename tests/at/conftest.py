"""Fixtures of the AT layer's tests: plays over real ptys, and the links laid over them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playbook import SEGMENT, Bench, Play, StartPlay

from modemd.at.dialect import GENERIC, Dialect


@pytest.fixture
async def play() -> AsyncIterator[StartPlay]:
    """Start plays: ``modem, bench = await play("> AT", ...)``; what was not said shows at the end of the test."""
    started: list[tuple[Play, Bench]] = []

    async def start(
        text: str, *, dialect: Dialect = GENERIC, slice_octets: int = 0, **values: object
    ) -> tuple[Play, Bench]:
        modem = Play(text, slice_octets=slice_octets, pdu=SEGMENT.pdu, **values)
        bench = await Bench.over(modem.pty.path, dialect)
        started.append((modem, bench))
        return modem, bench

    yield start
    for modem, bench in started:
        await bench.close()
        modem.pty.unplug()
