"""Status reports on SQLite and PostgreSQL: each finds its segment, and no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from modemd.clock import SECOND, ManualClock
from modemd.db import Database
from modemd.queue import Draft, Envelope, IfUncertain, Message, Queue, Settlement, State
from modemd.queue.matching import same_number
from modemd.queue.reports import Fate, Found
from modemd.values import Fault, Lane, Outcome, Report, Sms, Verdict

TO, OTHER = "+48600100200", "+48600100201"
UNCERTAIN = Outcome(Verdict.UNCERTAIN, code="timeout")
HOUR = 3600


def fate_of(status: int) -> Fate:
    """What TP-Status says, as far as these tests need it."""
    if status < 0x20:
        return Fate.UNCONFIRMED if status else Fate.DELIVERED
    if status < 0x40:
        return Fate.PENDING
    return Fate.EXPIRED if status == 0x46 else Fate.UNDELIVERED


class Desk:
    """Sends and reports as a modem would."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.claimed: dict[int, Message] = {}
        self.queue = self.started()

    def started(self) -> Queue:
        """A daemon on this database."""
        queue = Queue(self.database, self.clock, "here")
        queue.open = self._open
        return queue

    @staticmethod
    def _open(message: Message) -> Sms:
        to, _, validity = message.body.decode().partition(" ")
        return Sms(to, "", report=message.report, valid_for=int(validity) if validity else None)

    async def accepted(self, to: str = TO, *, parts: int = 1, valid_for: int | None = None, **changes: Any) -> int:
        """One message in the queue; its id."""
        [number] = self.queue.ids.many(1)
        usual: dict[str, Any] = {"account": 1, "lane": Lane.TRANSACTIONAL, "due": 0, "expires": None, "report": True}
        body = f"{to} {valid_for}" if valid_for else to
        await self.queue.submit(Envelope(**(usual | changes)), [Draft(number, body.encode(), parts, b"key")])
        return number

    async def hand(self, number: int, part: int = 1, sim: str = "sim0") -> None:
        """Its AT+CMGS is written; between two segments the message stays as it was claimed."""
        found = await self.message(number)
        if found.state is not State.SENDING:
            self.claimed[number] = found
        assert (await self.queue.cross([], self.claimed[number], part, sim, {})).marked

    async def settle(self, number: int, outcome: Outcome, part: int = 1, sim: str = "sim0") -> Any:
        """The modem has answered; what follows."""
        settlement = Settlement(self.claimed[number], part, sim, outcome, self.clock.now())
        return (await self.queue.cross([settlement], None, 0, "", {})).follow[0]

    async def sent(self, reference: int, to: str = TO, sim: str = "sim0", **changes: Any) -> int:
        """A message of one segment that the SMSC has taken; its id."""
        number = await self.accepted(to, **changes)
        await self.hand(number, sim=sim)
        await self.settle(number, Outcome(Verdict.ACCEPTED, reference), sim=sim)
        return number

    async def uncertain(self, to: str = TO, sim: str = "sim0", **changes: Any) -> int:
        """A message of one segment of which nobody knows; its id."""
        number = await self.accepted(to, **changes)
        await self.hand(number, sim=sim)
        await self.settle(number, UNCERTAIN, sim=sim)
        return number

    async def report(
        self, reference: int, status: int = 0, to: str = TO, *, sim: str = "sim0", accepted: int | None = None
    ) -> Found:
        """A report comes; ``accepted`` is its time stamp, 0 for none, the present for None."""
        moment = self.clock.now() if accepted is None else accepted or None
        report = Report(sim, reference, to, status, moment, self.clock.now())
        return (await self.queue.report(report, fate_of(status), f"words of {status:#04x}")).found

    async def message(self, number: int) -> Message:
        """The message as it is."""
        found = await self.queue.message(number)
        assert found is not None
        return found

    async def states(self, *numbers: int) -> list[State]:
        """Their states."""
        return [(await self.message(number)).state for number in numbers]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def desk(database: Database, clock: ManualClock) -> AsyncIterator[Desk]:
    """A queue; afterwards the counters must agree with the rows."""
    desk = Desk(database, clock)
    yield desk
    counts = await desk.queue.counts()
    rows = await database.read(lambda db: db.execute("SELECT state, count(*) FROM message GROUP BY state").fetchall())
    found = {State(state): count for state, count in rows}
    assert {state: count for state, count in counts.states.items() if count} == {
        state: count for state, count in found.items() if state in counts.states
    }
    assert counts.totals["delivered"] == found.get(State.DELIVERED, 0)
    left = await database.read(lambda db: db.execute("SELECT count(*) FROM early_report").fetchone()[0])
    assert left == 0, "every early report is gone with the settlement of its message"


