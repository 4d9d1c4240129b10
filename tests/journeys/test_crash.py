"""A daemon killed in the middle, by SIGKILL, at named bytes and at random moments, and started again.

The bank lives on, as modems do. ``MODEMD_KILLS`` is how often the daemon is killed at each named byte, and five times
as often at random moments on each kind of line; ``MODEMD_SEED`` makes another plan.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from conftest import StartDaemon
from crash import MODEMS, Judgement, Kill, campaign, plan
from hw_sim.pytest_plugin import StartBank
from journey import Private, arrived, told, until
from wiretap import POINTS

KILLS = int(os.environ.get("MODEMD_KILLS", "1"))
SEED = int(os.environ.get("MODEMD_SEED", "7"))
CUT_OFF = "inside the PDU"
"""Here the daemon has written Ctrl-Z and the line has not carried it: nobody but the modem can know."""


def _kept_all_promises(judged: Judgement) -> None:
    print(judged)
    assert judged.lost == []
    assert judged.twice == []
    assert judged.spoiled == []
    assert not judged.other, "every message ends sent or uncertain"
    assert judged.most_at_once <= MODEMS, "at most one uncertain per modem and kill"
    assert judged.not_on_air.pop(CUT_OFF, 0) <= judged.kills[CUT_OFF]
    between_note_and_write = 1 + judged.uncertain_at.total() // 50  # microseconds that a kill can hit; 1 of 500 did
    assert judged.not_on_air.total() <= between_note_and_write, f"uncertain ones were on the air: {judged}"


@pytest.mark.timeout(120 + 90 * KILLS)
@pytest.mark.parametrize("lines", ["pty", "tcp"])
def test_killed_at_a_named_byte_nothing_is_lost_and_nothing_sent_twice(
    tmp_path: Path, private: Private, lines: str
) -> None:
    with campaign(tmp_path, private, lines=lines, seed=SEED) as trial:
        _kept_all_promises(trial.run(plan(SEED + len(lines), KILLS, KILLS)))


@pytest.mark.timeout(120 + 90 * KILLS)
def test_killed_at_random_moments_nothing_is_lost_and_nothing_sent_twice(tmp_path: Path, private: Private) -> None:
    with campaign(tmp_path, private, lines="plain", seed=SEED) as trial:
        _kept_all_promises(trial.run(plan(SEED, 0, 5 * KILLS)))


@pytest.mark.parametrize("air", [0.3, 3.0])
def test_an_answer_that_comes_after_the_restart_settles_its_message(
    tmp_path: Path, private: Private, air: float
) -> None:
    after_ctrl_z = next(point for point in POINTS if point.name == "after Ctrl-Z")
    with campaign(tmp_path, private, air=air, modems=1) as trial:
        modemd = trial.modemd
        modemd.begin(1)
        [message] = modemd.send("+48600700700", "on the air when the daemon dies")
        trial.strike(Kill(after_ctrl_z, 0, 0, 0.0))
        modemd.start()
        assert told(modemd.log, "queue.recovered") == [{"uncertain": "1"}]
        until(lambda: modemd.message(message)["state"] == "sent")
        modemd.settled(modemd.send("+48600700701", "and the modem works as before"))
        assert sorted(found.to for found in arrived(trial.bank.air())) == ["+48600700700", "+48600700701"]


def test_a_call_that_is_cut_off_is_accepted_whole_or_not_at_all(daemon: StartDaemon) -> None:
    """Killed while it stages thousands of messages: after the next start there are all of them, or none."""
    modemd = daemon(None)
    modemd.start()
    modemd.open_account()
    many = [f"+48601{number:06}" for number in range(4000)]
    accepted = 0
    for seconds in (0.05, 0.15, 0.25, 0.4):
        answered = modemd.post_and_die(many, "a large call", seconds)
        modemd.start()
        total = modemd.status()["totals"]["accepted"]
        assert total - accepted in ({4000} if answered == 202 else {0, 4000}), "whole or not at all"
        assert len(modemd.messages()) == total == modemd.status()["queue"]["queued"], "what is counted exists"
        accepted = total


def test_a_call_that_is_repeated_after_a_kill_is_sent_once(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    """Whether it was accepted or not, the caller repeats it with its Idempotency-Key until it has an answer."""
    bank = hw_sim_bank("--air", "0.05", modems=4)
    modemd = daemon(bank)
    modemd.start()
    modemd.open_account()
    ids: list[str] = []
    for turn, seconds in enumerate((0.0, 0.004, 0.008, 0.012, 0.016)):
        to = [f"+48602{turn}{number:05}" for number in range(20)]
        key = {"Idempotency-Key": f"call-{turn}"}
        modemd.post_and_die(to, "once only", seconds, headers=key)
        modemd.start()
        answers = [modemd.post(to, "once only", headers=key).json() for _ in range(2)]
        assert answers[0] == answers[1]
        ids += [message["id"] for message in answers[0]["messages"]]
    assert len(set(ids)) == 100
    states = modemd.settled(ids)
    assert states.get("sent", 0) + states.get("uncertain", 0) == 100
    came = [found.to for found in arrived(bank.air())]
    assert len(came) == len(set(came)) >= states["sent"]
    assert modemd.status()["totals"]["accepted"] == 100


def test_a_daemon_killed_while_it_starts_starts_the_next_time(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    modemd = daemon(hw_sim_bank("--air", "0.05", modems=2))
    for moment in (0.3, 0.6, 0.9, 1.2):
        modemd.launch()
        modemd.wait_until_killed(moment)
    modemd.start()
    modemd.open_account()
    assert modemd.settled(modemd.send("+48600700800", "at last")) == {"sent": 1}
    assert modemd.end(signal.SIGTERM).code == 0
