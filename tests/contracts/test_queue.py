"""The queue on SQLite and PostgreSQL: accept, claim, cross the barrier, settle, recover."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import pytest

from modemd.clock import SECOND, ManualClock
from modemd.db import Database, Reader, connect
from modemd.errors import Conflict, NotFound
from modemd.queue import (
    SLICE,
    Claims,
    Draft,
    Envelope,
    Idempotency,
    IfUncertain,
    Message,
    Queue,
    Repeated,
    Settlement,
    State,
    lookup,
)
from modemd.queue.hand import WELCOME
from modemd.queue.listing import Wanted
from modemd.queue.turns import Turns
from modemd.values import Fault, Lane, Outcome, Verdict

ACCEPTED = Outcome(Verdict.ACCEPTED, reference=17)
NODE = "here"


def anything(_claim: Any) -> int:
    return WELCOME


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queue(database: Database, clock: ManualClock) -> Queue:
    return Queue(database, clock, NODE)


def envelope(clock: ManualClock, **changes: Any) -> Envelope:
    usual: dict[str, Any] = {"account": 1, "lane": Lane.TRANSACTIONAL, "due": clock.now(), "expires": None}
    return Envelope(**(usual | changes))


def drafts(queue: Queue, count: int = 1, parts: int = 1) -> list[Draft]:
    return [Draft(number, b"sealed", parts, b"key") for number in queue.ids.many(count)]


async def submitted(queue: Queue, clock: ManualClock, count: int = 1, parts: int = 1, **changes: Any) -> list[Draft]:
    rows = drafts(queue, count, parts)
    await queue.submit(envelope(clock, **changes), rows)
    return rows


async def state_of(queue: Queue, number: int) -> State:
    found = await queue.message(number)
    assert found is not None
    return found.state


async def attempt(queue: Queue, number: int, outcome: Outcome, *, sim: str = "sim0", part: int = 1) -> Any:
    """Mark one segment as about to be sent and settle it with this outcome."""
    message = await queue.message(number)
    assert message is not None
    assert (await queue.cross([], message, part, sim, {})).marked
    at = queue._clock.now()
    return (await queue.cross([Settlement(message, part, sim, outcome, at)], None, 0, "", {})).follow[0]


# Accepting


async def test_an_accepted_message_is_queued_and_counted(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock)
    counts = await queue.counts()
    assert await state_of(queue, draft.id) is State.QUEUED
    assert (counts.states[State.QUEUED], counts.lanes[Lane.TRANSACTIONAL], counts.totals["accepted"]) == (1, 1, 1)


async def test_a_message_for_later_is_scheduled_until_its_time_comes(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock, due=clock.now() + 60 * SECOND)
    assert await state_of(queue, draft.id) is State.SCHEDULED
    done, following = await queue.tick(clock.now())
    assert following == clock.now() + 60 * SECOND
    clock.advance(60)
    woken: list[Any] = []
    queue.on_work = woken.append
    await queue.tick(done)
    assert await state_of(queue, draft.id) is State.QUEUED
    assert woken == [(Lane.TRANSACTIONAL, 1)]


async def test_a_repeat_under_the_same_idempotency_key_makes_nothing_new(queue: Queue, clock: ManualClock) -> None:
    first = drafts(queue, 2)
    key = Idempotency(b"key", b"print", b"rejected")
    await queue.submit(envelope(clock), first, key)
    with pytest.raises(Repeated) as repeated:
        await queue.submit(envelope(clock), drafts(queue, 2), key)
    assert (repeated.value.first_id, repeated.value.messages, repeated.value.rejected) == (first[0].id, 2, b"rejected")
    assert (await queue.counts()).states[State.QUEUED] == 2


async def test_another_request_under_a_used_key_is_a_conflict(queue: Queue, clock: ManualClock) -> None:
    await queue.submit(envelope(clock), drafts(queue), Idempotency(b"key", b"print"))
    with pytest.raises(Conflict) as conflict:
        await queue.submit(envelope(clock), drafts(queue), Idempotency(b"key", b"other"))
    assert conflict.value.code == "idempotency_mismatch"


async def test_two_accounts_may_use_the_same_key(queue: Queue, clock: ManualClock) -> None:
    await queue.submit(envelope(clock, account=1), drafts(queue), Idempotency(b"key", b"print"))
    await queue.submit(envelope(clock, account=2), drafts(queue), Idempotency(b"key", b"other"))
    assert (await queue.counts()).states[State.QUEUED] == 2


async def slices(rows: Sequence[Draft], then: BaseException | None = None) -> AsyncIterator[Sequence[Draft]]:
    for start in range(0, len(rows), SLICE):
        yield rows[start : start + SLICE]
    if then is not None:
        raise then


async def test_a_large_call_is_accepted_whole(queue: Queue, clock: ManualClock) -> None:
    rows = drafts(queue, 2 * SLICE + 1)
    await queue.submit(envelope(clock), slices(rows))
    assert (await queue.counts()).states[State.QUEUED] == len(rows)
    assert len(await queue.messages(Wanted(account=1), 1000)) == len(rows)


async def test_a_large_call_that_fails_half_way_leaves_nothing(queue: Queue, clock: ManualClock) -> None:
    with pytest.raises(ConnectionError):
        await queue.submit(envelope(clock), slices(drafts(queue, 2 * SLICE), ConnectionError()))
    assert await queue.messages(Wanted(account=1), 1000) == []
    assert (await queue.counts()).totals["accepted"] == 0


async def test_what_is_staged_exists_for_nobody_and_a_restart_removes_it(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    rows = drafts(queue, SLICE)
    half = asyncio.Event()

    async def never_ending() -> AsyncIterator[Sequence[Draft]]:
        yield rows
        half.set()
        await asyncio.Event().wait()

    call = asyncio.ensure_future(queue.submit(envelope(clock), never_ending()))
    await half.wait()
    assert await queue.messages(Wanted(account=1), 1000) == []
    assert await queue.message(rows[0].id) is None
    assert await claim_all(database, queue, clock) == []
    restarted = Queue(database, clock, NODE)
    await restarted.recover()
    assert (await database.read(lambda db: db.execute("SELECT count(*) FROM message").fetchone()))[0] == 0
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


# Claiming


async def claim_all(database: Database, queue: Queue, clock: ManualClock, sim: str = "sim0") -> list[int]:
    """Everything a modem with this SIM would be given, in order."""
    stocked = asyncio.Event()
    claims: Claims[bytes] = Claims(database, clock, await queue.turns(), lambda message: message.body, stocked.set)
    for key in await queue.waiting():
        claims.wake(key)
    taken: list[int] = []
    while True:
        while (claim := claims.take([sim], anything)) is not None:
            taken.append(claim.message.id)
        fetching = claims._fetch
        if fetching is None:
            return taken
        await fetching


async def test_messages_are_claimed_oldest_first_and_once(queue: Queue, clock: ManualClock, database: Database) -> None:
    rows = await submitted(queue, clock, 100)
    assert await claim_all(database, queue, clock) == [row.id for row in rows]


async def test_an_account_with_one_message_does_not_wait_for_a_campaign(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    await submitted(queue, clock, 200, account=1)
    [single] = await submitted(queue, clock, 1, account=2)
    assert single.id in (await claim_all(database, queue, clock))[:2]


async def test_lanes_go_in_order(queue: Queue, clock: ManualClock, database: Database) -> None:
    [bulk] = await submitted(queue, clock, lane=Lane.BULK)
    [usual] = await submitted(queue, clock, lane=Lane.TRANSACTIONAL)
    [password] = await submitted(queue, clock, lane=Lane.SYSTEM, account=9)
    assert await claim_all(database, queue, clock) == [password.id, usual.id, bulk.id]


async def test_work_that_arrives_while_claims_are_read_is_not_overlooked(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    stocked = asyncio.Event()
    claims: Claims[bytes] = Claims(database, clock, Turns(), lambda message: message.body, stocked.set)
    queue.on_work = claims.wake
    taken: set[int] = set()
    wanted: set[int] = set()
    for _ in range(40):
        wanted |= {row.id for row in await submitted(queue, clock)}
        while (claim := claims.take(["sim0"], anything)) is not None:
            taken.add(claim.message.id)
    while taken != wanted:
        stocked.clear()
        while (claim := claims.take(["sim0"], anything)) is not None:
            taken.add(claim.message.id)
        if taken != wanted:
            await asyncio.wait_for(stocked.wait(), 5)
    await claims.stop()


async def test_nothing_is_left_behind_while_what_is_in_hand_gets_sent(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    """Messages that have left the index but not the hand must not make the last ones look like none."""
    stocked = asyncio.Event()
    claims: Claims[bytes] = Claims(database, clock, Turns(), lambda message: message.body, stocked.set)
    claims.width = 4
    wanted = {row.id for row in await submitted(queue, clock, 60)}
    claims.wake((Lane.TRANSACTIONAL, 1))
    taken: list[int] = []
    while len(taken) < len(wanted):
        stocked.clear()
        while (claim := claims.take(["sim0"], anything)) is not None:
            taken.append(claim.message.id)
            await queue.cross([], claim.message, 1, "sim0", {})  # on the air, and for long
        if len(taken) < len(wanted):
            await asyncio.wait_for(stocked.wait(), 5)
    assert sorted(taken) == sorted(wanted)
    await claims.stop()


async def test_what_a_modem_could_not_be_handed_is_its_accounts_next_again(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    stocked = asyncio.Event()
    claims: Claims[bytes] = Claims(database, clock, Turns(), lambda message: message.body, stocked.set)
    claims.width = 4
    rows = await submitted(queue, clock, 60)
    clock.advance(1)
    claims.wake((Lane.TRANSACTIONAL, 1))
    await asyncio.wait_for(stocked.wait(), 5)
    taken = [claims.take(["sim0"], anything) for _ in range(3)]
    assert [claim.message.id for claim in taken if claim] == [row.id for row in rows[:3]]
    assert taken[1] is not None
    unsent = Outcome(Verdict.UNSENT, code="port_lost", fault=Fault.MODEM)
    await attempt(queue, taken[1].message.id, unsent)
    stocked.clear()
    claims.let_go(taken[1].message)
    claims.rejoin(taken[1].message)
    await asyncio.wait_for(stocked.wait(), 5)
    again = claims.take(["sim0"], anything)
    assert again is not None
    assert again.message.id == rows[1].id
    await claims.stop()


async def test_what_comes_back_while_claims_are_read_is_not_overlooked(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    [first] = await submitted(queue, clock)
    reading, read_on, stocked = threading.Event(), threading.Event(), asyncio.Event()
    read_on.set()

    def prepare(message: Message) -> bytes:
        reading.set()
        assert read_on.wait(5)
        return message.body

    claims: Claims[bytes] = Claims(database, clock, Turns(), prepare, stocked.set)
    claims.wake((Lane.TRANSACTIONAL, 1))
    await asyncio.wait_for(stocked.wait(), 5)
    taken = claims.take(["sim0"], anything)
    assert taken is not None
    await attempt(queue, first.id, Outcome(Verdict.UNSENT, code="port_lost", fault=Fault.MODEM))
    reading.clear()
    read_on.clear()
    [second] = await submitted(queue, clock)
    claims.wake((Lane.TRANSACTIONAL, 1))
    assert await asyncio.to_thread(reading.wait, 5)
    claims.let_go(taken.message)
    claims.rejoin(taken.message)
    read_on.set()
    assert await everything(claims, stocked, 2) == {first.id, second.id}
    await claims.stop()


async def everything(claims: Claims[bytes], stocked: asyncio.Event, count: int) -> set[int]:
    """What there is to be taken, as soon as there is so much."""
    taken: set[int] = set()
    async with asyncio.timeout(5):
        while len(taken) < count:
            stocked.clear()
            while (claim := claims.take(["sim0"], anything)) is not None:
                taken.add(claim.message.id)
            if len(taken) < count:
                await stocked.wait()
    return taken


async def test_the_rest_of_a_message_goes_only_to_the_sim_that_began_it(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    [draft] = await submitted(queue, clock, parts=2)
    message = await queue.message(draft.id)
    assert message is not None
    await queue.cross([], message, 1, "sim0", {})
    refused = Outcome(Verdict.REFUSED, code="cms-42", fault=Fault.NETWORK)
    settled = [
        Settlement(message, 1, "sim0", ACCEPTED, clock.now()),
        Settlement(message, 2, "sim0", refused, clock.now()),
    ]
    await queue.cross(settled, None, 0, "", {})
    clock.advance(3600)
    assert await claim_all(database, queue, clock, "sim1") == []
    assert await claim_all(database, queue, clock, "sim0") == [draft.id]


# The barrier


async def test_a_message_is_marked_once_however_many_try(
    queue: Queue, clock: ManualClock, database_url: str, database: Database
) -> None:
    """Several daemons may hold the same message in memory; only one gets over the barrier."""
    [draft] = await submitted(queue, clock)
    others = [connect(database_url) for _ in range(3)]
    for other in others:
        await other.open()
    queues = [queue, *(Queue(other, clock, f"node{number}") for number, other in enumerate(others))]
    message = await queue.message(draft.id)
    assert message is not None
    crossings = await asyncio.gather(*(each.cross([], message, 1, "sim", {}) for each in queues))
    assert sorted(crossing.marked for crossing in crossings) == [False, False, False, True]
    for other in others:
        await other.close()


async def test_a_cancelled_message_does_not_get_over_the_barrier(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock)
    message = await queue.message(draft.id)
    assert await queue.cancel(draft.id) is State.CANCELLED
    assert not (await queue.cross([], message, 1, "sim0", {})).marked


async def test_an_expired_message_does_not_get_over_the_barrier(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock, expires=clock.now() + 10 * SECOND)
    message = await queue.message(draft.id)
    clock.advance(10)
    assert not (await queue.cross([], message, 1, "sim0", {})).marked


async def test_one_transaction_settles_the_last_and_marks_the_next(queue: Queue, clock: ManualClock) -> None:
    first, second = await submitted(queue, clock, 2)
    messages = [await queue.message(row.id) for row in (first, second)]
    assert messages[0] is not None
    await queue.cross([], messages[0], 1, "sim0", {})
    crossing = await queue.cross(
        [Settlement(messages[0], 1, "sim0", ACCEPTED, clock.now())], messages[1], 1, "sim0", {}
    )
    assert crossing.marked
    assert [await state_of(queue, row.id) for row in (first, second)] == [State.SENT, State.SENDING]


# Outcomes


async def test_an_accepted_message_is_sent_and_leaves_the_queue(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock)
    await attempt(queue, draft.id, ACCEPTED)
    found, counts = await queue.message(draft.id), await queue.counts()
    assert found is not None
    assert (found.state, found.sent_at, found.sim) == (State.SENT, clock.now(), "sim0")
    assert counts.totals["sent"] == 1
    assert not any(counts.states.values())
    assert not any(counts.lanes.values())


async def test_a_bad_number_fails_at_once_and_says_why(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock)
    await attempt(queue, draft.id, Outcome(Verdict.REFUSED, code="cms-1", fault=Fault.MESSAGE, detail="unassigned"))
    found = await queue.message(draft.id)
    assert found is not None
    assert (found.state, found.error_code, found.error_detail) == (State.FAILED, "cms-1", "unassigned")


async def test_congestion_puts_a_message_back_for_later(queue: Queue, clock: ManualClock, database: Database) -> None:
    [draft] = await submitted(queue, clock)
    await attempt(queue, draft.id, Outcome(Verdict.REFUSED, code="cms-42", fault=Fault.NETWORK))
    found = await queue.message(draft.id)
    assert found is not None
    assert (found.state, found.refusals) == (State.QUEUED, 1)
    assert found.due > clock.now()
    assert await claim_all(database, queue, clock) == []
    clock.advance(3600)
    assert await claim_all(database, queue, clock) == [draft.id]


async def test_a_message_that_is_claimed_again_names_the_sims_that_could_not_send_it(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    [other] = await submitted(queue, clock)
    [draft] = await submitted(queue, clock)
    await attempt(queue, draft.id, Outcome(Verdict.UNSENT, code="cms-500", fault=Fault.NETWORK), sim="a")
    await attempt(queue, draft.id, Outcome(Verdict.REFUSED, code="cms-41", fault=Fault.NETWORK), sim="b")
    clock.advance(3600)
    key = (Lane.TRANSACTIONAL, 1)
    for again, expected in ((False, (other.id, frozenset())), (True, (draft.id, {"a", "b"}))):
        read = partial(lookup.claimable, lane=key[0], account=key[1], now=clock.now(), limit=10, again=again)
        [found] = await database.read(read)
        assert (found.id, found.tried) == expected


async def test_three_sims_that_refuse_alike_prove_the_message_at_fault(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock)
    refused = Outcome(Verdict.REFUSED, code="cms-8", fault=Fault.SIM)
    for sim, state in (("a", State.QUEUED), ("a", State.QUEUED), ("b", State.QUEUED), ("c", State.FAILED)):
        await attempt(queue, draft.id, refused, sim=sim)
        assert await state_of(queue, draft.id) is state


@pytest.mark.parametrize(
    ("code", "fault", "in_doubt"), [("cms-41", Fault.NETWORK, False), ("cms-331", Fault.MODEM, True)]
)
async def test_an_outage_that_every_sim_meets_fails_no_message(
    queue: Queue, clock: ManualClock, code: str, fault: Fault, *, in_doubt: bool
) -> None:
    [draft] = await submitted(queue, clock)
    outcome = Outcome(Verdict.REFUSED, code=code, fault=fault)
    for sim in "abcdef":
        message = await queue.message(draft.id)
        assert message is not None
        assert (await queue.cross([], message, 1, sim, {})).marked
        await queue.cross([Settlement(message, 1, sim, outcome, clock.now(), in_doubt)], None, 0, "", {})
        clock.advance(3600)
        assert await state_of(queue, draft.id) is State.QUEUED


async def test_an_uncertain_message_is_held_and_counted(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock)
    await attempt(queue, draft.id, Outcome(Verdict.UNCERTAIN, code="timeout"))
    clock.advance(365 * 24 * 3600)
    await queue.tick(0)
    assert await state_of(queue, draft.id) is State.UNCERTAIN
    assert (await queue.counts()).states[State.UNCERTAIN] == 1


@pytest.mark.parametrize(("policy", "state"), [(IfUncertain.RESEND, State.QUEUED), (IfUncertain.FAIL, State.FAILED)])
async def test_a_senders_wish_settles_an_uncertain_message_after_a_while(
    queue: Queue, clock: ManualClock, policy: IfUncertain, state: State
) -> None:
    [draft] = await submitted(queue, clock, if_uncertain=policy)
    await attempt(queue, draft.id, Outcome(Verdict.UNCERTAIN, code="timeout"))
    await queue.tick(0)
    assert await state_of(queue, draft.id) is State.UNCERTAIN
    clock.advance(61)
    await queue.tick(0)
    assert await state_of(queue, draft.id) is state


@pytest.mark.parametrize(("how", "state"), [("sent", State.SENT), ("resend", State.QUEUED), ("fail", State.FAILED)])
async def test_a_person_settles_an_uncertain_message(queue: Queue, clock: ManualClock, how: str, state: State) -> None:
    [draft] = await submitted(queue, clock)
    await attempt(queue, draft.id, Outcome(Verdict.UNCERTAIN, code="timeout"))
    assert await queue.resolve(draft.id, how) is state
    with pytest.raises(Conflict):
        await queue.resolve(draft.id, how)


async def test_segments_go_one_by_one_and_none_twice(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock, parts=3, report=True)
    await attempt_parts(queue, draft.id, [ACCEPTED, Outcome(Verdict.UNCERTAIN, code="timeout")])
    assert await queue.resolve(draft.id, "sent") is State.QUEUED
    found = await queue.message(draft.id)
    assert found is not None
    assert found.sent_parts == 2
    await attempt(queue, draft.id, ACCEPTED, part=3)
    story = await queue.story(draft.id)
    assert story.message.state is State.SENT
    assert [segment.number for segment in story.segments] == [1, 2, 3]


async def attempt_parts(queue: Queue, number: int, outcomes: list[Outcome]) -> None:
    message = await queue.message(number)
    assert message is not None
    settled: list[Settlement] = []
    for part, outcome in enumerate(outcomes, message.sent_parts + 1):
        assert (await queue.cross(settled, message, part, "sim0", {})).marked
        settled = [Settlement(message, part, "sim0", outcome, queue._clock.now())]
    await queue.cross(settled, None, 0, "", {})


async def test_a_message_that_cannot_be_finished_is_partial(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock, parts=2)
    await attempt_parts(queue, draft.id, [ACCEPTED, Outcome(Verdict.REFUSED, code="cms-21", fault=Fault.MESSAGE)])
    found = await queue.message(draft.id)
    assert found is not None
    assert (found.state, found.error_code) == (State.FAILED, "partial")


async def test_a_message_expires_to_the_moment(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock, expires=clock.now() + 10 * SECOND)
    _, following = await queue.tick(0)
    assert following == clock.now() + 10 * SECOND
    clock.advance(9.9)
    await queue.tick(0)
    assert await state_of(queue, draft.id) is State.QUEUED
    clock.advance(0.1)
    await queue.tick(0)
    assert await state_of(queue, draft.id) is State.EXPIRED


async def test_a_failed_message_can_be_tried_again(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock)
    await attempt(queue, draft.id, Outcome(Verdict.REFUSED, code="cms-1", fault=Fault.MESSAGE))
    assert await queue.retry(draft.id) is State.QUEUED
    await attempt(queue, draft.id, ACCEPTED)
    assert await state_of(queue, draft.id) is State.SENT


# Recovery


async def test_what_was_being_sent_at_a_crash_is_uncertain(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    on_air, waiting = await submitted(queue, clock, 2)
    await queue.cross([], await queue.message(on_air.id), 1, "sim0", {})
    restarted = Queue(database, clock, NODE)
    assert await restarted.recover() == 1
    assert [await state_of(restarted, row.id) for row in (on_air, waiting)] == [State.UNCERTAIN, State.QUEUED]
    assert (await restarted.counts()).states[State.SENDING] == 0


async def test_another_nodes_messages_are_not_recovered_here(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    [draft] = await submitted(queue, clock)
    await queue.cross([], await queue.message(draft.id), 1, "sim0", {})
    assert await Queue(database, clock, "elsewhere").recover() == 0
    assert await state_of(queue, draft.id) is State.SENDING


async def test_what_was_marked_and_never_handed_over_is_queued_again(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    on_air, marked = await submitted(queue, clock, 2)
    await queue.cross([], await queue.message(on_air.id), 1, "sim0", {})
    await queue.cross([], await queue.message(marked.id), 1, "sim1", {})
    restarted = Queue(database, clock, NODE)
    assert await restarted.recover({(on_air.id, 1)}) == 1
    assert [await state_of(restarted, row.id) for row in (on_air, marked)] == [State.UNCERTAIN, State.QUEUED]
    counts = await restarted.counts()
    assert [counts.states[state] for state in (State.SENDING, State.UNCERTAIN, State.QUEUED)] == [0, 1, 1]
    assert (await restarted.cross([], await restarted.message(marked.id), 1, "sim0", {})).marked


async def test_a_later_segment_that_was_never_handed_over_leaves_the_earlier_ones_sent(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    [draft] = await submitted(queue, clock, parts=2)
    message = await queue.message(draft.id)
    assert message is not None
    await queue.cross([], message, 1, "sim0", {})
    await queue.cross([Settlement(message, 1, "sim0", ACCEPTED, clock.now())], message, 2, "sim0", {})
    restarted = Queue(database, clock, NODE)
    assert await restarted.recover({(draft.id, 1)}) == 0
    found = await restarted.message(draft.id)
    assert found is not None
    assert (found.state, found.sent_parts, found.sim) == (State.QUEUED, 1, "sim0")


async def test_a_late_answer_settles_the_message_that_was_on_the_air(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    [draft] = await submitted(queue, clock)
    await queue.cross([], await queue.message(draft.id), 1, "sim0", {})
    clock.advance(1)
    restarted = Queue(database, clock, NODE)
    await restarted.recover()
    assert await restarted.late_answer("another", clock.now()) is None
    assert await restarted.late_answer("sim0", clock.now()) is not None
    assert await state_of(restarted, draft.id) is State.SENT


async def test_a_late_answer_belongs_to_what_the_sim_was_handed_last_before_it(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    first, second = await submitted(queue, clock, 2)
    await queue.cross([], await queue.message(first.id), 1, "sim0", {})
    restarted = Queue(database, clock, NODE)
    await restarted.recover()
    heard = clock.now()
    clock.advance(1)
    await restarted.cross([], await restarted.message(second.id), 1, "sim0", {})
    assert await restarted.late_answer("sim0", heard) is not None
    assert [await state_of(queue, row.id) for row in (first, second)] == [State.SENT, State.SENDING]


async def test_an_answer_to_a_later_message_does_not_settle_an_earlier_one(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    old, new = await submitted(queue, clock, 2)
    await queue.cross([], await queue.message(old.id), 1, "sim0", {})
    restarted = Queue(database, clock, NODE)
    await restarted.recover()
    clock.advance(1)
    await attempt(restarted, new.id, Outcome(Verdict.UNCERTAIN, code="timeout"))
    clock.advance(1)
    assert await restarted.late_answer("sim0", clock.now()) is not None
    assert [await state_of(queue, row.id) for row in (old, new)] == [State.UNCERTAIN, State.SENT]
    assert await restarted.late_answer("sim0", clock.now()) is None


async def test_what_a_clean_stop_left_uncertain_is_settled_by_its_late_answer(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    stopped, older = await submitted(queue, clock, 2)
    await attempt(queue, older.id, Outcome(Verdict.UNCERTAIN, code="timeout"))
    await attempt(queue, stopped.id, Outcome(Verdict.UNCERTAIN, code="stopped"))
    restarted = Queue(database, clock, NODE)
    assert await restarted.recover({(stopped.id, 1)}) == 0
    assert [(handed.message, handed.sim) for handed in restarted.handed] == [(stopped.id, "sim0")]
    assert await restarted.late_answer("sim0", clock.now()) is not None
    assert [await state_of(queue, row.id) for row in (stopped, older)] == [State.SENT, State.UNCERTAIN]


async def test_what_an_earlier_run_left_uncertain_has_no_late_answer(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    [draft] = await submitted(queue, clock)
    await queue.cross([], await queue.message(draft.id), 1, "sim0", {})
    await Queue(database, clock, NODE).recover()
    third = Queue(database, clock, NODE)
    assert await third.recover() == 0
    assert await third.late_answer("sim0", clock.now()) is None


async def test_what_the_modem_had_accepted_when_the_daemon_was_killed_is_sent(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    [short] = await submitted(queue, clock, report=True)
    [long] = await submitted(queue, clock, parts=2)
    await queue.cross([], await queue.message(short.id), 1, "sim0", {})
    await queue.cross([], await queue.message(long.id), 1, "sim1", {})
    restarted = Queue(database, clock, NODE)
    went_out = {(short.id, 1), (long.id, 1)}
    assert await restarted.recover(went_out, {(short.id, 1): 17, (long.id, 1): -1}) == 0
    assert [await state_of(restarted, row.id) for row in (short, long)] == [State.SENT, State.QUEUED]
    assert [segment.reference for segment in (await restarted.story(short.id)).segments] == [17]
    found = await restarted.message(long.id)
    assert found is not None
    assert (found.sent_parts, found.sim) == (1, "sim1"), "its second segment goes on where it began"
    assert restarted.handed == []


LATE_REFUSALS = [
    (Outcome(Verdict.REFUSED, code="cms-38", fault=Fault.NETWORK), True, State.QUEUED),
    (Outcome(Verdict.REFUSED, code="cms-21", fault=Fault.MESSAGE), True, State.FAILED),
    (Outcome(Verdict.REFUSED, code="cms-38", fault=Fault.NETWORK), False, State.UNCERTAIN),
    (Outcome(Verdict.UNCERTAIN, code="cms-500", fault=Fault.NETWORK), True, State.UNCERTAIN),
    (Outcome(Verdict.ACCEPTED, code="cms-197"), True, State.SENT),
]


@pytest.mark.parametrize(("outcome", "owed", "state"), LATE_REFUSALS)
async def test_a_late_error_settles_only_what_is_owed_and_only_if_it_is_a_proof(
    queue: Queue, clock: ManualClock, database: Database, outcome: Outcome, *, owed: bool, state: State
) -> None:
    [draft] = await submitted(queue, clock)
    await queue.cross([], await queue.message(draft.id), 1, "sim0", {})
    segment = {(draft.id, 1)}
    restarted = Queue(database, clock, NODE)
    await restarted.recover(segment, {}, segment if owed else ())
    await restarted.late_answer("sim0", clock.now(), outcome)
    assert await state_of(restarted, draft.id) is state
    if state is State.QUEUED:
        assert (await restarted.cross([], await restarted.message(draft.id), 1, "sim1", {})).marked
        assert await restarted.late_answer("sim0", clock.now(), outcome) is None, "once"


async def test_turns_survive_a_restart(queue: Queue, database: Database, clock: ManualClock) -> None:
    await queue.cross([], None, 0, "", {(Lane.TRANSACTIONAL, 1): 5000})
    turns = await Queue(database, clock, NODE).turns()
    turns.wake(Lane.TRANSACTIONAL, 1)
    assert turns.take_changes() == {(Lane.TRANSACTIONAL, 1): 5000}


# Looking


async def test_one_account_does_not_see_anothers_messages(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock, account=1)
    assert await queue.message(draft.id, account=2) is None
    assert await queue.messages(Wanted(account=2)) == []
    with pytest.raises(NotFound):
        await queue.cancel(draft.id, account=2)


async def test_a_listing_goes_back_page_by_page_without_gaps(queue: Queue, clock: ManualClock) -> None:
    rows = await submitted(queue, clock, 25)
    seen: list[Message] = []
    while page := await queue.messages(Wanted(account=1, before=seen[-1].id if seen else None), 10):
        seen += page
    assert [message.id for message in seen] == [row.id for row in reversed(rows)]


async def test_a_whole_call_is_taken_back_but_for_what_is_being_sent_and_other_calls_stay(
    queue: Queue, clock: ManualClock
) -> None:
    async def staged(rows: Sequence[Draft]) -> AsyncIterator[Sequence[Draft]]:
        for start in range(0, len(rows), 100):
            yield rows[start : start + 100]

    before = await submitted(queue, clock, 3)
    call = drafts(queue, 230)
    await queue.submit(envelope(clock), staged(call))
    after = await submitted(queue, clock, 3)
    sending = await queue.message(call[120].id)
    assert sending is not None
    await queue.cross([], sending, 1, "sim0", {})
    gone: list[int] = []
    queue.on_gone = lambda message: gone.append(message.id)
    with pytest.raises(NotFound):
        await queue.cancel_call(call[0].id, account=2)
    with pytest.raises(NotFound):
        await queue.cancel_call(call[1].id)
    assert await queue.cancel_call(call[0].id, account=1) == 229
    assert gone == [draft.id for draft in call if draft.id != call[120].id]
    assert await queue.cancel_call(call[0].id) == 0
    counts = await queue.counts()
    assert (counts.states[State.QUEUED], counts.states[State.SENDING], counts.totals["cancelled"]) == (6, 1, 229)
    assert {await state_of(queue, draft.id) for draft in [*before, *after]} == {State.QUEUED}


async def test_a_message_that_is_being_sent_cannot_be_cancelled(queue: Queue, clock: ManualClock) -> None:
    [draft] = await submitted(queue, clock)
    await queue.cross([], await queue.message(draft.id), 1, "sim0", {})
    with pytest.raises(Conflict) as conflict:
        await queue.cancel(draft.id)
    assert conflict.value.code == "not_cancellable"


async def test_the_counts_are_what_a_count_of_the_rows_says(
    queue: Queue, clock: ManualClock, database: Database
) -> None:
    """After a long mixed history the running counters and the rows agree."""
    rows = await submitted(queue, clock, 30)
    outcomes = [
        ACCEPTED,
        Outcome(Verdict.REFUSED, code="cms-1", fault=Fault.MESSAGE),
        Outcome(Verdict.REFUSED, code="cms-42", fault=Fault.NETWORK),
        Outcome(Verdict.UNCERTAIN, code="timeout"),
        Outcome(Verdict.UNSENT, code="port_lost"),
    ]
    for number, row in enumerate(rows[:20]):
        await attempt(queue, row.id, outcomes[number % len(outcomes)])
    await queue.cancel(rows[25].id)
    await submitted(queue, clock, 3, due=clock.now() + SECOND, lane=Lane.BULK)
    counted = await queue.counts()
    found = dict(
        await database.read(lambda db: db.execute("SELECT state, count(*) FROM message GROUP BY state").fetchall())
    )
    assert {state: count for state, count in counted.states.items() if count} == {
        State(state): count for state, count in found.items() if State(state) in counted.states
    }
    assert counted.totals["sent"] == found[State.SENT]
    assert counted.totals["failed"] == found[State.FAILED]
    assert counted.lanes[Lane.TRANSACTIONAL] == found[State.QUEUED]


def explained(where: str) -> Callable[[Reader], str]:
    """How SQLite would find the messages of a condition."""
    return lambda db: str(db.execute(f"EXPLAIN QUERY PLAN SELECT id FROM message WHERE {where}").fetchall())


async def test_claiming_uses_the_index_that_holds_only_what_is_queued(database: Database) -> None:
    if database.engine != "sqlite":
        pytest.skip("PostgreSQL plans by statistics; the index is the same")
    for where, index in (
        (f"{lookup.FRESH} AND lane = 1 AND account = 1 AND due <= 5 ORDER BY due, id", "message_claim"),
        (f"{lookup.AGAIN} AND lane = 1 AND account = 1 AND due <= 5 ORDER BY due, id", "message_retry"),
        ("state IN (0, 1) AND due > 5 ORDER BY due", "message_waiting"),
        ("state IN (2, 3) AND state = 3 AND due <= 5", "message_open"),
        ("state IN (0, 1) AND expires IS NOT NULL AND expires <= 5", "message_expiry"),
        ("account = 1 AND id < 5 ORDER BY id DESC", "message_account"),
    ):
        plan = await database.read(explained(where))
        assert index in plan
        assert "TEMP B-TREE" not in plan


async def test_how_long_each_lane_has_waited_is_known_by_its_oldest_message(queue: Queue, clock: ManualClock) -> None:
    assert await queue.oldest() == {}
    first = clock.now()
    await submitted(queue, clock, 2, account=2)
    clock.advance(10)
    await submitted(queue, clock, 2, account=1)
    bulk = clock.now()
    await submitted(queue, clock, 1, account=3, lane=Lane.BULK)
    await submitted(queue, clock, 1, account=3, due=clock.now() + 60 * SECOND)
    assert await queue.oldest() == {Lane.TRANSACTIONAL: first, Lane.BULK: bulk}