# What TP-Status does


async def test_a_report_delivers_its_message(desk: Desk, clock: ManualClock) -> None:
    number = await desk.sent(17)
    clock.advance(6)
    with desk.queue.watch() as watch:
        assert await desk.report(17) is Found.MATCHED
        await watch.change()
    message = await desk.message(number)
    assert (message.state, message.delivered_at) == (State.DELIVERED, clock.now())
    assert (await desk.queue.counts()).totals["delivered"] == 1
    [segment] = (await desk.queue.story(number)).segments
    assert (segment.status, segment.final_at) == (0, clock.now())


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        (0x00, State.DELIVERED, None),
        (0x01, State.SENT, None),
        (0x02, State.SENT, None),
        (0x20, State.SENT, None),
        (0x30, State.SENT, None),
        (0x41, State.UNDELIVERED, "status-0x41"),
        (0x46, State.UNDELIVERED, "expired"),
        (0x62, State.UNDELIVERED, "status-0x62"),
        (0xFF, State.UNDELIVERED, "status-0xff"),
    ],
)
async def test_tp_status_decides(desk: Desk, status: int, state: State, code: str | None) -> None:
    number = await desk.sent(17)
    assert await desk.report(17, status) is Found.MATCHED
    message = await desk.message(number)
    assert (message.state, message.error_code) == (state, code)
    if code:
        assert message.error_detail == f"words of {status:#04x}"


async def test_a_pending_report_leaves_room_for_the_last_word(desk: Desk, clock: ManualClock) -> None:
    number = await desk.sent(17)
    accepted = clock.now()
    for status in (0x20, 0x20, 0x22):
        clock.advance(600)
        assert await desk.report(17, status, accepted=accepted) is Found.MATCHED
        assert await desk.states(number) == [State.SENT]
    clock.advance(HOUR)
    assert await desk.report(17, 0x00, accepted=accepted) is Found.MATCHED
    assert await desk.states(number) == [State.DELIVERED]
    told = [happening.code for happening in (await desk.queue.story(number)).happenings]
    assert told == ["0x20", "0x22"], "the same word is told once"


@pytest.mark.parametrize("last", [0x00, 0x41, 0x46])
@pytest.mark.parametrize("after", [0x00, 0x20, 0x41])
async def test_a_last_word_stays_the_last(desk: Desk, clock: ManualClock, last: int, after: int) -> None:
    number = await desk.sent(17)
    accepted = clock.now()
    await desk.report(17, last, accepted=accepted)
    state = await desk.states(number)
    clock.advance(5)
    assert await desk.report(17, after, accepted=accepted) is Found.REPEATED
    assert await desk.states(number) == state


async def test_a_long_message_is_delivered_when_every_segment_is(desk: Desk, clock: ManualClock) -> None:
    number = await desk.accepted(parts=3)
    for part in (1, 2, 3):
        await desk.hand(number, part)
        await desk.settle(number, Outcome(Verdict.ACCEPTED, 40 + part), part)
    for reference in (43, 41):
        assert await desk.report(reference) is Found.MATCHED
        assert await desk.states(number) == [State.SENT]
    clock.advance(60)
    assert await desk.report(42) is Found.MATCHED
    message = await desk.message(number)
    assert (message.state, message.delivered_at) == (State.DELIVERED, clock.now())


async def test_a_long_message_is_undelivered_when_one_segment_is(desk: Desk) -> None:
    number = await desk.accepted(parts=2)
    for part in (1, 2):
        await desk.hand(number, part)
        await desk.settle(number, Outcome(Verdict.ACCEPTED, 40 + part), part)
    assert await desk.report(41) is Found.MATCHED
    assert await desk.report(42, 0x46) is Found.MATCHED
    message = await desk.message(number)
    assert (message.state, message.error_code) == (State.UNDELIVERED, "expired")


