"""A running service whose wall clock is set, by NTP or by hand, or whose machine slept: messages go by the new time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import numbers

from modemd import config
from modemd.cli import daemon as control
from modemd.clock import SECOND, SystemClock, rfc3339
from modemd.service.service import Service

HOUR = 3600.0


class SetClock(SystemClock):
    """The machine's clock; the wall clock can be set."""

    def __init__(self) -> None:
        super().__init__()
        self._by = 0

    def now(self) -> int:
        return super().now() + self._by

    def set_by(self, seconds: float) -> None:
        self._by += round(seconds * SECOND)


def settings(folder: Path, bank: BankProcess) -> config.Settings:
    (folder / "state").mkdir(exist_ok=True)
    options: dict[str, dict[str, Any]] = {
        "modems": {"ports": bank.ports, "discover": False},
        "server": {"listen": "127.0.0.1:0"},
    }
    return config.load(folder / "state", options=options)


async def asked(folder: Path, verb: str, **arguments: Any) -> dict[str, Any]:
    """What the control socket answers."""
    return await asyncio.to_thread(control.call, folder / "state", verb, **arguments)


async def on_air(bank: BankProcess, to: Sequence[str], seconds: float) -> None:
    """Wait until these have had a message, no longer than so."""
    async with asyncio.timeout(seconds):
        while not set(to) <= {entry.to for entry in bank.air()}:
            await asyncio.sleep(0.02)


async def test_what_is_due_goes_when_the_clock_is_set_forwards_and_what_waits_goes_on_when_it_is_set_back(
    tmp_path: Path, hw_sim_bank: StartBank
) -> None:
    bank, clock = hw_sim_bank("--air", "0.05", modems=2), SetClock()
    service = Service(settings(tmp_path, bank), clock)
    began = time.monotonic()
    await service.start()
    try:
        async with asyncio.timeout(20):
            await service.floor.pool.until(lambda modems: all(modem.may_send for modem in modems))
        later, waiting = numbers(1), numbers(3, first=10)
        at = rfc3339(clock.now() + round(HOUR * SECOND))
        await asked(tmp_path, "send", to=later, text="in an hour", send_at=at)
        clock.set_by(HOUR)
        await on_air(bank, later, 10.0)

        for name in ("modem0", "modem1"):
            await asked(tmp_path, "modems.drain", name=name)
        await asked(tmp_path, "send", to=waiting, text="this one waits for a modem")
        clock.set_by(-2 * HOUR)
        for name in ("modem0", "modem1"):
            await asked(tmp_path, "modems.resume", name=name)
        await on_air(bank, waiting, 10.0)

        status = await asked(tmp_path, "status")
        assert 0 < status["uptime_s"] <= time.monotonic() - began + 0.05, "to the nearest tenth"
        ran = service.jobs._scheduler.get_job("gauge").next_run_time
        async with asyncio.timeout(10):
            while service.jobs._scheduler.get_job("gauge").next_run_time == ran:
                await asyncio.sleep(0.05)
    finally:
        await service.stop()
