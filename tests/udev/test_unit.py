"""The systemd unit leaves the daemon what it needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modemd.service import key_directory
from modemd.state_dir import locate

UNIT = Path(__file__).parents[2] / "udev" / "modemd.service"
STOP_S = 10
"""Within which the daemon promises to stop."""
DRIVERS = {"char-ttyUSB": "modprobe@usbserial.service", "char-ttyACM": "modprobe@cdc_acm.service"}
"""What registers the driver of a port, before any modem is plugged in."""


@pytest.fixture(scope="module")
def unit() -> dict[str, list[str]]:
    """Every setting's words, those of a key that is given again after one another."""
    words: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            words.setdefault(key, []).extend(value.split())
    return words


def test_systemd_itself_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace("/usr/local/bin/modemd", sys.executable))  # it looks whether it is there
    ran = subprocess.run([analyze, "verify", str(here)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_daemon_can_write_its_state_and_the_keys_beside_it(unit: dict[str, list[str]]) -> None:
    directories = [f"/var/lib/{name}" for name in unit["StateDirectory"]]
    state_dir = locate(environ={"STATE_DIRECTORY": ":".join(directories)})
    assert str(state_dir) == directories[0]
    assert str(key_directory(state_dir)) in directories
    assert unit["StateDirectoryMode"] == ["0700"]


def test_systemd_waits_longer_for_an_end_than_the_daemon_takes(unit: dict[str, list[str]]) -> None:
    assert unit.get("KillSignal", ["SIGTERM"]) == ["SIGTERM"]
    assert int(unit["TimeoutStopSec"][0]) > STOP_S


def test_a_crash_is_started_again_and_a_wrong_configuration_is_not(unit: dict[str, list[str]]) -> None:
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == ["2"]


def test_the_daemon_may_open_a_modem_that_is_plugged_in_after_the_start(unit: dict[str, list[str]]) -> None:
    for driver, loads_it in DRIVERS.items():
        assert driver in unit["DeviceAllow"]
        assert loads_it in unit["Wants"]
        assert loads_it in unit["After"]
    assert unit["SupplementaryGroups"] == ["dialout"]
    assert unit.keys().isdisjoint({"PrivateDevices", "PrivateUsers"})


def test_the_daemon_hears_of_modems_and_may_replug_them(unit: dict[str, list[str]]) -> None:
    assert "AF_NETLINK" in unit["RestrictAddressFamilies"]
    assert "ProtectKernelTunables" not in unit, "it would close /sys, and the switch by which a stick is replugged"
