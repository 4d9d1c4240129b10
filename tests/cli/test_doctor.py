"""``modemd doctor``: finds what keeps modems from sending, with and without a daemon, each with its cure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hw_sim.control import ask
from hw_sim.pytest_plugin import StartBank
from running import Modemd, Ran, Running, start, stop
from usb_bus import Bus

from modemd.machine import doctor

ILL = """
[[modem]]
which = 0
pin = "1234"
[[modem]]
which = 1
smsc = ""
"""


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    """A machine on which nothing is plugged in yet."""
    return Bus(tmp_path / "machine")


@pytest.fixture
def doctor_of(modemd: Modemd, bus: Bus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run it without a daemon on these ports and on the machine of ``bus``."""
    monkeypatch.setenv("MODEMD_MODEMS__ROOT", str(bus.root))

    def run(*ports: str, words: tuple[str, ...] = ("--json",)) -> Ran:
        monkeypatch.setenv("MODEMD_MODEMS__PORTS", ",".join(ports))
        return modemd("doctor", *words)

    return run


def found(ran: Ran) -> dict[tuple[str, str], str]:
    """What it found: by check and subject."""
    findings = ran.json["findings"]
    assert all(each["cure"] and each["what"] for each in findings)
    return {(each["check"], each["subject"]): each["what"] for each in findings}


def test_with_a_daemon_whose_modems_send_all_is_well(modemd: Modemd, daemon: Running) -> None:
    ran = modemd("doctor", "--state-dir", str(daemon.state_dir))
    assert (ran.code, ran.out, ran.err) == (0, "all is well: 2 modems\n", "")
    answer = modemd("doctor", "--json", "--state-dir", str(daemon.state_dir)).json
    assert answer == {"ok": True, "running": True, "findings": []}


def test_with_a_daemon_each_modem_that_does_not_send_is_told(
    modemd: Modemd, hw_sim_bank: StartBank, tmp_path: Path
) -> None:
    bank = hw_sim_bank(modems=4, scenario=ILL)
    ask(bank.folder, {"verb": "fault", "modem": "modem2", "fault": {"name": "signal", "rssi": 3}})
    ports = [word for port in (*bank.ports, str(tmp_path / "gone")) for word in ("--modem", port)]
    daemon = start(tmp_path / "own", "--no-discover", *ports)
    try:
        modemd("modems", "drain", "modem3", "--state-dir", str(daemon.state_dir))
        ran = modemd("doctor", "--json", "--state-dir", str(daemon.state_dir))
        told = found(ran)
        assert ran.code == 1
        assert told.keys() == {("modem", f"modem{n}") for n in (0, 1, 3)} | {("signal", "modem2"), ("modem", "gone")}
        assert "PIN" in told["modem", "modem0"]
        assert "SMSC" in told["modem", "modem1"]
        assert told["modem", "modem3"] == "draining: by hand"
        table = modemd("doctor", "--state-dir", str(daemon.state_dir)).out
        assert all(f" {name} " in table for _, name in told)
    finally:
        assert stop(daemon) == 0


def test_without_a_daemon_it_opens_the_ports_and_asks_the_modems_itself(
    doctor_of: Any, hw_sim_bank: StartBank, tmp_path: Path
) -> None:
    bank = hw_sim_bank(modems=3, scenario=ILL)
    ran = doctor_of(*bank.ports, str(tmp_path / "gone"))
    assert (ran.code, ran.json["running"]) == (1, False)
    assert found(ran) == {
        ("SIM", bank.ports[0]): "SIM PIN",
        ("SMSC", bank.ports[1]): "the SIM holds no number of a service centre",
        ("ports", str(tmp_path / "gone")): f"{tmp_path / 'gone'} does not exist",
    }
    assert doctor_of(bank.ports[2], words=()).out == "all is well\n"


def test_a_modem_out_of_the_network_is_told(doctor_of: Any, hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank(modems=2)
    for modem, stat in (("modem0", 2), ("modem1", 3)):
        fault = {"name": "no_network", "stat": stat, "seconds": 600}
        ask(bank.folder, {"verb": "fault", "modem": modem, "fault": fault})
    told = found(doctor_of(*bank.ports))
    assert told["network", bank.ports[0]] == "it is in no network"
    assert told["network", bank.ports[1]] == "the network refuses it"


def test_a_port_that_another_program_holds_is_told_with_its_name(doctor_of: Any, hw_sim_bank: StartBank) -> None:
    port = hw_sim_bank(modems=1).ports[0]
    holding = f"import serial; port = serial.Serial({port!r}, exclusive=True); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        told = found(doctor_of(port))
        holder.communicate("\n")
    assert "is held by python" in told["ports", port]


def test_a_plugged_in_modem_is_found_and_asked_and_a_stick_without_a_port_is_explained(
    doctor_of: Any, hw_sim_bank: StartBank, bus: Bus
) -> None:
    assert found(doctor_of()) == {("ports", "modems"): "there is none"}
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB2", hw_sim_bank(modems=1).ports[0])})
    assert doctor_of().json["ok"]
    bus.plug("1-2", "12d1:14dc", {})
    assert "HiLink" in found(doctor_of())["mode", "1-2"]


def test_modem_manager_beside_a_modem_that_is_not_claimed_is_told_until_it_is(
    doctor_of: Any, modemd: Modemd, hw_sim_bank: StartBank, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.plug("1-1", "2c7c:0125", {2: ("ttyUSB2", hw_sim_bank(modems=1).ports[0])})
    monkeypatch.setattr(doctor, "_running", lambda names: [name for name in names if name == "ModemManager"])
    ran = doctor_of()
    assert found(ran) == {("udev rules", "pci-0000:00:14.0-usb-0:1"): "ModemManager runs and may take it"}
    assert "modemd install" in ran.json["findings"][0]["cure"]
    assert modemd("install", "--root", str(bus.root)).code == 0
    assert doctor_of().json["ok"]


def test_a_full_disk_and_a_clock_that_is_behind_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modemd.db").touch()
    assert list(doctor.of_place(tmp_path)) == []
    monkeypatch.setattr(doctor, "FREE_OCTETS", 1 << 60)
    assert [each.check for each in doctor.of_place(tmp_path)] == ["disk"]
    monkeypatch.setattr(doctor, "FREE_OCTETS", 0)
    for wrong in (0.0, (tmp_path / "modemd.db").stat().st_mtime - 600):
        monkeypatch.setattr("modemd.machine.doctor.time.time", lambda wrong=wrong: wrong)
        assert [each.check for each in doctor.of_place(tmp_path)] == ["clock"]


def test_settings_that_cannot_be_used_are_wrong_usage(modemd: Modemd, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[modems]\nspeed = 3\n")
    ran = modemd("doctor", "--config", str(tmp_path / "wrong.toml"))
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)


def test_programs_are_seen_that_run_and_no_others() -> None:
    own = Path("/proc/self/comm").read_text().strip()
    assert doctor._running([own, "brltty-of-nobody"]) == [own]