@pytest.mark.parametrize(("status", "state"), [(0x00, State.DELIVERED), (0x43, State.UNDELIVERED)])
async def test_reports_on_the_first_segment_wait_for_the_last_one_to_be_sent(
    desk: Desk, status: int, state: State
) -> None:
    number = await desk.accepted(parts=2)
    await desk.hand(number)
    await desk.settle(number, Outcome(Verdict.ACCEPTED, 41))
    assert await desk.report(41, status) is Found.MATCHED
    assert await desk.states(number) == [State.SENDING]
    await desk.hand(number, 2)
    assert await desk.report(42, accepted=0) is Found.EARLY
    await desk.settle(number, Outcome(Verdict.ACCEPTED, 42), 2)
    assert await desk.states(number) == [state]


async def test_the_moment_of_delivery_stays_within_what_our_own_clock_knows(desk: Desk, clock: ManualClock) -> None:
    sent_at = clock.now()
    moments = {"true": sent_at + 40 * SECOND, "slow": sent_at - HOUR * SECOND, "fast": sent_at + HOUR * SECOND}
    numbers = {name: await desk.sent(reference) for reference, name in enumerate(moments)}
    clock.advance(60)
    for reference, discharged in enumerate(moments.values()):
        report = Report("sim0", reference, TO, 0, sent_at, discharged)
        await desk.queue.report(report, Fate.DELIVERED, "")
    delivered = {name: (await desk.message(number)).delivered_at for name, number in numbers.items()}
    assert delivered == {"true": sent_at + 40 * SECOND, "slow": sent_at, "fast": clock.now()}


# Which segment


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+48600100200", "48600100200", True),
        ("+48600100200", "0048600100200", True),
        ("+48600100200", "600100200", True),
        ("+48600100200", "0600100200", True),
        ("+491712345678", "01712345678", True),
        ("+4512345678", "12345678", True),
        ("+79121234567", "89121234567", True),
        ("+48600100200", "+48600100201", False),
        ("+48600100200", "100200", False),
        ("72051", "72051", True),
        ("72051", "572051", False),
        ("+48600100200", "", False),
        ("", "", False),
        ("InPost", "InPost", False),
    ],
)
def test_numbers_are_one_where_they_end_alike(one: str, other: str, same: bool) -> None:
    assert same_number(one, other) is same
    assert same_number(other, one) is same


async def test_a_report_is_for_its_sim_its_reference_and_its_recipient_only(desk: Desk) -> None:
    number = await desk.sent(17)
    assert await desk.report(18) is Found.FOREIGN
    assert await desk.report(17, to=OTHER) is Found.FOREIGN
    assert await desk.report(17, sim="sim1") is Found.FOREIGN
    assert await desk.states(number) == [State.SENT]
    assert await desk.report(17, to="600 100 200") is Found.MATCHED
    tallies = await desk.database.read(lambda db: dict(db.execute("SELECT name, value FROM tally").fetchall()))
    assert (tallies["report.foreign"], tallies["report.matched"]) == (3, 1)


async def test_a_reference_that_came_round_again_means_the_newest_message_that_waits(
    desk: Desk, clock: ManualClock
) -> None:
    numbers = []
    for _ in range(3):
        numbers.append(await desk.sent(17))
        clock.advance(1600)
    for delivered in (2, 1, 0):
        assert await desk.report(17, accepted=0) is Found.MATCHED
        states = await desk.states(*numbers)
        assert states == [State.SENT] * delivered + [State.DELIVERED] * (3 - delivered)


async def test_the_time_stamp_tells_messages_with_one_reference_apart(desk: Desk, clock: ManualClock) -> None:
    """The phone was off while the SIM gave all its references twice to the same recipient."""
    numbers, accepted = [], []
    for _ in range(3):
        numbers.append(await desk.sent(17))
        accepted.append(clock.now() + SECOND)
        clock.advance(1600)
    for which in (1, 0, 2):
        assert await desk.report(17, accepted=accepted[which]) is Found.MATCHED
        assert (await desk.states(numbers[which])) == [State.DELIVERED]
    assert await desk.report(17, accepted=accepted[0]) is Found.REPEATED


