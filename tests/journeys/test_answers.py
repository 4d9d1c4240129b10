"""Status reports and inbound SMS through the whole service: each finds its message, its account, and only once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conftest import StartDaemon
from hw_sim.control import ask
from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import Daemon, numbers, told, until

from modemd import ids
from modemd.accounts import keystore
from modemd.accounts.directory import OPERATOR
from modemd.accounts.inbound import Inbound
from modemd.accounts.numbers import Numbers
from modemd.accounts.vault import Vault
from modemd.clock import SystemClock
from modemd.db import connect
from modemd.ids import IdSource
from modemd.inbox import joined
from modemd.service import key_directory

LONG = "Dear customer, your parcel has arrived and waits for you. " * 7
"""Three segments."""


def scenario(folder: Path, text: str) -> tuple[str, str]:
    """The options of a bank on which it goes so."""
    path = folder / "scenario.toml"
    path.write_text(text)
    return "--scenario", str(path)


def befall(bank: BankProcess, modem: str, name: str, **how: Any) -> None:
    """Let a fault befall a modem."""
    ask(bank.folder, {"verb": "fault", "modem": modem, "fault": {"name": name, **how}})


def reply(bank: BankProcess, number: str, text: str) -> str:
    """The phone answers the modem that last wrote to it; which that is."""
    return str(ask(bank.folder, {"verb": "reply", "number": number, "text": text}))


def stored(bank: BankProcess) -> int:
    """Messages that lie in any storage of any modem."""
    seen = ask(bank.folder, {"verb": "look", "modem": "all"})
    return sum(storage["used"] for modem in seen for storage in modem["storages"].values())


def inbox(modemd: Daemon, account: int = OPERATOR) -> list[tuple[str, str]]:
    """What an account has received, oldest first: opened as it lies in the database, with the account's key."""

    async def read() -> Sequence[dict[str, Any]]:
        clock = SystemClock()
        database = connect(f"sqlite:///{modemd.state_dir / 'modemd.db'}", clock=clock)
        await database.open()
        try:
            store = keystore.load(key_directory(modemd.state_dir))
            inbound = Inbound(
                database,
                Vault(store),
                Numbers(),
                accounts=store.accounts,
                join=joined,
                ids=IdSource(clock),
                clock=clock,
            )
            return await inbound.list(account)
        finally:
            await database.close()

    return [(one["from"], one["text"]) for one in reversed(asyncio.run(read()))]


def account_of(modemd: Daemon) -> int:
    """The account that the journey opened."""
    shown = next(one for one in modemd.ask("accounts.list")["accounts"] if not one["operator"])
    number = ids.decode("a", shown["id"])
    assert number is not None
    return number


def story(modemd: Daemon, message: str) -> str:
    """The lines of `modemd why`."""
    return "\n".join(line["text"] for line in modemd.ask("why", id=message)["lines"])


def is_(modemd: Daemon, message: str, state: str) -> bool:
    """Whether a message is in a state."""
    return str(modemd.message(message)["state"]) == state


# Status reports


