"""Messages that do not simply go: late, expired, partial, uncertain; and what those who wait for them are told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import Daemon, as_json, befall, cli, numbers, told, until

THREE = "three segments of text " * 18
TO = "+48600100200"


def ready(modemd: Daemon, modems: int = 1) -> Daemon:
    """Started, with an account and its modems."""
    modemd.begin(modems)
    return modemd


def test_what_is_for_later_goes_within_the_second_and_what_is_too_late_does_not_go(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=2)
    modemd = ready(daemon(bank), 2)
    at = datetime.now(UTC) + timedelta(seconds=2)
    modemd.send(numbers(4), "this one comes on time", send_at=at.isoformat())
    assert modemd.states() == {"scheduled": 4}
    bank.wait_for_air(4)
    assert all(0 <= entry.started - at.timestamp() < 1 for entry in bank.air())

    for modem in ("modem0", "modem1"):
        modemd.ask("modems.drain", name=modem)
    submitted = time.time()
    late = modemd.send(numbers(3, first=10), "this one comes too late", valid_for=2)
    until(lambda: all(modemd.message(one)["state"] == "expired" for one in late))
    assert 2 <= time.time() - submitted < 3
    for modem in ("modem0", "modem1"):
        modemd.ask("modems.resume", name=modem)
    modemd.ready(2)
    assert modemd.settled(modemd.send(numbers(2, first=20), "and this one afterwards")) == {"sent": 2}
    assert not {entry.to for entry in bank.air()} & set(numbers(3, first=10))
    assert "Its time was over" in cli("why", late[0], state_dir=modemd.state_dir).out


def test_a_long_message_whose_rest_is_refused_is_partial_and_says_how_much_went(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=1)
    modemd = ready(daemon(bank))
    befall(bank, 0, "cms_error", code=21, message=2)
    [one] = modemd.send(TO, THREE)
    assert modemd.settled([one]) == {"failed": 1}
    assert modemd.message(one)["error"]["code"] == "partial"
    assert [(entry.part, entry.outcome) for entry in bank.air()] == [(1, "accepted"), (2, "rejected")]
    assert "1 of its 3 segments were sent" in cli("why", one, state_dir=modemd.state_dir).out
    assert modemd.settled(modemd.send(TO, "the next one")) == {"sent": 1}


def test_an_uncertain_message_is_counted_shown_alarmed_and_settled_by_the_operator(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=1)
    modemd = ready(daemon(bank))
    befall(bank, 0, "false_error", code=350, times=1)
    modemd.private.words.add("nobody knows")
    modemd.private.numbers.add(TO)
    waited = cli("send", "--to", TO, "nobody knows", "--wait", "--json", state_dir=modemd.state_dir)
    assert (waited.code, as_json(waited.out)["states"]) == (1, {"uncertain": 1})
    [one] = [message["id"] for message in as_json(waited.out)["messages"]]

    [warned] = told(modemd.log, "message.uncertain")
    assert (warned["message"], warned["modem"]) == (one, "modem0")
    assert any(" WARNING " in line for line in modemd.log.splitlines() if "message.uncertain" in line)
    status = modemd.status()
    assert status["queue"]["uncertain"] == 1
    assert status["modems"][0]["uncertain"] == 1
    [alarm] = status["alarms"]
    assert "1 message is uncertain" in alarm
    assert "alarm    1 message is uncertain" in cli("status", state_dir=modemd.state_dir).out

    assert cli("queue", "resolve", one, "sent", state_dir=modemd.state_dir).code == 0
    assert "alarms" not in modemd.status()
    assert modemd.status()["queue"]["uncertain"] == 0
    modemd.stop()
    assert "alarm" not in cli("status", state_dir=modemd.state_dir).out


def test_waiting_for_a_status_report_that_never_comes_has_an_end(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=1, scenario="[reports]\nreport_delay = 0.2\n")
    modemd = ready(daemon(bank))
    befall(bank, 0, "report_lost", times=1)
    modemd.private.words.add("report, please")
    modemd.private.numbers |= set(numbers(3))

    def sent(to: Sequence[str], *options: str) -> tuple[int, dict[str, int], float]:
        began = time.monotonic()
        words = [word for number in to for word in ("--to", number)]
        ended = cli("send", *words, "report, please", "--wait", "--json", *options, state_dir=modemd.state_dir)
        return ended.code, as_json(ended.out)["states"], time.monotonic() - began

    assert sent(numbers(1))[:2] == (0, {"sent": 1}), "nobody asked for a report: nothing is awaited"
    code, states, took = sent(numbers(2, first=1), "--report", "--patience", "1.5")
    assert (code, states) == (0, {"sent": 1, "delivered": 1})
    assert took >= 1.5
    assert sent(numbers(1), "--report", "--patience", "60") < (0, {"delivered": 1}, 30.0)
