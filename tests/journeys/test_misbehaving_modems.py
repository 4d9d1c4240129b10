"""Modems that fail in the middle: nothing lost, nothing twice, nobody else delayed, and the modem comes back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import Daemon, arrived, befall, look, numbers, on_air, until

TEXTS = ("short", "three segments of text " * 18, "🎉 two of emoji " * 6)


@dataclass
class Run:
    """Messages through four modems of which some fail."""

    modemd: Daemon
    bank: BankProcess
    sent: dict[str, tuple[str, str]] = field(default_factory=dict)

    def submit(self, count: int, **more: Any) -> list[str]:
        """Messages of all kinds to new recipients; their ids."""
        made: list[str] = []
        recipients = numbers(count, first=len(self.sent))
        for place, text in enumerate(TEXTS):
            some = recipients[place :: len(TEXTS)]
            ids = self.modemd.send(some, text, **more)
            self.sent |= {one: (to, text) for one, to in zip(ids, some, strict=True)}
            made += ids
        return made

    def settled(self, within: float, messages: Sequence[str] | None = None) -> Counter[str]:
        """Wait for the end of these messages, or of all, and judge them from the air; their states."""
        started = time.monotonic()
        self.modemd.settled(sorted(messages or self.sent), within + 60)
        took = time.monotonic() - started
        states = self.judged()
        assert took < within, f"{took:.1f} s: {states}"
        return states

    def judged(self) -> Counter[str]:
        """What became of all messages; fails where one is lost, doubled, garbled, or with a stranger."""
        air = self.bank.air()
        ours = {to for to, _ in self.sent.values()}
        assert {entry.to for entry in air} <= ours, "nothing went to a number that nobody named"
        doubled = [place for place, count in on_air(air).items() if count > 1]
        assert not doubled
        came = Counter((found.to, found.text) for found in arrived(air))
        assert all(place in self.sent.values() for place in came), "texts intact"
        listed = {message["id"]: message for message in self.modemd.messages()}
        assert listed.keys() == self.sent.keys()
        lost = [one for one, message in listed.items() if message["state"] == "sent" and not came[self.sent[one]]]
        assert not lost
        return Counter(message["state"] for message in listed.values())

    def all_send_again(self, within: float = 30.0) -> None:
        """Submit more until every modem has sent some of it."""
        deadline = time.monotonic() + within
        before = len(self.bank.air())
        while missing := set(range(self.bank.modems)) - {entry.modem for entry in self.bank.air()[before:]}:
            assert time.monotonic() < deadline, [self.modemd.modem(f"modem{modem}") for modem in missing]
            self.settled(within, self.submit(3 * self.bank.modems))


class Gateway(Protocol):
    """Starts a daemon and its modems."""

    def __call__(self, modems: int, personality: str = "generic") -> Run:
        """So many modems, ready, of one make."""


@pytest.fixture
def gateway(hw_sim_bank: StartBank, daemon: StartDaemon) -> Gateway:
    """``run = gateway(4)``."""

    def start(modems: int, personality: str = "generic") -> Run:
        bank = hw_sim_bank("--air", "0.08", "--personality", personality, modems=modems)
        modemd = daemon(bank)
        modemd.begin(modems)
        return Run(modemd, bank)

    return start


@pytest.fixture
def run(gateway: Gateway) -> Run:
    """Four modems, ready."""
    return gateway(4)


HARMLESS: list[tuple[str, dict[str, Any]]] = [
    ("late_prompt", {"seconds": 2.0, "times": 2}),
    ("double_prompt", {"times": 5}),
    ("bare_prompt", {}),
    ("unsolicited", {"on": "command", "command": "CMGS", "text": "RING"}),
    ("unsolicited", {"on": "prompt", "text": "RING"}),
    ("interjected", {"command": "CMGS"}),
    ("slow_line", {"size": 2, "seconds": 0.004}),
    ("cms_error_before_prompt", {"code": 500, "times": 1}),
    ("cms_error_at_once", {"code": 322, "times": 2}),
    ("cms_error", {"code": 38, "times": 1}),
    ("no_network", {"seconds": 3.0}),
    ("sim_busy", {"seconds": 2.0}),
    ("echo_on", {}),
    ("text_mode_on", {"every": 0.1, "times": 30}),
    ("restart", {"text_mode": True, "silent": True}),
    ("unplug", {"on": "prompt", "times": 1, "seconds": 1.0}),
]
"""A modem each; whatever they do, no message is in doubt."""


def test_every_modem_has_another_trouble_and_all_is_sent(gateway: Gateway) -> None:
    run = gateway(len(HARMLESS) + 2)
    for modem, (fault, settings) in enumerate(HARMLESS):
        befall(run.bank, modem, fault, **settings)
    run.submit(20 * len(HARMLESS))
    states = run.settled(30)
    assert states == {"sent": 20 * len(HARMLESS)}, run.modemd.ask("queue.list", state="uncertain")
    run.all_send_again()


DOUBTFUL: list[tuple[str, dict[str, Any]]] = [
    ("unplug", {"on": "answer", "times": 1, "seconds": 1.0, "first": False}),
    ("unplug", {"on": "submit", "times": 1, "seconds": 1.0, "first": True}),
    ("false_error", {"code": 332, "times": 1}),
]
"""The network has the message, and the modem does not say so."""


def test_a_message_that_may_have_gone_out_is_held_and_not_sent_again(gateway: Gateway) -> None:
    run = gateway(len(DOUBTFUL) + 1)
    for modem, (fault, settings) in enumerate(DOUBTFUL):
        befall(run.bank, modem, fault, **settings)
    run.submit(42)
    assert run.settled(10) == {"sent": 39, "uncertain": 3}
    rows = run.modemd.ask("queue.list", state="uncertain")["messages"]
    air = on_air(run.bank.air())
    assert all(air[run.sent[row["id"]][0], row["sent_parts"] + 1] for row in rows)
    for row, (how, state) in zip(rows, (("sent", None), ("fail", "failed"), ("fail", "failed")), strict=True):
        answer = run.modemd.ask("queue.resolve", id=row["id"], how=how)
        assert state in (None, answer["state"])
    run.all_send_again()


RESTARTS: list[dict[str, Any]] = [
    {"on": "prompt", "times": 1},
    {"on": "prompt", "times": 1, "text_mode": True},
    {"on": "answer", "times": 1, "text_mode": True},
    {"on": "submit", "times": 1, "text_mode": True},
]


def test_restarts_into_text_mode_send_no_pdu_as_text_and_hold_only_what_was_handed_over(gateway: Gateway) -> None:
    run = gateway(len(RESTARTS) + 2, "quectel-ec25")  # its boot lines prove a restart
    for modem, settings in enumerate(RESTARTS):
        befall(run.bank, modem, "restart", **settings)
    run.submit(42)
    assert run.settled(8) == {"sent": 40, "uncertain": 2}
    assert sum(entry.outcome == "lost_answer" for entry in run.bank.air()) == 1
    run.all_send_again()


def test_a_modem_that_hangs_before_the_prompt_keeps_its_message_for_seconds_and_gets_no_other(run: Run) -> None:
    befall(run.bank, 0, "hang_before_prompt", message=3)
    messages = run.submit(42)
    until(lambda: run.modemd.states()["sent"] == len(messages) - 1, 8)
    assert run.settled(15) == {"sent": 42}, "the one that it had is sent by another"
    assert run.modemd.modem("modem0")["state"] != "ready"
    run.submit(20)
    assert run.settled(5)["sent"] == 62, "it attracts none while it hangs"


@pytest.mark.parametrize("fault", ["hang_after_ctrl_z", "answer_lost"])
def test_a_modem_that_owes_an_answer_delays_nobody(run: Run, fault: str) -> None:
    befall(run.bank, 0, fault, message=3)
    run.submit(42)
    until(lambda: run.modemd.states()["sent"] == 41, 8)
    run.submit(20)
    until(lambda: run.modemd.states()["sent"] == 61, 8)
    assert run.judged() == {"sent": 61, "sending": 1}
    assert run.modemd.modem("modem0")["state"] == "sending"


def test_a_bad_line_costs_no_message_and_sends_none_twice(run: Run) -> None:
    for modem in (0, 1):
        befall(run.bank, modem, "noisy_line", share=0.03, duration=4.0)
    befall(run.bank, 2, "garbage", every=0.2, count=6)
    run.submit(60)
    until(lambda: run.modemd.states()["queued"] == 0, 40)
    states = run.judged()
    assert states["failed"] == 0
    assert states["sent"] >= 60 - 3 * 4, states


def test_an_unplugged_modem_leaves_its_messages_to_the_others(run: Run) -> None:
    befall(run.bank, 0, "unplug")
    until(lambda: run.modemd.modem("modem0")["state"] == "absent", 5)
    assert "does not exist" in run.modemd.modem("modem0")["reason"]
    run.submit(30)
    assert run.settled(5)["sent"] == 30
    befall(run.bank, 0, "plug_in")
    run.all_send_again()


def test_a_modem_that_refuses_everything_cannot_burn_the_messages(run: Run) -> None:
    befall(run.bank, 0, "cms_error_before_prompt", code=500)
    befall(run.bank, 1, "cms_error_at_once", code=500)
    run.submit(42)
    assert run.settled(20) == {"sent": 42}
    attempts = [row["attempts"] for row in run.modemd.ask("queue.list", limit=1000)["messages"]]
    assert max(attempts) < 12
    assert sum(attempts) < 42 * 3, "no modem spins"


def test_one_bad_recipient_fails_alone_and_at_once(hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text('[[recipient]]\nprefix = "+48666"\ncause = 21\n[[recipient]]\nprefix = "+48667"\ncause = 38\n')
    bank = hw_sim_bank("--air", "0.08", "--scenario", str(scenario), modems=2)
    modemd = daemon(bank)
    modemd.begin(2)
    barred = modemd.send(["+48666100100", "+48666100101"], "nobody takes these")
    unreachable = modemd.send("+48667100100", "nobody takes this for now")
    good = modemd.send(numbers(20), "but everybody these")
    assert modemd.settled(good, 10) == {"sent": 20}
    assert modemd.settled(barred, 10)["failed"] == 2
    for one in barred:
        error = modemd.message(one)["error"]
        assert error["code"] == "cms-21"
        assert error["detail"]
    tries = Counter(entry.to for entry in bank.air())
    assert tries["+48666100100"] + tries["+48666100101"] <= 6, "not tried for ever"
    assert modemd.message(unreachable[0])["state"] == "queued", "congestion may pass"
    assert tries["+48667100100"] <= 2, "and is not hammered on meanwhile"


def test_a_wrong_pin_is_tried_once_however_often_the_daemon_starts(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text('[[modem]]\nwhich = 0\npin = "1234"\n')
    bank = hw_sim_bank("--air", "0.08", "--scenario", str(scenario), modems=2)
    modemd = daemon(bank)
    modemd.environ["MODEMD_SIM__PIN"] = "9999"
    modemd.private.words.add("9999")
    for kill in (False, True, False):
        modemd.start()
        until(lambda: modemd.modem("modem0")["state"] == "quarantined")
        assert "PIN" in modemd.modem("modem0")["reason"]
        modemd.ready(1)
        assert (modemd.kill() if kill else modemd.stop()).seconds < 10
    assert look(bank, 0)["pin_tries"] == 2, "one of three"
    modemd.environ["MODEMD_SIM__PIN"] = "1234"
    modemd.start()
    modemd.ready(2)
