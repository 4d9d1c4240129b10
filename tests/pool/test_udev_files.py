"""The udev rules and the unit are what udev and systemd can read, and claim devices one by one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UDEV = Path(__file__).parents[2] / "udev"
RULES = UDEV / "78-modemd.rules"
KEY = re.compile(
    r"(ACTION|SUBSYSTEMS?|GOTO|LABEL|ENV\{[A-Z_]+\}|ATTR\{[a-z/]+\}|TEST|PROGRAM|IMPORT\{builtin\}|RUN|GROUP|MODE|SYMLINK)"
    r'(==|!=|\+=|=)"([^"]*)"'
)


def rules() -> list[list[tuple[str, str, str]]]:
    """Each rule as (key, operator, value) triples; raises where a line is none."""
    found = []
    for line in RULES.read_text().splitlines():
        if line and not line.startswith("#"):
            triples = [part.strip() for part in re.split(r",\s*(?=[A-Z]+[{=!+])", line)]
            matches = [KEY.fullmatch(part) for part in triples]
            assert all(matches), line
            found.append([match.groups() for match in matches if match])
    return found  # type: ignore[return-value]  # three groups each


def test_every_line_is_a_rule_and_every_goto_has_its_label() -> None:
    triples = [triple for rule in rules() for triple in rule]
    labels = {value for key, _, value in triples if key == "LABEL"}
    assert {value for key, _, value in triples if key == "GOTO"} == labels


def test_nothing_is_ignored_that_was_not_claimed_by_a_file() -> None:
    """A blanket rule would take a laptop's own data modem away from ModemManager."""
    lines = [line for line in RULES.read_text().splitlines() if line and not line.startswith("#")]
    for index, line in enumerate(lines):
        if "ID_MM_DEVICE_IGNORE" in line or "ID_MM_PORT_IGNORE" in line:
            section = lines[: index + 1]
            start = max(at for at, each in enumerate(section) if each.startswith("LABEL"))
            assert any("/etc/modemd/modems/" in each and 'GOTO="modemd_end"' in each for each in section[start:])


def test_it_is_read_between_the_tags_and_the_candidates_of_modem_manager() -> None:
    assert "77-mm-usb-device-blacklist.rules" < RULES.name < "80-mm-candidate.rules"


def test_the_program_in_the_rules_finds_the_device_of_a_port(tmp_path: Path) -> None:
    (program,) = [value for rule in rules() for key, _, value in rule if key == "PROGRAM"]
    (tmp_path / "pci-0000:00:14.0-usb-0:4").touch()
    for place, claimed in (("pci-0000:00:14.0-usb-0:4:1.2", True), ("pci-0000:00:14.0-usb-0:3:1.2", False)):
        shell = program.replace("$env{ID_PATH}", place).replace("$$", "$").replace("%%", "%")
        command = shell.removeprefix("/bin/sh -c '").removesuffix("'").replace("/etc/modemd/modems", str(tmp_path))
        assert (subprocess.run(["/bin/sh", "-c", command], check=False).returncode == 0) is claimed


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_unit_is_one_that_systemd_reads(tmp_path: Path) -> None:
    program = tmp_path / "modemd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "modemd.service"
    unit.write_text((UDEV / "modemd.service").read_text().replace("/usr/local/bin/modemd", str(program)))
    read = subprocess.run(["systemd-analyze", "verify", str(unit)], check=False, capture_output=True, text=True)
    complaints = [line for line in read.stderr.splitlines() if "modemd.service" in line]
    assert complaints == []
