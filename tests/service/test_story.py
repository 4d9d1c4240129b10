"""What `modemd why` says of a message, for every way that one can go: plainly, and nothing that is not so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modemd import story
from modemd.clock import SECOND, ManualClock, rfc3339
from modemd.db import connect
from modemd.queue import Draft, Envelope, IfUncertain, Message, Queue, Settlement, change
from modemd.queue.reports import Fate
from modemd.queue.restored import hold
from modemd.values import Fault, Lane, Outcome, Report, Sms, Verdict

SIM = "8948010000000004711"
TO = "+48600100200"
HOLDUP = "Every modem is out to lunch."
ACCEPTED = Outcome(Verdict.ACCEPTED, reference=17)
REFUSED = Outcome(Verdict.REFUSED, code="cms-42", fault=Fault.NETWORK, detail="congestion")
BAD = Outcome(Verdict.REFUSED, code="cms-1", fault=Fault.MESSAGE, detail="no such number")
TIMEOUT = Outcome(Verdict.UNCERTAIN, code="timeout", fault=Fault.MODEM, detail="Ctrl-Z was not answered in time")
UNSENT = Outcome(Verdict.UNSENT, code="port_lost", fault=Fault.MODEM, detail="the port is gone")


class Teller:
    """A queue on a database file, and what is told of its messages."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.database = connect(f"sqlite:///{folder / 'modemd.db'}", clock=self.clock)
        self.queue = self.started()

    def started(self) -> Queue:
        queue = Queue(self.database, self.clock, "here")
        queue.open = lambda message: Sms(TO, "", report=message.report)
        return queue

    async def submit(self, *, parts: int = 1, after_s: float = 0, valid_s: float = 0, **changes: Any) -> int:
        """One message; its id."""
        [number] = self.queue.ids.many(1)
        now = self.clock.now()
        usual: dict[str, Any] = {"account": 1, "lane": Lane.TRANSACTIONAL, "due": now + round(after_s * SECOND)}
        expires = now + round(valid_s * SECOND) if valid_s else None
        await self.queue.submit(Envelope(**(usual | {"expires": expires} | changes)), [Draft(number, b"", parts, b"")])
        return number

    async def hand(self, number: int, part: int = 1) -> Message:
        """Its AT+CMGS is written."""
        message = await self.queue.message(number)
        assert message is not None
        assert (await self.queue.cross([], message, part, SIM, {})).marked
        return message

    async def attempt(self, number: int, *outcomes: Outcome) -> None:
        """One segment after the other, until one is not accepted."""
        message = await self.queue.message(number)
        assert message is not None
        for part, outcome in enumerate(outcomes, message.sent_parts + 1):
            assert (await self.queue.cross([], message, part, SIM, {})).marked
            self.clock.advance(1)
            await self.queue.cross([Settlement(message, part, SIM, outcome, self.clock.now())], None, 0, "", {})

    async def report(self, status: int, fate: Fate, words: str = "", reference: int = 17) -> None:
        """A status report comes."""
        self.clock.advance(5)
        now = self.clock.now()
        await self.queue.report(Report(SIM, reference, TO, status, now - 5 * SECOND, now), fate, words)

    async def passes(self, seconds: float) -> None:
        """Time passes, and what is due by the clock is done."""
        since = self.clock.now()
        self.clock.advance(seconds)
        await self.queue.tick(since)

    async def tell(self, number: int) -> tuple[str, list[str]]:
        """The summary, and the lines without their times."""
        told = story.tell(await self.queue.story(number), self.clock.now(), HOLDUP)
        lines = [line["text"] for line in told["lines"]]
        for text in (told["summary"], *lines):
            assert SIM not in text
            assert "None" not in text
            assert "()" not in text
        return told["summary"], lines


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Teller]:
    """On an empty database."""
    teller = Teller(tmp_path)
    await teller.database.open()
    yield teller
    await teller.database.close()


async def test_one_that_waits_for_its_hour(at: Teller) -> None:
    one = await at.submit(after_s=60)
    assert (await at.tell(one))[0] == f"It waits for its time, {rfc3339(at.clock.now() + 60 * SECOND)}."


async def test_one_that_could_go_says_what_the_pool_says_and_when_it_ends(at: Teller) -> None:
    one = await at.submit(valid_s=60)
    assert (await at.tell(one))[0] == f"{HOLDUP} It is given up at {rfc3339(at.clock.now() + 60 * SECOND)}."
    assert (await at.tell(await at.submit()))[0] == HOLDUP


async def test_one_that_was_refused_and_waits_for_another_try(at: Teller) -> None:
    one = await at.submit()
    await at.attempt(one, REFUSED)
    said, lines = await at.tell(one)
    assert (await at.queue.story(one)).message.tried == {SIM}, "the pool is asked why it does not try it there"
    assert said.startswith("It was refused (congestion) and is tried again in ")
    assert said.endswith(" s, on another modem if there is one.")
    assert lines[-1] == "refused through the SIM …4711 (cms-42: congestion)"


