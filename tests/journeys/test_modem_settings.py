"""What the operator sets in [modems] reaches the modems: a dialect of their own, a trace, roaming."""

from __future__ import annotations

from pathlib import Path

from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import befall, numbers, told, until


def test_an_operators_own_dialect_is_spoken_and_the_trace_of_one_modem_shows_it(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    own = tmp_path / "dialects.toml"
    own.write_text('[mine]\nmatch = "simulated|generic"\nsetup = ["AT+MINE=1"]\nkeep_link = false\n')
    modemd = daemon(hw_sim_bank("--air", "0.05", modems=2))
    modemd.environ |= {"MODEMD_MODEMS__DIALECTS": str(own), "MODEMD_MODEMS__TRACED": "modem1"}
    modemd.begin(2)
    assert modemd.settled(modemd.send(numbers(8), "traced, and seen by nobody")) == {"sent": 8}
    said, heard = told(modemd.log, "at.said"), told(modemd.log, "at.heard")
    lines = [entry["line"] for entry in said]
    assert '"AT+MINE=1"' in lines or "AT+MINE=1" in lines
    assert not [line for line in lines if "CMMS" in line], "the dialect says not to ask for it"
    assert {entry["modem"] for entry in (*said, *heard)} == {"modem1"}
    assert [line for line in lines if "+CMGS=" in line]


def test_a_dialect_file_that_is_wrong_is_refused_at_the_start_in_one_line(daemon: StartDaemon, tmp_path: Path) -> None:
    own = tmp_path / "dialects.toml"
    own.write_text("[mine]\nsubmitt_s = 3\n")
    modemd = daemon(None)
    modemd.environ["MODEMD_MODEMS__DIALECTS"] = str(own)
    modemd.launch()
    assert not modemd.says_where()
    ended = modemd.wait()
    assert ended.code == 2
    assert "no key submitt_s" in ended.err.splitlines()[-1]


def test_where_roaming_is_forbidden_a_modem_abroad_waits_and_says_so(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank(modems=1)
    befall(bank, 0, "no_network", stat=5, seconds=600)
    modemd = daemon(bank)
    modemd.environ["MODEMD_MODEMS__ROAMING"] = "false"
    modemd.start()
    until(lambda: modemd.modem("modem0")["reason"] == "roaming is not allowed")
    assert (modemd.modem("modem0")["state"], modemd.modem("modem0")["registration"]) == ("starting", "roaming")
    modemd.stop()
    modemd.environ["MODEMD_MODEMS__ROAMING"] = "true"
    modemd.start()
    modemd.ready(1)
