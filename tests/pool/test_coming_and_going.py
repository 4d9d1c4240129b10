"""Modems that come, go and come back elsewhere: found by themselves, known by IMEI and ICCID, not by their port."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hw_sim.pytest_plugin import BankProcess, StartBank
from loguru import logger
from playbook import Table
from pool_bench import PoolOver, befall, segment
from usb_bus import Bus

from modemd.pool import Condition, Discovery
from modemd.pool.discovery import Finding, Found


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    """An empty bus."""
    return Bus(tmp_path)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemd.pool.discovery.LOOK_EVERY_S", 0.1)
    monkeypatch.setattr("modemd.pool.discovery.LOOK_ANYWAY_S", 0.1)
    monkeypatch.setattr("modemd.pool.discovery.SETTLE_S", 0.01)


# --- finding ----------------------------------------------------------------------------------------------------


async def test_the_at_ports_of_a_device_come_in_the_order_of_their_worth(bus: Bus) -> None:
    real = {number: (f"ttyUSB{number}", "/dev/null") for number in range(5)}
    bus.plug("1-1.4", "2c7c:0125", real)
    assert await bus.discovery().look() == [Found("1-1.4", (str(bus.dev / "ttyUSB2"), str(bus.dev / "ttyUSB3")), 2)]


async def test_huaweis_ports_are_told_apart_by_their_descriptors(bus: Bus) -> None:
    bus.plug("1-1", "12d1:1506", {number: (f"ttyUSB{number}", "/dev/null") for number in range(4)})
    for name, kind in (
        ("ttyUSB0", "ff:02:01"),
        ("ttyUSB1", "ff:02:03"),
        ("ttyUSB2", "ff:02:02"),
        ("ttyUSB3", "ff:02:14"),
    ):
        bus.describe(name, kind)
    assert await bus.discovery().look() == [Found("1-1", (str(bus.dev / "ttyUSB2"), str(bus.dev / "ttyUSB0")), 2)]


async def test_an_unknown_product_of_a_maker_is_tried_port_by_port(bus: Bus) -> None:
    bus.plug("1-2", "1e0e:ffff", {2: ("ttyUSB7", "/dev/null"), 10: ("ttyUSB6", "/dev/null")})
    assert await bus.discovery().look() == [Found("1-2", (str(bus.dev / "ttyUSB7"), str(bus.dev / "ttyUSB6")), 2)]


async def test_what_is_no_modem_is_left_alone(bus: Bus) -> None:
    bus.plug("1-3", "0403:6001", {0: ("ttyUSB0", "/dev/null")})  # a serial adapter: a printer, a board, a modem?
    assert await bus.discovery().look() == []


async def test_a_port_that_is_configured_is_not_found_again(bus: Bus) -> None:
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB2", "/dev/null")})
    assert await bus.discovery().look(["/dev/null"]) == []


async def test_a_device_whose_other_port_is_configured_is_left_alone(bus: Bus, tmp_path: Path) -> None:
    ports = {number: (f"ttyUSB{number}", str(tmp_path / f"port{number}")) for number in range(4)}
    bus.plug("1-1", "2c7c:0125", ports)
    for number in range(4):
        (tmp_path / f"port{number}").touch()
    assert await bus.discovery().look([str(bus.dev / "ttyUSB0")]) == []


async def test_the_ports_of_one_device_that_match_a_pattern_are_one_modem(bus: Bus, tmp_path: Path) -> None:
    bus.plug("1-1", "2c7c:0125", {number: (f"ttyUSB{number}", str(tmp_path / f"port{number}")) for number in range(4)})
    for number in range(4):
        (tmp_path / f"port{number}").touch()
    found = await bus.discovery((str(bus.dev / "ttyUSB*"),)).look()
    assert [each.place for each in found] == ["1-1"]


async def test_a_stick_in_hilink_mode_and_one_that_is_a_cd_rom_are_explained(bus: Bus) -> None:
    bus.plug("1-1", "12d1:14dc", {})
    bus.plug("1-2", "19d2:2000", {})
    bus.plug("1-3", "12d1:1506", {})
    hilink, cd = await bus.discovery().findings()
    assert isinstance(hilink, Finding)
    assert "HiLink" in hilink.why
    assert "usb-modeswitch" in cd.cure


async def test_a_machine_without_usb_has_nothing_to_find(tmp_path: Path) -> None:
    discovery = Discovery(sysfs=tmp_path, dev=tmp_path)
    assert await discovery.look() == []
    assert await discovery.findings() == []


async def test_ports_may_be_given_as_a_pattern(tmp_path: Path) -> None:
    for name in ("modem0", "modem1", "other"):
        (tmp_path / name).touch()
    found = await Discovery((str(tmp_path / "modem*"),), usb=False).look()
    assert [each.ports for each in found] == [(str(tmp_path / "modem0"),), (str(tmp_path / "modem1"),)]


# --- living -----------------------------------------------------------------------------------------------------


async def test_a_modem_that_is_plugged_in_sends(hw_sim_bank: StartBank, pool_over: PoolOver, bus: Bus) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bench = await pool_over([], wait=False, discovery=bus.discovery())
    assert bench.pool.modems == []
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB2", bank.ports[0])})
    await bench.ready(1)
    bench.sender.send(segment())
    await bench.sender.settled(1)
    modem = bench.pool.modems[0]
    assert modem.name == f"generic-{(modem.imei or '')[-4:]}"


async def test_the_port_that_answers_at_is_found_among_those_that_do_not(
    hw_sim_bank: StartBank, pool_over: PoolOver, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemd.pool.bringup.AWAKE_TRIES", 1)
    bank = hw_sim_bank("--air", "0.02", modems=1)
    deaf = Table({"AT": ["-"]}, echo=False)
    parrot = Table({command: ["OK"] for command in ("AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN")})
    ports = {2: ("ttyUSB0", deaf.pty.path), 3: ("ttyUSB1", parrot.pty.path), 4: ("ttyUSB2", bank.ports[0])}
    bus.plug("1-1", "1e0e:ffff", ports)
    bench = await pool_over([], wait=False, discovery=bus.discovery())
    await bench.ready(1)
    assert bench.pool.modems[0].port.endswith("ttyUSB2")


async def test_renumbered_it_is_the_same_modem_with_the_same_counts(
    hw_sim_bank: StartBank, pool_over: PoolOver, bus: Bus
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB2", bank.ports[0])})
    bench = await pool_over([], wait=False, discovery=bus.discovery())
    await bench.ready(1)
    bench.sender.send(segment())
    await bench.sender.settled(1)
    name = bench.pool.modems[0].name
    bus.unplug("1-1")
    await bench.until(lambda modems: modems[0].condition is Condition.ABSENT)
    bus.plug("1-4", "2c7c:0125", {2: ("ttyUSB9", bank.ports[0])})
    await bench.ready(1)
    assert [(modem.name, modem.sent) for modem in bench.pool.modems] == [(name, 1)]
    assert bench.pool.modems[0].port.endswith("ttyUSB9")


async def test_replugged_faster_than_anybody_looks_it_is_found_under_its_new_number(
    hw_sim_bank: StartBank, pool_over: PoolOver, bus: Bus
) -> None:
    """The kernel gives the next number where the old name is still held open; the socket is the same."""
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB2", bank.ports[0])})
    bench = await pool_over([], wait=False, discovery=bus.discovery())
    await bench.ready(1)
    name = bench.pool.modems[0].name
    befall(bank.folder, "modem0", "unplug", seconds=0.05, other_path=True)
    bus.unplug("1-1")
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB3", str(bank.folder / "modem1"))})
    await bench.until(lambda modems: modems[0].port.endswith("ttyUSB3") and modems[0].may_send)
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert [modem.name for modem in bench.pool.modems] == [name]


async def test_a_port_of_a_device_that_shows_up_late_is_tried_too(
    hw_sim_bank: StartBank, pool_over: PoolOver, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemd.pool.bringup.AWAKE_TRIES", 1)
    bank = hw_sim_bank("--air", "0.02", modems=1)
    asked = asyncio.Event()

    def silence() -> list[str]:
        asked.set()
        return ["-"]

    deaf = Table({"AT": silence}, echo=False)
    bus.plug("1-1", "1e0e:ffff", {2: ("ttyUSB0", deaf.pty.path)})
    bench = await pool_over([], wait=False, discovery=bus.discovery())
    await asyncio.wait_for(asked.wait(), 5)
    bus.unplug("1-1")
    bus.plug("1-1", "1e0e:ffff", {2: ("ttyUSB0", deaf.pty.path), 3: ("ttyUSB1", bank.ports[0])})
    await bench.ready(1)
    assert bench.pool.modems[0].port.endswith("ttyUSB1")


async def test_a_device_that_cannot_be_used_is_told_once_with_its_cure(pool_over: PoolOver, bus: Bus) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, level="WARNING", format="{message}")
    try:
        bus.plug("1-1", "12d1:14dc", {})
        bench = await pool_over([], wait=False, discovery=bus.discovery())
        await bench.until(lambda _: [finding.place for finding in bench.pool.findings] == ["1-1"])
        bus.plug("1-2", "19d2:2000", {})
        await bench.until(lambda _: len(bench.pool.findings) == 2)
    finally:
        logger.remove(sink)
    assert [("HiLink" in line, "usb-modeswitch" in line) for line in lines] == [(True, False), (False, True)]
    bus.unplug("1-1")
    await bench.until(lambda _: [finding.place for finding in bench.pool.findings] == ["1-2"])


async def test_replugged_at_another_path_it_comes_back_by_itself(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=2)
    bench = await pool_over([str(bank.folder / "modem*")], wait=False)
    await bench.ready(2)
    befall(bank.folder, "modem1", "unplug", seconds=0.3, other_path=True)
    await bench.until(lambda modems: modems[1].condition is Condition.ABSENT)
    await bench.ready(2)
    assert sorted(modem.name for modem in bench.pool.modems) == ["modem0", "modem1"]
    bench.sender.send(*(segment(str(n)) for n in range(10)))
    await bench.sender.settled(10)
    assert {name for name, _ in bench.sender.outcomes} == {"modem0", "modem1"}


async def test_sixteen_modems_with_one_imei_are_sixteen_modems(
    hw_sim_bank: StartBank, pool_over: PoolOver, tmp_path: Path
) -> None:
    bank = clones(hw_sim_bank, tmp_path, 16)
    bench = await pool_over([str(bank.folder / "modem*")], wait=False)
    await bench.ready(16)
    assert len({modem.name for modem in bench.pool.modems}) == 16
    assert len({modem.sim for modem in bench.pool.modems}) == 16
    befall(bank.folder, "modem7", "unplug", seconds=0.3, other_path=True)
    befall(bank.folder, "modem9", "unplug", seconds=0.4, other_path=True)
    await bench.until(lambda modems: sum(modem.condition is Condition.ABSENT for modem in modems) >= 1)
    await bench.ready(16)
    assert len(bench.pool.modems) == 16
    bench.sender.send(*(segment(str(n)) for n in range(64)))
    await bench.sender.settled(64)


def clones(hw_sim_bank: StartBank, folder: Path, count: int) -> BankProcess:
    """A bank whose modems share one IMEI."""
    file = folder / "clones.toml"
    file.write_text('[[modem]]\nwhich = "all"\nimei = "490154203237518"\n')
    return hw_sim_bank("--air", "0.02", "--scenario", str(file), modems=count)


async def test_a_modem_without_a_usable_sim_is_shown_with_its_reason(pool_over: PoolOver, bus: Bus) -> None:
    modem = Table({"AT+CPIN?": ["+CPIN: SIM PUK"]})
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB2", modem.pty.path)})
    bench = await pool_over([], wait=False, discovery=bus.discovery())
    await bench.until(lambda modems: bool(modems) and "PUK" in str(modems[0].reason))


async def test_a_sim_that_moves_to_another_modem_moves_alone(pool_over: PoolOver, bus: Bus) -> None:
    """Two modems, one SIM: the second is not the first because it has its SIM."""
    first = Table({"AT+CGSN": ["490154203237518"]})
    second = Table({"AT+CGSN": ["352099001761481"]})
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB1", first.pty.path)})
    bench = await pool_over([], wait=False, discovery=bus.discovery())
    await bench.ready(1)
    bus.unplug("1-1")
    await bench.until(lambda modems: modems[0].condition is Condition.ABSENT)
    bus.plug("1-2", "2c7c:0125", {2: ("ttyUSB2", second.pty.path)})
    await bench.ready(1)
    assert [modem.imei for modem in bench.pool.modems] == ["490154203237518", "352099001761481"]


async def test_events_of_the_kernel_or_time_make_it_look_again() -> None:
    looks = Discovery(("/nowhere/*",), usb=False).changes()
    async with asyncio.timeout(5):
        await anext(looks)
        await anext(looks)
    await looks.aclose()  # type: ignore[attr-defined]  # it is an async generator