async def test_one_that_no_modem_was_handed_in_the_end(at: Teller) -> None:
    one = await at.submit()
    await at.attempt(one, UNSENT)
    said, lines = await at.tell(one)
    assert said == HOLDUP
    assert lines[-1] == "could not be handed over through the SIM …4711, nothing was sent (port_lost: the port is gone)"


async def test_one_of_which_the_rest_waits(at: Teller) -> None:
    one = await at.submit(parts=3)
    await at.attempt(one, ACCEPTED, REFUSED)
    assert (await at.tell(one))[0].startswith("1 of its 3 segments are sent. It was refused (congestion) and is tried ")
    assert (await at.tell(one))[0].endswith("on the same SIM.")
    at.clock.advance(3600)
    assert (await at.tell(one))[0] == f"1 of its 3 segments are sent. {HOLDUP}"


async def test_one_on_the_air(at: Teller) -> None:
    one = await at.submit()
    await at.hand(one)
    at.clock.advance(12)
    said = "It is being sent through the SIM …4711; the network has not answered yet, for 12 s."
    assert (await at.tell(one))[0] == said


@pytest.mark.parametrize(
    ("wish", "report", "said"),
    [
        (IfUncertain.HOLD, False, "it is held: settle it with modemd queue resolve."),
        (IfUncertain.HOLD, True, "it is held: a status report or modemd queue resolve settles it."),
        (
            IfUncertain.RESEND,
            False,
            "its sender wants it sent again, which happens at {} if nothing settles it before.",
        ),
        (IfUncertain.FAIL, False, "its sender wants it failed rather than sent twice, which happens at {} if nothing"),
    ],
)
async def test_one_of_which_nobody_knows(at: Teller, wish: IfUncertain, *, report: bool, said: str) -> None:
    one = await at.submit(if_uncertain=wish, report=report)
    await at.attempt(one, TIMEOUT)
    expected = "Nobody can tell whether it was sent (Ctrl-Z was not answered in time); " + said
    assert (await at.tell(one))[0].startswith(expected.format(rfc3339(at.clock.now() + 60 * SECOND)))


async def test_one_that_a_kill_has_left_uncertain(at: Teller) -> None:
    one = await at.submit()
    await at.hand(one)
    await at.started().recover()
    said, lines = await at.tell(one)
    assert said.startswith("Nobody can tell whether it was sent (the daemon ended while this message was being sent); ")
    assert lines[-1].startswith("handed over through the SIM …4711, and nothing tells what became of it (restart: ")


async def test_one_that_a_kill_has_kept_from_being_handed_over(at: Teller) -> None:
    one = await at.submit()
    await at.hand(one)
    await at.started().recover(went_out=set())
    said, lines = await at.tell(one)
    assert said == HOLDUP
    assert lines[-1].endswith("nothing was sent (restart: the daemon ended just before this message was handed over)")


async def test_one_of_a_restored_backup(at: Teller) -> None:
    one = await at.submit()
    await at.database.write(lambda tx: hold(tx, at.clock.now()))
    said, lines = await at.tell(one)
    assert "a backup was restored" in said
    assert lines[-1].startswith("held: a backup was restored"), "it was not handed over"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("sent", "It counts as sent: the operator says it was sent; nobody asked for a status report."),
        ("resend", HOLDUP),
        (
            "fail",
            "Nobody could tell whether it was sent (Ctrl-Z was not answered in time); the operator has given it up.",
        ),
    ],
)
async def test_one_that_the_operator_has_settled(at: Teller, how: str, said: str) -> None:
    one = await at.submit()
    await at.attempt(one, TIMEOUT)
    await at.queue.resolve(one, how)
    told, lines = await at.tell(one)
    assert told == said
    assert not any("accepted by the network" in line for line in lines), "nobody knows that"
    assert lines[-1].startswith("settled: the operator ")


async def test_one_that_a_late_answer_has_settled(at: Teller) -> None:
    one = await at.submit()
    await at.attempt(one, TIMEOUT)
    await at.queue.late_answer(SIM, at.clock.now(), ACCEPTED)
    assert (await at.tell(one))[0].startswith("It counts as sent: a late answer of the modem; ")


async def test_one_that_failed_as_its_sender_wished(at: Teller) -> None:
    one = await at.submit(if_uncertain=IfUncertain.FAIL)
    await at.attempt(one, TIMEOUT)
    await at.passes(60)
    assert (await at.tell(one))[0].endswith("; as its sender wished, it is not sent again.")


