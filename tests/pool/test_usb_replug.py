"""The last rung before quarantine: the kernel is told to unplug and replug the modem's USB device."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hw_sim.pytest_plugin import StartBank
from pool_bench import PoolOver, befall, segment
from usb_bus import Bus

from modemd.at.dialect import GENERIC, Dialects
from modemd.at.link import Link
from modemd.pool import Condition
from modemd.values import Verdict


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemd.pool.discovery.LOOK_EVERY_S", 0.1)
    monkeypatch.setattr("modemd.pool.discovery.SETTLE_S", 0.01)
    monkeypatch.setattr("modemd.pool.bringup.AWAKE_TRIES", 1)
    monkeypatch.setattr("modemd.pool.usb.OFF_S", 0.05)


def hurry(monkeypatch: pytest.MonkeyPatch, tries: int) -> Dialects:
    """Dialects, also for a modem that is not known yet, that wait as long as a test can."""
    row = replace(GENERIC, match=".", prompt_s=0.2, attention_tries=tries, restart=())
    defaults = Link.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "dialect", row)
    return Dialects((row,))


def obey(switch: Path) -> list[str]:
    """What the kernel is told; each write waits until it is read here."""
    return [switch.read_text(), switch.read_text()]


async def test_a_modem_that_hangs_is_replugged_by_usb_and_sends_on_under_its_name(
    hw_sim_bank: StartBank, pool_over: PoolOver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried = hurry(monkeypatch, tries=3)
    bank, bus = hw_sim_bank("--air", "0.02", modems=1), Bus(tmp_path / "machine")
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB2", bank.ports[0])})
    switch = bus.sysfs / "bus/usb/devices/1-1/authorized"
    os.mkfifo(switch)
    bench = await pool_over([], wait=False, discovery=bus.discovery(), root=bus.root, dialects=hurried)
    await bench.ready(1)
    name = bench.pool.modems[0].name
    befall(bank.folder, "modem0", "hang")
    bench.sender.send(segment("waits for the replug"))
    told = await asyncio.wait_for(asyncio.to_thread(obey, switch), 30)
    assert told == ["0", "1"]
    befall(bank.folder, "modem0", "unplug", seconds=0.05, other_path=True)
    bus.unplug("1-1")
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB3", str(bank.folder / "modem1"))})
    await bench.sender.settled(1)
    assert bench.sender.verdicts[Verdict.UNCERTAIN] == 0
    assert [(modem.name, modem.port[-7:]) for modem in bench.pool.modems] == [(name, "ttyUSB3")]


async def test_one_that_hangs_on_after_the_replug_is_left_alone_for_a_while(
    hw_sim_bank: StartBank, pool_over: PoolOver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes back nameless; were it taken for a new one, it would be replugged for ever."""
    hurried = hurry(monkeypatch, tries=1)
    bank, bus = hw_sim_bank("--air", "0.02", modems=1), Bus(tmp_path / "machine")
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB2", bank.ports[0])})
    switch = bus.sysfs / "bus/usb/devices/1-1/authorized"
    os.mkfifo(switch)
    bench = await pool_over([], wait=False, discovery=bus.discovery(), root=bus.root, dialects=hurried)
    await bench.ready(1)
    befall(bank.folder, "modem0", "hang")
    bench.sender.send(segment("nobody can send this"))
    assert await asyncio.wait_for(asyncio.to_thread(obey, switch), 30) == ["0", "1"]
    bus.unplug("1-1")
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB3", bank.ports[0])})
    await bench.until(
        lambda modems: any(
            modem.condition is Condition.QUARANTINED and modem.port.endswith("ttyUSB3") for modem in modems
        )
    )