def test_every_message_is_delivered_though_reports_come_late_doubled_and_out_of_order(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    plan = "[reports]\nreport_delay = 0.05\nreport_jitter = 1.0\nreports_doubled = 0.3\n"
    bank = hw_sim_bank("--air", "0.02", *scenario(tmp_path, plan), modems=4)
    modemd = daemon(bank)
    modemd.start()
    modemd.open_account()
    sent = modemd.send(numbers(80), "a short one", report=True)
    sent += modemd.send(numbers(10, first=200), LONG, report=True)
    silent = modemd.send(numbers(10, first=300), "nobody asks")
    assert modemd.settled(sent) == {"delivered": 90}
    assert modemd.settled(silent) == {"sent": 10}
    for message in (modemd.message(sent[0]), modemd.message(sent[-1])):
        assert message["created_at"] <= message["sent_at"] <= message["delivered_at"]
        assert message["error"] is None
    totals = modemd.status()["totals"]
    assert (totals["sent"], totals["delivered"], totals["undelivered"]) == (100, 90, 0)
    assert stored(bank) == 0


def test_what_the_network_gives_up_is_undelivered_and_says_why(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    plan = '[reports]\nreport_delay = 0.1\n[[recipient]]\nprefix = "+48600200"\nstatus = 0x46\n'
    plan += '[[recipient]]\nprefix = "+48600300"\nstatus = 0x41\n'
    bank = hw_sim_bank("--air", "0.02", *scenario(tmp_path, plan), modems=1)
    modemd = daemon(bank)
    modemd.start()
    modemd.open_account()
    [expired] = modemd.send("+48600200001", LONG, report=True)
    [refused] = modemd.send("+48600300001", "never", report=True)
    assert modemd.settled([expired, refused]) == {"undelivered": 2}
    assert modemd.message(expired)["error"]["code"] == "expired"
    assert modemd.message(refused)["error"] == {"code": "status-0x41", "detail": "incompatible destination"}
    assert "incompatible destination" in story(modemd, refused)


def test_a_report_may_come_before_the_answer_to_its_message(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank = hw_sim_bank("--air", "0.1", modems=1)
    modemd = daemon(bank)
    modemd.begin(1)
    befall(bank, "modem0", "report_early")
    befall(bank, "modem0", "slow_answer", seconds=0.4)
    sent = modemd.send(numbers(3), "sooner than its answer", report=True)
    sent += modemd.send("+48600100900", LONG, report=True)
    assert modemd.settled(sent) == {"delivered": 4}


def test_a_long_message_is_delivered_only_when_every_segment_is(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    bank = hw_sim_bank("--air", "0.02", *scenario(tmp_path, "[reports]\nreport_delay = 0.05\n"), modems=1)
    modemd = daemon(bank)
    modemd.begin(1)
    befall(bank, "modem0", "report_late", seconds=2.0, times=1)
    [message] = modemd.send("+48600100200", LONG, report=True)
    until(lambda: story(modemd, message).count("TP-Status 0x00") == 2)
    assert is_(modemd, message, "sent")
    assert modemd.settled([message]) == {"delivered": 1}
    assert story(modemd, message).count("TP-Status 0x00") == 3


def test_a_report_that_never_comes_leaves_a_message_sent(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    bank = hw_sim_bank("--air", "0.02", *scenario(tmp_path, "[reports]\nreport_delay = 0.05\n"), modems=1)
    modemd = daemon(bank)
    modemd.begin(1)
    befall(bank, "modem0", "report_lost", times=1)
    first, second = modemd.send(numbers(2), "one report is lost", report=True)
    assert modemd.settled([second]) == {"delivered": 1}
    assert is_(modemd, first, "sent")


def test_reports_that_come_while_no_daemon_runs_are_not_lost(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    """The modem tells the report to a port that nobody reads; the next daemon hears it before it knows the SIM."""
    bank = hw_sim_bank("--air", "0.05", *scenario(tmp_path, "[reports]\nreport_delay = 1.5\n"), modems=2)
    modemd = daemon(bank)
    modemd.begin(2)
    sent = modemd.send(numbers(6), "before the kill", report=True)
    until(lambda: (seen := modemd.states())["sent"] + seen["delivered"] == 6)
    modemd.kill()
    last = max(entry.ended for entry in bank.air())
    until(lambda: time.time() > last + 1.7)
    modemd.start()
    assert modemd.settled(sent) == {"delivered": 6}


def test_a_report_settles_what_a_crash_left_uncertain(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    """The answer to Ctrl-Z is lost and the daemon killed: nothing but the report tells that the network has it."""
    bank = hw_sim_bank("--air", "0.2", *scenario(tmp_path, "[reports]\nreport_delay = 1.5\n"), modems=1)
    modemd = daemon(bank)
    modemd.begin(1)
    befall(bank, "modem0", "answer_lost", times=1)
    [message] = modemd.send("+48600100200", "nobody answers", report=True)
    bank.wait_for_air(1)
    modemd.kill()
    modemd.start()
    assert told(modemd.log, "queue.recovered") == [{"uncertain": "1"}]
    until(lambda: is_(modemd, message, "delivered"))
    assert "a status report proves that the network has it" in story(modemd, message)
    status = modemd.status()
    assert (status["queue"]["uncertain"], status["totals"]["sent"], status["totals"]["delivered"]) == (0, 1, 1)
    assert len(bank.air()) == 1


# Inbound SMS


def test_answers_reach_the_account_that_wrote_and_strangers_the_operator(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=2)
    modemd = daemon(bank)
    modemd.start()
    modemd.open_account()
    anna, bert = numbers(2)
    modemd.settled(modemd.send([anna, bert], "Will you come?"))
    answers = [(anna, "Yes 👍"), (bert, "No. " + LONG), (anna, "Bert does not, I hear")]
    for sender, text in answers:
        reply(bank, sender, text)
    befall(bank, "modem1", "receive", sender="+48600999000", text="Who is this?")
    modemd.private.words |= {text for _, text in answers} | {"Who is this?"}
    account = account_of(modemd)
    until(lambda: len(inbox(modemd, account)) == 3 and len(inbox(modemd)) == 1)
    assert Counter(inbox(modemd, account)) == Counter(answers)
    assert inbox(modemd) == [("+48600999000", "Who is this?")]
    until(lambda: stored(bank) == 0)


def test_what_came_while_no_daemon_ran_is_read_once_and_removed(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    modemd = daemon(bank)
    modemd.begin(1)
    [anna] = numbers(1)
    modemd.settled(modemd.send(anna, "Call me"))
    modemd.kill()
    texts = ["the first of them", LONG, "the last of them"]
    for text in texts:
        reply(bank, anna, text)
    modemd.private.words |= set(texts)
    assert stored(bank) == 5
    modemd.start()
    account = account_of(modemd)
    until(lambda: stored(bank) == 0)
    assert inbox(modemd, account) == [(anna, text) for text in texts]
    modemd.kill()
    modemd.start()
    modemd.ready(1)
    assert len(inbox(modemd, account)) == 3


def test_a_daemon_killed_between_writing_and_deleting_takes_nothing_twice(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    """The modem does not delete: at each look its messages are there again, also for the next daemon."""
    bank = hw_sim_bank("--air", "0.02", modems=1)
    modemd = daemon(bank)
    modemd.begin(1)
    [anna] = numbers(1)
    modemd.settled(modemd.send(anna, "Call me"))
    befall(bank, "modem0", "silent", command="+CMGD", times=1)
    reply(bank, anna, "I do not go away")
    modemd.private.words.add("I do not go away")
    account = account_of(modemd)
    until(lambda: len(inbox(modemd, account)) == 1)
    modemd.kill()
    assert stored(bank) == 1
    modemd.start()
    until(lambda: stored(bank) == 0)
    assert inbox(modemd, account) == [(anna, "I do not go away")]


def test_a_campaign_goes_on_while_answers_come_in(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=2)
    modemd = daemon(bank)
    modemd.begin(2)
    sent = modemd.send(numbers(120), "a campaign", lane="bulk", report=True)
    bank.wait_for_air(40)
    answered = {entry.to for entry in bank.air()[:20]}
    for number in answered:
        reply(bank, number, f"from {number}")
    assert modemd.settled(sent) == {"delivered": 120}
    account = account_of(modemd)
    until(lambda: len(inbox(modemd, account)) == len(answered))
    assert Counter(inbox(modemd, account)) == Counter((number, f"from {number}") for number in answered)
    until(lambda: stored(bank) == 0)


# Opting out


def test_who_answers_stop_hears_no_more_until_he_answers_start(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=2)
    modemd = daemon(bank)
    modemd.start()
    modemd.open_account()
    [anna, bert] = numbers(2)
    modemd.settled(modemd.send([anna, bert], "buy now"))
    reply(bank, anna, "Rezygnuję!")

    def opted_out() -> list[str]:
        shown = modemd.request("GET", "/v1/opt-outs").json()["opt_outs"]
        return [f"{one['how']} {one['number']}" for one in shown]

    until(lambda: opted_out() == [f"stop {anna}"])
    answer = modemd.post([anna, bert], "buy more")
    assert [(one["to"], one["code"]) for one in answer.json()["rejected"]] == [(anna, "opted_out")]
    assert modemd.post(anna, "buy most").json()["code"] == "opted_out"
    modemd.settled([one["id"] for one in answer.json()["messages"]])
    reply(bank, anna, "START")
    until(lambda: opted_out() == [])
    modemd.settled(modemd.send(anna, "welcome back"))
    texts = [(entry.to, entry.text) for entry in bank.air() if entry.outcome == "accepted"]
    assert Counter(texts) == Counter(
        [(anna, "buy now"), (bert, "buy now"), (bert, "buy more"), (anna, "welcome back")]
    ), "and nothing was sent to confirm it"