async def test_one_that_a_status_report_has_settled(at: Teller) -> None:
    one = await at.submit(report=True)
    await at.attempt(one, TIMEOUT)
    await at.report(0x00, Fate.DELIVERED)
    said, lines = await at.tell(one)
    assert said == "The recipient's phone has it."
    assert "settled: a status report proves that the network has it" in lines
    assert lines[-1] == "delivered to the phone"


async def test_one_that_is_sent_and_waits_for_reports(at: Teller) -> None:
    assert (await _sent(at, report=False)) == "The network has accepted it; nobody asked for a status report."
    assert (await _sent(at, report=True)) == "The network has accepted it; its status report has not come yet."


async def _sent(at: Teller, *, report: bool) -> str:
    one = await at.submit(report=report)
    await at.attempt(one, ACCEPTED)
    return (await at.tell(one))[0]


async def test_one_of_which_the_service_centre_still_tries(at: Teller) -> None:
    one = await at.submit(report=True)
    await at.attempt(one, ACCEPTED)
    await at.report(0x21, Fate.PENDING, "the phone is busy")
    said, lines = await at.tell(one)
    assert said.endswith("the service centre has not reached the phone yet and goes on trying.")
    assert lines[-1] == "the network reports through the SIM …4711 (0x21: the phone is busy)"


async def test_one_that_the_service_centre_cannot_confirm(at: Teller) -> None:
    one = await at.submit(report=True)
    await at.attempt(one, ACCEPTED)
    await at.report(0x01, Fate.UNCONFIRMED, "forwarded")
    assert (await at.tell(one))[0].endswith("cannot say whether it was delivered, and reports no more.")


async def test_one_of_which_a_part_is_reported(at: Teller) -> None:
    one = await at.submit(parts=2, report=True)
    await at.attempt(one, ACCEPTED, Outcome(Verdict.ACCEPTED, reference=18))
    await at.report(0x00, Fate.DELIVERED)
    assert (await at.tell(one))[0].endswith("1 of its 2 segments are reported, the others not yet.")


async def test_one_that_the_network_has_given_up(at: Teller) -> None:
    one = await at.submit(report=True)
    await at.attempt(one, ACCEPTED)
    await at.report(0x41, Fate.UNDELIVERED, "incompatible destination")
    assert (await at.tell(one))[0] == "The network had it, and has given up delivering it: incompatible destination."


async def test_one_that_is_the_messages_own_fault(at: Teller) -> None:
    one = await at.submit()
    await at.attempt(one, BAD)
    assert (await at.tell(one))[0] == "It will not be tried again: no such number."


async def test_one_whose_rest_was_refused(at: Teller) -> None:
    one = await at.submit(parts=3)
    await at.attempt(one, ACCEPTED, BAD)
    assert (await at.tell(one))[0] == "1 of its 3 segments were sent, the rest could not be: no such number."


async def test_one_that_could_not_be_encoded(at: Teller) -> None:
    one = await at.submit()
    message = await at.queue.message(one)
    assert message is not None
    await at.queue.fail(message, "unreadable", "the message cannot be opened")
    assert (await at.tell(one))[0] == "It will not be tried again: the message cannot be opened."


async def test_one_that_expired(at: Teller) -> None:
    never, tried = await at.submit(valid_s=60), await at.submit(valid_s=60)
    await at.attempt(tried, REFUSED)
    await at.passes(60)
    assert (await at.tell(never))[0] == "Its time was over before any modem could take it."
    assert (await at.tell(never))[1][-1] == "given up: its time was over before the SMSC had all of it"
    assert (await at.tell(tried))[0] == "Its time was over before the network had it; last: congestion."


async def test_one_that_was_cancelled(at: Teller) -> None:
    own, stopped, refused = await at.submit(), await at.submit(), await at.submit()
    await at.attempt(refused, REFUSED)
    for one in (own, refused):
        await at.queue.cancel(one)
        assert (await at.tell(one))[0] == "It was cancelled before it was sent."
    why = "the recipient wrote STOP"
    await at.database.write(lambda tx: change.cancel_if_waiting(tx, [stopped], at.clock.now(), "opted_out", why))
    assert (await at.tell(stopped))[0] == "It was cancelled before it was sent: the recipient wrote STOP."


async def test_one_that_was_cancelled_in_the_middle(at: Teller) -> None:
    one = await at.submit(parts=3)
    await at.attempt(one, ACCEPTED, REFUSED)
    await at.queue.cancel(one)
    assert (await at.tell(one))[0] == "It was cancelled when 1 of its 3 segments had been sent."


async def test_one_that_the_operator_has_queued_again(at: Teller) -> None:
    one = await at.submit()
    await at.attempt(one, BAD)
    await at.queue.retry(one)
    said, lines = await at.tell(one)
    assert said.startswith(f"{HOLDUP} It is given up at ")
    assert lines[-1] == "the operator queued it again"
