"""Stopping: what is on the air is awaited, what waits is kept, and ten seconds are never exceeded."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import Daemon, arrived, as_json, befall, cli, numbers, until

SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])


def queue_after(modemd: Daemon) -> dict[str, int]:
    """The queue of a daemon that has ended."""
    status = cli("status", "--json", state_dir=modemd.state_dir)
    assert status.code == 3
    document = as_json(status.out)
    return {**document["queue"], "sent": document["totals"]["sent"]}


def on_the_air(modemd: Daemon, modems: int) -> None:
    """Wait until so many modems have a message that is past its Ctrl-Z, or waits for its prompt."""
    until(lambda: modemd.status()["queue"]["sending"] >= modems)


@SIGNALS
def test_messages_on_the_air_are_finished_and_no_other_is_begun(
    hw_sim_bank: StartBank, daemon: StartDaemon, number: signal.Signals
) -> None:
    bank = hw_sim_bank("--air", "0.8", modems=2)
    modemd = daemon(bank)
    modemd.begin(2)
    modemd.send(numbers(6), "most of these wait")
    on_the_air(modemd, 2)
    ended = modemd.end(number)
    assert ended.code == 0
    assert ended.seconds < 5, "not longer than the air"
    after = queue_after(modemd)
    assert (after["uncertain"], after["sending"]) == (0, 0)
    assert after["sent"] == len(arrived(bank.air())) == 2
    assert after["queued"] == 4
    modemd.start()
    until(lambda: modemd.status()["totals"]["sent"] == 6, 30)
    assert sorted(message.to for message in arrived(bank.air())) == numbers(6), "each once"


def test_what_is_unanswered_after_the_grace_is_uncertain_until_its_late_answer(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "5", modems=1)
    modemd = daemon(bank)
    modemd.environ["MODEMD_QUEUE__STOP_GRACE"] = "0.5"
    modemd.begin(1)
    [message] = modemd.send("+48600300100", "the network takes its time")
    on_the_air(modemd, 1)
    ended = modemd.stop()
    assert (ended.code, ended.seconds < 3) == (0, True)
    assert " ERROR " not in ended.err, "nothing works on the database after it is closed"
    assert queue_after(modemd) == queue_after(modemd) | {"uncertain": 1, "sending": 0, "queued": 0}
    modemd.start()
    until(lambda: modemd.message(message)["state"] == "sent", 20)
    assert len(bank.wait_for_air(1)) == 1, "the late answer settled it, nothing was sent again"


def test_a_modem_that_hangs_does_not_hold_up_a_stop_for_ten_seconds(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.1", modems=3)
    modemd = daemon(bank)
    modemd.begin(3)
    befall(bank, 0, "hang_after_ctrl_z")
    befall(bank, 1, "hang_before_prompt")
    modemd.send(numbers(3), "one for each")
    until(lambda: modemd.status()["totals"]["sent"] == 1)
    ended = modemd.stop()
    assert (ended.code, ended.seconds < 10) == (0, True)
    after = queue_after(modemd)
    assert after["uncertain"] == 1, "its Ctrl-Z went out"
    assert after["queued"] == 1, "it was never prompted for"


def test_a_daemon_whose_modems_do_not_answer_at_all_stops_at_once(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank = hw_sim_bank(modems=2)
    befall(bank, "all", "hang")
    modemd = daemon(bank, "--modem", "/dev/does-not-exist")
    modemd.start()
    until(lambda: modemd.modem("modem0")["state"] == "starting")
    ended = modemd.stop()
    assert (ended.code, ended.seconds < 3) == (0, True)


def test_somebody_who_watches_does_not_hold_up_a_stop(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    modemd = daemon(hw_sim_bank("--air", "0.2", modems=1))
    modemd.start()
    modemd.open_account()
    messages = modemd.send([f"+48600400{number:03}" for number in range(60)], "watched")
    with modemd.watching(messages):
        ended = modemd.stop()
    assert (ended.code, ended.seconds < 5) == (0, True)


def test_simulated_modems_outlive_a_kill_and_end_with_a_clean_stop(daemon: StartDaemon, tmp_path: Path) -> None:
    modemd = daemon(None, "--simulate", "2")
    modemd.start()
    lock = tmp_path / "state.sim" / "lock"
    bank = int(lock.read_text())
    modemd.kill()
    modemd.start()
    assert int(lock.read_text()) == bank, "the same bank goes on"
    modemd.ready(2)
    assert modemd.stop().code == 0
    until(lambda: not Path(f"/proc/{bank}").exists() or "Z" in Path(f"/proc/{bank}/stat").read_text().split()[2])


def test_a_bank_that_ends_does_not_end_the_daemon(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank: BankProcess = hw_sim_bank("--air", "0.1", modems=2)
    modemd = daemon(bank)
    modemd.begin(2)
    bank.kill()
    until(lambda: {modem["state"] for modem in modemd.status()["modems"]} == {"absent"})
    messages = modemd.send(numbers(4), "for when they are back")
    bank.start()
    assert modemd.settled(messages) == {"sent": 4}