async def test_256_references_and_round_again_each_report_finds_its_own(desk: Desk, clock: ManualClock) -> None:
    """More messages to one number than there are references, their reports out of order."""
    sent: list[tuple[int, int, int]] = []
    for place in range(300):
        sent.append((await desk.sent(place % 256), place % 256, clock.now()))
        clock.advance(6)
    for number, reference, moment in sorted(sent, key=lambda one: one[1] * 7919 % 256):
        status = 0x00 if number % 2 else 0x41
        assert await desk.report(reference, status, accepted=moment // SECOND * SECOND) is Found.MATCHED
        assert await desk.states(number) == [State.DELIVERED if number % 2 else State.UNDELIVERED]


async def test_a_copy_of_a_report_is_not_taken_for_that_on_an_older_message(desk: Desk, clock: ManualClock) -> None:
    """The report on the first was lost; that on the second comes twice."""
    first = await desk.sent(17)
    clock.advance(1600)
    second = await desk.sent(17)
    accepted = clock.now()
    assert await desk.report(17, accepted=accepted) is Found.MATCHED
    clock.advance(2)
    assert await desk.report(17, accepted=accepted) is Found.REPEATED
    assert await desk.states(first, second) == [State.SENT, State.DELIVERED]


async def test_a_clock_of_the_service_centre_that_is_hours_wrong_loses_no_report(
    desk: Desk, clock: ManualClock
) -> None:
    number = await desk.sent(17)
    assert await desk.report(17, accepted=clock.now() - 5 * HOUR * SECOND) is Found.MATCHED
    assert await desk.states(number) == [State.DELIVERED]


async def test_a_report_that_is_older_than_the_message_is_not_its_own(desk: Desk, clock: ManualClock) -> None:
    number = await desk.accepted()
    report = Report("sim0", 17, TO, 0, clock.now(), clock.now())
    assert (await desk.queue.report(report, Fate.DELIVERED, "")).found is Found.FOREIGN
    clock.advance(120)
    await desk.hand(number)
    await desk.settle(number, Outcome(Verdict.ACCEPTED, 17))
    assert await desk.states(number) == [State.SENT]


@pytest.mark.parametrize(
    ("valid_for", "after_s", "found"),
    [
        (HOUR, 20 * HOUR, Found.MATCHED),
        (HOUR, 26 * HOUR, Found.FOREIGN),
        (None, 7 * 24 * HOUR, Found.MATCHED),
        (None, 9 * 24 * HOUR, Found.FOREIGN),
        (30 * 86_400, 30 * 24 * HOUR, Found.MATCHED),
    ],
)
async def test_a_report_may_take_as_long_as_the_service_centre_may_try(
    desk: Desk, clock: ManualClock, valid_for: int | None, after_s: int, found: Found
) -> None:
    await desk.sent(17, valid_for=valid_for)
    accepted = clock.now()
    clock.advance(after_s)
    assert await desk.report(17, accepted=accepted) is found


# Before the answer, and across a restart


async def test_a_report_before_the_answer_waits_for_it(desk: Desk) -> None:
    number = await desk.accepted()
    await desk.hand(number)
    assert await desk.report(17) is Found.EARLY
    assert await desk.states(number) == [State.SENDING]
    assert await desk.settle(number, Outcome(Verdict.ACCEPTED, 17)) is None
    assert await desk.states(number) == [State.DELIVERED]


async def test_an_early_report_with_another_reference_is_somebody_elses(desk: Desk) -> None:
    number = await desk.accepted()
    await desk.hand(number)
    assert await desk.report(16) is Found.EARLY
    await desk.settle(number, Outcome(Verdict.ACCEPTED, 17))
    assert await desk.states(number) == [State.SENT]
    assert await desk.report(17) is Found.MATCHED


async def test_an_early_report_proves_a_message_whose_answer_never_came(desk: Desk) -> None:
    number = await desk.accepted()
    await desk.hand(number)
    assert await desk.report(17) is Found.EARLY
    assert await desk.settle(number, UNCERTAIN) is None
    assert await desk.states(number) == [State.DELIVERED]


async def test_an_early_report_on_a_first_segment_lets_the_second_follow(desk: Desk) -> None:
    number = await desk.accepted(parts=2)
    await desk.hand(number)
    assert await desk.report(17) is Found.EARLY
    follows = await desk.settle(number, UNCERTAIN)
    assert follows.state is State.QUEUED
    message = await desk.message(number)
    assert (message.state, message.sent_parts, message.sim) == (State.QUEUED, 1, "sim0")
    await desk.hand(number, 2)
    await desk.settle(number, Outcome(Verdict.ACCEPTED, 18), 2)
    assert await desk.report(18) is Found.MATCHED
    assert await desk.states(number) == [State.DELIVERED]


async def test_an_early_report_does_not_make_a_refused_message_sent(desk: Desk) -> None:
    number = await desk.accepted()
    await desk.hand(number)
    assert await desk.report(17) is Found.EARLY
    await desk.settle(number, Outcome(Verdict.REFUSED, code="cms-1", fault=Fault.MESSAGE))
    assert await desk.states(number) == [State.FAILED]


async def test_an_early_report_survives_the_death_of_the_daemon(desk: Desk) -> None:
    number = await desk.accepted()
    await desk.hand(number)
    assert await desk.report(17) is Found.EARLY
    restarted = desk.started()
    await restarted.recover()
    assert await desk.states(number) == [State.UNCERTAIN]
    await restarted.recall_reports()
    assert await desk.states(number) == [State.DELIVERED]


async def test_a_report_after_a_restart_settles_what_was_on_the_air(desk: Desk, clock: ManualClock) -> None:
    number = await desk.accepted()
    await desk.hand(number)
    accepted = clock.now() + 3 * SECOND
    clock.advance(HOUR)
    desk.queue = desk.started()
    await desk.queue.recover()
    assert await desk.report(17, accepted=accepted) is Found.SETTLED
    assert await desk.states(number) == [State.DELIVERED]


async def test_after_a_late_answer_the_report_finds_its_segment(desk: Desk, clock: ManualClock) -> None:
    number = await desk.accepted()
    await desk.hand(number)
    desk.queue = desk.started()
    await desk.queue.recover()
    assert await desk.queue.late_answer("sim0", clock.now(), Outcome(Verdict.ACCEPTED, 17)) is not None
    assert await desk.states(number) == [State.SENT]
    assert await desk.report(17) is Found.MATCHED
    assert await desk.states(number) == [State.DELIVERED]


async def test_early_reports_of_messages_that_are_gone_are_forgotten(desk: Desk, clock: ManualClock) -> None:
    number = await desk.accepted()
    await desk.hand(number)
    assert await desk.report(17) is Found.EARLY
    await desk.queue.forget_early_reports()
    clock.advance(25 * HOUR)
    await desk.queue.forget_early_reports()
    await desk.settle(number, Outcome(Verdict.ACCEPTED, 17))
    assert await desk.states(number) == [State.SENT]


# What nobody knew


async def test_a_report_settles_the_one_uncertain_message_it_fits(desk: Desk, clock: ManualClock) -> None:
    number = await desk.uncertain()
    await desk.uncertain(OTHER)
    await desk.uncertain(sim="sim1")
    clock.advance(60)
    assert await desk.report(17, accepted=clock.now() - 55 * SECOND) is Found.SETTLED
    assert await desk.states(number) == [State.DELIVERED]
    assert (await desk.queue.counts()).states[State.UNCERTAIN] == 2
    story = await desk.queue.story(number)
    assert [segment.reference for segment in story.segments] == [17]
    assert "settled" in [happening.what for happening in story.happenings]


@pytest.mark.parametrize(("status", "state"), [(0x20, State.SENT), (0x46, State.UNDELIVERED), (0x00, State.DELIVERED)])
async def test_any_report_proves_that_the_network_took_it(desk: Desk, status: int, state: State) -> None:
    number = await desk.uncertain()
    assert await desk.report(17, status) is Found.SETTLED
    assert await desk.states(number) == [state]
    assert (await desk.queue.counts()).totals["sent"] == 1


async def test_of_two_uncertain_messages_neither_is_settled(desk: Desk) -> None:
    numbers = [await desk.uncertain(), await desk.uncertain()]
    assert await desk.report(17) is Found.AMBIGUOUS
    assert await desk.states(*numbers) == [State.UNCERTAIN] * 2
    for number in numbers:
        assert (await desk.queue.story(number)).happenings[-1].what == "report"


async def test_two_uncertain_messages_are_told_apart_by_when_they_were_handed_over(
    desk: Desk, clock: ManualClock
) -> None:
    first, accepted = await desk.uncertain(), clock.now()
    clock.advance(2 * HOUR)
    second = await desk.uncertain()
    assert await desk.report(17, accepted=accepted) is Found.SETTLED
    assert await desk.states(first, second) == [State.DELIVERED, State.UNCERTAIN]


async def test_a_reference_given_to_another_segment_settles_nothing(desk: Desk) -> None:
    number = await desk.uncertain()
    await desk.sent(17, OTHER)
    assert await desk.report(17) is Found.FOREIGN
    assert await desk.states(number) == [State.UNCERTAIN]


@pytest.mark.parametrize("off_s", [-180, 600])
async def test_a_message_accepted_at_another_time_settles_nothing(desk: Desk, clock: ManualClock, off_s: int) -> None:
    number = await desk.uncertain()
    accepted = clock.now() + off_s * SECOND
    clock.advance(HOUR)
    assert await desk.report(17, accepted=accepted) is Found.FOREIGN
    assert await desk.states(number) == [State.UNCERTAIN]


async def test_without_a_time_stamp_a_report_proves_nothing(desk: Desk) -> None:
    number = await desk.uncertain()
    assert await desk.report(17, accepted=0) is Found.FOREIGN
    assert await desk.states(number) == [State.UNCERTAIN]


async def test_a_message_that_asked_for_no_report_is_settled_by_none(desk: Desk) -> None:
    number = await desk.uncertain(report=False)
    assert await desk.report(17) is Found.FOREIGN
    assert await desk.states(number) == [State.UNCERTAIN]


async def test_a_message_that_was_sent_again_is_not_settled_by_the_report_on_its_first_attempt(
    desk: Desk, clock: ManualClock
) -> None:
    number = await desk.uncertain(if_uncertain=IfUncertain.RESEND)
    accepted = clock.now()
    clock.advance(61)
    await desk.queue.tick(0)
    await desk.hand(number)
    await desk.settle(number, Outcome(Verdict.ACCEPTED, 18))
    assert await desk.report(17, accepted=accepted) is Found.FOREIGN
    assert await desk.states(number) == [State.SENT]


async def test_the_second_segment_of_a_long_message_is_settled_and_the_third_follows(desk: Desk) -> None:
    number = await desk.accepted(parts=3)
    await desk.hand(number)
    await desk.settle(number, Outcome(Verdict.ACCEPTED, 41))
    await desk.hand(number, 2)
    await desk.settle(number, UNCERTAIN, 2)
    woken: list[Any] = []
    desk.queue.on_again = woken.append
    assert await desk.report(42) is Found.SETTLED
    message = await desk.message(number)
    assert (message.state, message.sent_parts) == (State.QUEUED, 2)
    assert woken == [(Lane.TRANSACTIONAL, 1)]


async def test_a_segment_whose_reference_was_lost_is_found_by_recipient_and_time(desk: Desk) -> None:
    number = await desk.accepted()
    await desk.hand(number)
    await desk.settle(number, Outcome(Verdict.ACCEPTED, None))
    assert await desk.report(17) is Found.SETTLED
    assert await desk.states(number) == [State.DELIVERED]


async def test_what_a_person_has_settled_may_still_be_delivered(desk: Desk) -> None:
    number = await desk.uncertain()
    await desk.queue.resolve(number, "sent")
    assert await desk.report(17) is Found.SETTLED
    assert await desk.states(number) == [State.DELIVERED]


async def test_a_message_queued_again_after_it_was_undelivered_waits_for_a_new_report(
    desk: Desk, clock: ManualClock
) -> None:
    number = await desk.sent(17)
    await desk.report(17, 0x46)
    await desk.queue.retry(number)
    clock.advance(10)
    await desk.hand(number)
    await desk.settle(number, Outcome(Verdict.ACCEPTED, 18))
    assert await desk.states(number) == [State.SENT]
    assert await desk.report(18) is Found.MATCHED
    assert await desk.states(number) == [State.DELIVERED]
