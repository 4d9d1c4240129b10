"""``modemd modems``: restart, ask by USSD and probe against a real daemon with simulated modems."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from hw_sim.pytest_plugin import StartBank
from running import Modemd, Running, start, stop

BACK_S = 30.0
LONG_DIGITS = re.compile(r"\d{9,}")
"""What a report safe to paste in public has none of: a number, an IMEI, an IMSI, an ICCID."""


@pytest.fixture
def at(modemd: Modemd, daemon: Running) -> Modemd:
    """Run a command on the running daemon."""
    return lambda *words: modemd(*words, "--state-dir", str(daemon.state_dir))


def state_of(at: Modemd, name: str) -> str:
    modems = at("modems", "--json").json["modems"]
    return str(next(modem["state"] for modem in modems if modem["name"] == name))


def becomes(at: Modemd, name: str, ready: bool) -> None:
    """Return when the modem is ready, or is not; asked again and again, for the daemon is another process."""
    deadline = time.monotonic() + BACK_S
    while (state_of(at, name) == "ready") is not ready:
        assert time.monotonic() < deadline, state_of(at, name)
        time.sleep(0.05)


def imei_of(at: Modemd, name: str) -> str:
    modems = at("modems", "--json").json["modems"]
    return str(next(modem["imei"] for modem in modems if modem["name"] == name))


def test_a_modem_is_restarted_and_comes_back(at: Modemd) -> None:
    becomes(at, "modem1", ready=True)
    ran = at("modems", "reset", "modem1")
    assert (ran.code, ran.out) == (0, "modem1 restarts\n")
    becomes(at, "modem1", ready=False)
    becomes(at, "modem1", ready=True)


def test_a_ussd_code_is_asked_and_the_answer_printed(at: Modemd) -> None:
    becomes(at, "modem0", ready=True)
    ran = at("modems", "ussd", "modem0", "*100#")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Your balance is ")
    answer = at("modems", "ussd", "modem0", "*100#", "--json").json
    assert answer == {"name": "modem0", "end": "done", "text": ran.out.strip()}


def test_what_is_no_ussd_code_is_wrong_usage_and_never_reaches_a_modem(at: Modemd) -> None:
    ran = at("modems", "ussd", "modem0", '*100#"\rAT+CFUN=0')
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("words", [("reset", "nobody"), ("ussd", "nobody", "*100#"), ("probe", "/dev/no-such-port")])
def test_an_unknown_modem_or_port_is_told_in_one_line(at: Modemd, words: tuple[str, ...]) -> None:
    ran = at("modems", *words)
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1


def test_a_port_that_the_daemon_drives_is_asked_by_the_daemon(at: Modemd, tmp_path: Path) -> None:
    becomes(at, "modem0", ready=True)
    port = next(each["port"] for each in at("modems", "--json").json["modems"] if each["name"] == "modem0")
    link = tmp_path / "stick"
    link.symlink_to(port)
    for named in ("modem0", port, str(link)):
        report = at("modems", "probe", named, "--json").json
        assert (report["answers"], report["sim"], report["state"], report["port"]) == (True, "READY", "ready", port)
        assert report["tac"] == imei_of(at, "modem0")[:8]


def test_a_port_that_is_nobodys_is_opened_and_examined(at: Modemd, hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank(modems=1)
    report = at("modems", "probe", bank.ports[0], "--json").json
    assert (report["answers"], report["sim"]) == (True, "READY")
    assert {"storages", "notifications", "keeps_link", "service", "signal_dbm"} <= report.keys()
    assert "state" not in report


def test_a_report_holds_nothing_personal(at: Modemd, hw_sim_bank: StartBank) -> None:
    becomes(at, "modem0", ready=True)
    for port in ("modem0", hw_sim_bank(modems=1).ports[0]):
        for ran in (at("modems", "probe", port), at("modems", "probe", port, "--json")):
            assert ran.code == 0
            assert LONG_DIGITS.findall(ran.out.replace(str(port), "")) == []
    assert LONG_DIGITS.search(json.dumps(at("modems", "--json").json)), "or there is nothing to be left out"


def test_a_report_for_people_has_a_line_for_each_answer(at: Modemd) -> None:
    becomes(at, "modem0", ready=True)
    lines = {line.split("  ")[0].strip() for line in at("modems", "probe", "modem0").out.splitlines()}
    assert {"maker", "model", "sim", "storages", "signal dbm", "tac", "state"} <= lines


def test_a_port_named_by_its_serial_number_is_reported_by_its_device(
    at: Modemd, hw_sim_bank: StartBank, tmp_path: Path
) -> None:
    """Some sticks have their IMEI for a serial number, and /dev/serial/by-id shows it."""
    port = hw_sim_bank(modems=1).ports[0]
    link = tmp_path / "by-id" / "usb-Maker_490154203237518-if02-port0"
    link.parent.mkdir()
    link.symlink_to(port)
    ran = at("modems", "probe", str(link), "--json")
    assert ran.json["port"] == str(Path(port).resolve())
    assert "490154203237518" not in ran.out


def test_of_a_modem_that_cannot_be_asked_now_is_told_what_is_known(modemd: Modemd, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    daemon = start(tmp_path / "state", "--modem", str(gone), "--no-discover")
    try:
        report = modemd("modems", "probe", "gone", "--json", "--state-dir", str(daemon.state_dir)).json
        assert (report["answers"], report["state"], report["tac"]) == (None, "absent", None)
        assert "does not exist" in report["reason"]
    finally:
        assert stop(daemon) == 0
