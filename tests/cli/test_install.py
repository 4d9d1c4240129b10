"""``modemd install``: rules and unit in place, a claim for each modem, nothing else, as often as one likes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from running import Modemd
from usb_bus import Bus

from modemd.pool import usb

SOURCES = Path(__file__).parents[2] / "udev"
RULES, UNIT = "etc/udev/rules.d/78-modemd.rules", "etc/systemd/system/modemd.service"
CLAIMS = "etc/modemd/modems"


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    """A machine with two modems, a stick without an AT port and a serial adapter."""
    made = Bus(tmp_path / "machine")
    made.plug("1-1", "2c7c:0125", {2: ("ttyUSB2", "/dev/null")})
    made.plug("1-4.2", "12d1:1506", {0: ("ttyUSB5", "/dev/null")}, kind="ff:02:12")
    made.describe("ttyUSB5", "ff:02:02")
    made.plug("1-2", "12d1:14dc", {})
    made.plug("1-3", "0403:6001", {0: ("ttyUSB0", "/dev/null")})
    return made


def claimed(root: Path) -> list[str]:
    return sorted(path.name for path in (root / CLAIMS).iterdir()) if (root / CLAIMS).is_dir() else []


def test_rules_and_unit_are_put_in_place_and_each_modem_is_claimed_by_its_socket(modemd: Modemd, bus: Bus) -> None:
    ran = modemd("install", "--root", str(bus.root), "--program", "/usr/bin/modemd")
    assert (ran.code, ran.err) == (0, "")
    assert (bus.root / RULES).read_text() == (SOURCES / "78-modemd.rules").read_text()
    unit = (bus.root / UNIT).read_text()
    assert "ExecStart=/usr/bin/modemd start --config /etc/modemd/modemd.toml\n" in unit
    assert (bus.root / "etc/modemd/modemd.toml").stat().st_mode & 0o777 == 0o640
    assert claimed(bus.root) == ["pci-0000:00:14.0-usb-0:1", "pci-0000:00:14.0-usb-0:4.2"]


def test_installed_again_nothing_changes_and_what_the_operator_wrote_stays(modemd: Modemd, bus: Bus) -> None:
    words = ("install", "--root", str(bus.root), "--program", "/usr/bin/modemd", "--json")
    assert {file["how"] for file in modemd(*words).json["files"]} == {"written"}
    settings = bus.root / "etc/modemd/modemd.toml"
    settings.write_text("[queue]\n")
    assert {file["how"] for file in modemd(*words).json["files"]} == {"kept", "unchanged"}
    assert settings.read_text() == "[queue]\n"
    (bus.root / RULES).write_text("# an older version\n")
    assert [file["path"] for file in modemd(*words).json["files"] if file["how"] == "written"] == [f"/{RULES}"]


def test_a_dry_run_says_what_it_would_do_and_does_nothing(modemd: Modemd, bus: Bus) -> None:
    ran = modemd("install", "--root", str(bus.root), "--dry-run")
    assert ran.code == 0
    assert f"would be written   /{RULES}" in ran.out.splitlines()
    assert not (bus.root / "etc").exists()
    here = modemd("install", "--dry-run", "--json").json
    assert here["dry_run"]
    assert here["commands"][-1].split()[:2] == ["chgrp", "modemd"] or "udevadm" in here["commands"][-1]


def test_one_modem_can_be_claimed_and_no_other(modemd: Modemd, bus: Bus) -> None:
    assert modemd("install", "--root", str(bus.root), "--modem", str(bus.dev / "ttyUSB0")).code == 0
    assert claimed(bus.root) == ["pci-0000:00:14.0-usb-0:3"]


def test_a_port_that_is_no_usb_device_is_refused_and_nothing_is_written(modemd: Modemd, bus: Bus) -> None:
    ran = modemd("install", "--root", str(bus.root), "--modem", "/dev/ttyS0")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert not (bus.root / "etc").exists()


@pytest.mark.parametrize("program", ["bin/modemd", "modemd", "/opt/mod\nemd"])
def test_a_program_is_given_by_its_whole_path(modemd: Modemd, bus: Bus, program: str) -> None:
    ran = modemd("install", "--root", str(bus.root), "--program", program)
    assert ran.code == 2
    assert "--program" in ran.err
    assert not (bus.root / "etc" / "systemd").exists()


@pytest.mark.parametrize(
    ("program", "word"),
    [("/opt/my modemd/modemd", '"/opt/my modemd/modemd"'), ("/opt/100%/modemd", "/opt/100%%/modemd")],
)
def test_the_unit_has_the_program_as_one_word(modemd: Modemd, bus: Bus, program: str, word: str) -> None:
    assert modemd("install", "--root", str(bus.root), "--program", program).code == 0
    unit = (bus.root / "etc" / "systemd" / "system" / "modemd.service").read_text()
    assert f"\nExecStart={word} start --config" in unit


def test_a_program_that_the_unit_cannot_see_is_told(modemd: Modemd, bus: Bus) -> None:
    ran = modemd("install", "--root", str(bus.root), "--program", "/home/me/.local/bin/modemd")
    assert ran.code == 0
    assert "cannot see" in ran.err


def test_a_place_that_cannot_be_written_is_told_in_one_line(modemd: Modemd, tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("no folder")
    ran = modemd("install", "--root", str(tmp_path))
    assert (ran.code, len([line for line in ran.err.splitlines() if "cannot be written" in line])) == (1, 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_only_root_may_install(modemd: Modemd) -> None:
    ran = modemd("install")
    assert (ran.code, "sudo" in ran.err) == (1, True)


def test_the_place_behind_two_controllers_is_told_as_udev_tells_it(tmp_path: Path) -> None:
    """A Raspberry Pi 4: PCI below a platform device."""
    device = tmp_path / "devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/usb1/1-1/1-1.2"
    device.mkdir(parents=True)
    kinds = {"scb": "platform", "fd500000.pcie": "platform", "0000:00:00.0": "pci", "0000:01:00.0": "pci"}
    for folder in device.parents:
        if folder.name in kinds:
            bus = tmp_path / "bus" / kinds[folder.name]
            bus.mkdir(parents=True, exist_ok=True)
            (folder / "subsystem").symlink_to(bus)
    assert usb.id_path(device) == "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2"


def _verifies() -> bool:
    if shutil.which("udevadm") is None:
        return False
    return subprocess.run(["udevadm", "verify", "--help"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _verifies(), reason="udevadm verify came with systemd 254")
def test_udev_finds_no_fault_in_the_rules(modemd: Modemd, bus: Bus) -> None:
    modemd("install", "--root", str(bus.root))
    done = subprocess.run(["udevadm", "verify", str(bus.root / RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_reads_the_unit_that_was_installed(modemd: Modemd, bus: Bus, tmp_path: Path) -> None:
    program = tmp_path / "modemd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    modemd("install", "--root", str(bus.root), "--program", str(program))
    read = subprocess.run(
        ["systemd-analyze", "verify", str(bus.root / UNIT)], capture_output=True, text=True, check=False
    )
    assert [line for line in read.stderr.splitlines() if "modemd.service" in line] == []
