"""The udev rules take the modems that are claimed and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from rules import Device, Term, applied, parsed

RULES = Path(__file__).parents[2] / "udev" / "78-modemd.rules"
SOCKET = "pci-0000:00:14.0-usb-0:2"


@pytest.fixture(scope="module")
def rules() -> list[list[Term]]:
    return parsed(RULES.read_text())


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    """One USB socket is claimed."""
    (tmp_path / SOCKET).touch()
    return tmp_path


def usb_device(claims: Path, socket: str = SOCKET, kind: str = "usb_device") -> Device:
    env = {"DEVTYPE": kind, "ID_PATH": socket}
    files = frozenset({"power/control", "authorized"})
    return Device("usb", "1-2", [{"subsystem": "usb"}], env, files, claims)


def tty(claims: Path, place: str = f"{SOCKET}:1.2", bus: str = "usb") -> Device:
    return Device("tty", "ttyUSB2", [{"subsystem": "tty"}, {"subsystem": bus}], {"ID_PATH": place}, claims=claims)


def untouched(rules: list[list[Term]], device: Device, action: str = "add") -> bool:
    before = dict(device.env)
    applied(rules, device, action)
    return not device.done and device.env == before


def test_a_claimed_modem_is_kept_from_modemmanager_awake_and_can_be_replugged(
    rules: list[list[Term]], claims: Path
) -> None:
    whole = applied(rules, usb_device(claims))
    assert whole.env["ID_MM_DEVICE_IGNORE"] == "1"
    assert whole.done["ATTR{power/control}"] == ["on"]
    assert len(whole.done["RUN"]) == 2
    assert all("/sys$devpath/authorized" in command for command in whole.done["RUN"])


def test_each_port_of_a_claimed_modem_has_its_own_name_and_the_group_of_ports(
    rules: list[list[Term]], claims: Path
) -> None:
    ports = [applied(rules, tty(claims, f"{SOCKET}:1.{number}")) for number in (2, 3)]
    assert [port.done["SYMLINK"] for port in ports] == [[f"modemd/{SOCKET}:1.2"], [f"modemd/{SOCKET}:1.3"]]
    assert {(*port.done["GROUP"], *port.done["MODE"]) for port in ports} == {("dialout", "0660")}


@pytest.mark.parametrize("other", ["pci-0000:00:14.0-usb-0:3", f"{SOCKET}.1", "pci-0000:00:14.0-usb-0:22", ""])
def test_what_is_in_another_socket_is_left_as_it_is(rules: list[list[Term]], claims: Path, other: str) -> None:
    assert untouched(rules, usb_device(claims, other))
    assert untouched(rules, tty(claims, f"{other}:1.2" if other else ""))


def test_without_a_claim_nothing_at_all_is_touched(rules: list[list[Term]], tmp_path: Path) -> None:
    assert untouched(rules, usb_device(tmp_path))
    assert untouched(rules, tty(tmp_path))


def test_ports_of_another_bus_interfaces_and_what_goes_are_left_alone(rules: list[list[Term]], claims: Path) -> None:
    assert untouched(rules, tty(claims, bus="pci"))
    assert untouched(rules, usb_device(claims, kind="usb_interface"))
    assert untouched(rules, usb_device(claims), "remove")


def test_every_jump_goes_forward(rules: list[list[Term]]) -> None:
    labels = {term.value: at for at, rule in enumerate(rules) for term in rule if term.key == "LABEL"}
    jumps = [(at, term.value) for at, rule in enumerate(rules) for term in rule if term.key == "GOTO"]
    assert jumps
    assert [target for at, target in jumps if labels.get(target, -1) <= at] == []


@pytest.mark.parametrize("line", ['SUBSYSTEM="usb" ENV{A}="1"', 'SUBSYSTEM=="usb', "GOTO=end", 'ENV{A=="1"'])
def test_what_is_no_rule_is_found(line: str) -> None:
    with pytest.raises(ValueError, match="no udev rule"):
        parsed(line)


def test_udev_itself_takes_the_rules() -> None:
    udevadm = shutil.which("udevadm")
    if udevadm is None:
        pytest.skip("udevadm is not installed")
    version = subprocess.run([udevadm, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.split()[0]) < 254:
        pytest.skip("udevadm is older than 254 and knows no verify")
    ran = subprocess.run([udevadm, "verify", str(RULES)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
