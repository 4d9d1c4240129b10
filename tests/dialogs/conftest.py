"""Fixtures of the quirks' tests: a pool over modems that answer from a table, and plays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playbook import Answers, Table
from pool_bench import Bench, BringUp


@pytest.fixture
async def bring_up(tmp_path: Path) -> AsyncIterator[BringUp]:
    """Bring a modem up that answers from a table: ``modem, bench = await bring_up({"AT+CGMI": ["huawei"]})``."""
    started: list[tuple[Table, Bench]] = []

    async def start(answers: Answers, *, wait: bool = True, echo: bool = True, **changes: Any) -> tuple[Table, Bench]:
        modem = Table(answers, echo=echo)
        settings: dict[str, Any] = {"listen_s": lambda _port: 0.02, "listen_at_most_s": 0.3} | changes
        bench = Bench([modem.pty.path], tmp_path / "pins", **settings)
        started.append((modem, bench))
        if wait:
            await bench.ready(1)
        return modem, bench

    yield start
    for modem, bench in started:
        await bench.stop(0.0)
        modem.pty.unplug()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SIM that is busy is asked again at once."""
    for name in ("modemd.pool.questions.SIM_BUSY_RETRY_S", "modemd.pool.pin.BUSY_RETRY_S"):
        monkeypatch.setattr(name, 0.02)
