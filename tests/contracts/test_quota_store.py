"""What SIMs and accounts have used of their limits, on SQLite and PostgreSQL: written with the mark, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from modemd.clock import SECOND, ManualClock, rfc3339
from modemd.db import Database
from modemd.errors import InvalidField, TooMany
from modemd.queue import Draft, Envelope, Idempotency, Queue, Repeated, State
from modemd.queue.usage import SimUsage, Spending, Usages
from modemd.values import Lane

DAY = 86_400 * SECOND
SIM = "8948031234567890123"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queue(database: Database, clock: ManualClock) -> Queue:
    return Queue(database, clock, "here")


@pytest.fixture
def usages(database: Database, clock: ManualClock) -> Usages:
    return Usages(database, clock)


def drafts(queue: Queue, count: int = 1, parts: int = 1) -> list[Draft]:
    return [Draft(number, b"sealed", parts, b"key") for number in queue.ids.many(count)]


def envelope(clock: ManualClock, spending: Spending | None = None, account: int = 1) -> Envelope:
    return Envelope(account, Lane.BULK, clock.now(), None, spending=spending)


def spending(clock: ManualClock, segments: int, per_day: int = 0, per_month: int = 0) -> Spending:
    """In a calendar of days, and of months of thirty of them."""
    day, month = clock.now() // DAY * DAY, clock.now() // (30 * DAY) * 30 * DAY
    return Spending(segments, (day, day + DAY), (month, month + 30 * DAY), per_day, per_month)


async def submit(queue: Queue, clock: ManualClock, segments: int, **limits: Any) -> list[Draft]:
    rows = drafts(queue, segments)
    await queue.submit(envelope(clock, spending(clock, segments, **limits)), rows)
    return rows


# SIMs


async def test_a_new_sim_has_used_nothing_and_is_known_from_then_on(usages: Usages, clock: ManualClock) -> None:
    assert await usages.known() == []
    assert await usages.admit(SIM) == (0, 0, 0, 0, 0)
    assert await usages.known() == [SIM]
    clock.advance(31 * 86_400)
    assert await usages.known() == []


async def test_what_a_sim_has_used_is_written_with_the_mark_and_survives(
    queue: Queue, usages: Usages, clock: ManualClock
) -> None:
    await usages.admit(SIM)
    [draft] = await submit(queue, clock, 1)
    message = await queue.message(draft.id)
    used = SimUsage(SIM, (clock.now(), 1, 2, 3, 4), 7, b"tag")
    assert (await queue.cross([], message, 1, SIM, {}, used)).marked
    assert await usages.admit(SIM) == (clock.now(), 1, 2, 3, 4)
    assert await usages.recipients(SIM, 7) == [b"tag"]


async def test_recipients_are_counted_once_and_only_in_their_month(queue: Queue, usages: Usages) -> None:
    await usages.admit(SIM)
    for tag in (b"one", b"two", b"one"):
        await queue.cross([], None, 0, "", {}, SimUsage(SIM, (0, 0, 0, 0, 0), 7, tag))
    assert sorted(await usages.recipients(SIM, 7)) == [b"one", b"two"]
    assert await usages.recipients("another", 7) == []
    assert await usages.recipients(SIM, 8) == []
    assert await usages.recipients(SIM, 7) == [], "the tags of a month that is over are gone"


# Accounts


async def test_an_account_may_submit_up_to_its_limit_and_is_told_what_is_left(queue: Queue, clock: ManualClock) -> None:
    await submit(queue, clock, 6, per_day=10)
    with pytest.raises(TooMany) as refused:
        await submit(queue, clock, 5, per_day=10)
    assert refused.value.code == "limit_per_day"
    assert refused.value.detail == "the call takes 5 segments; of the account's 10 a day, 4 are left"
    assert 0 < refused.value.retry_after <= 86_400
    assert refused.value.cure == f"send less, or wait until {rfc3339((clock.now() // DAY + 1) * DAY)}"
    assert (await queue.counts()).totals["accepted"] == 6
    await submit(queue, clock, 4, per_day=10)


async def test_a_call_that_passes_the_limit_on_its_own_is_not_told_to_wait(queue: Queue, clock: ManualClock) -> None:
    with pytest.raises(InvalidField) as refused:
        await submit(queue, clock, 11, per_day=10)
    assert (refused.value.code, refused.value.field) == ("limit_per_day", "to")
    await submit(queue, clock, 10, per_day=10)


async def test_a_new_day_has_its_own_allowance_within_that_of_the_month(queue: Queue, clock: ManualClock) -> None:
    clock.moment = 30 * DAY * 700
    for _ in range(2):
        await submit(queue, clock, 10, per_day=10, per_month=25)
        clock.advance(86_400)
    with pytest.raises(TooMany) as refused:
        await submit(queue, clock, 6, per_day=10, per_month=25)
    assert refused.value.code == "limit_per_month"
    await submit(queue, clock, 5, per_day=10, per_month=25)
    clock.advance(29 * 86_400)
    await submit(queue, clock, 10, per_day=10, per_month=25)


async def test_accounts_do_not_use_each_others_allowance(queue: Queue, clock: ManualClock) -> None:
    for account in (1, 2):
        await queue.submit(envelope(clock, spending(clock, 10, per_day=10), account), drafts(queue, 10))
    assert (await queue.counts()).states[State.QUEUED] == 20


async def test_calls_at_the_same_time_do_not_pass_the_limit_together(queue: Queue, clock: ManualClock) -> None:
    done = await asyncio.gather(*(submit(queue, clock, 3, per_day=10) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(one, TooMany) for one in done) == 17
    assert (await queue.counts()).states[State.QUEUED] == 9


async def test_a_cancelled_message_gives_back_what_it_took(queue: Queue, clock: ManualClock) -> None:
    rows = await submit(queue, clock, 10, per_day=10)
    for row in rows[:4]:
        await queue.cancel(row.id)
    await submit(queue, clock, 4, per_day=10)
    clock.advance(86_400)
    await submit(queue, clock, 10, per_day=10)
    await queue.cancel(rows[5].id)  # submitted yesterday: it gives nothing to today
    with pytest.raises(TooMany):
        await submit(queue, clock, 1, per_day=10)


async def test_a_repeat_of_an_accepted_call_costs_nothing_and_is_no_excess(queue: Queue, clock: ManualClock) -> None:
    key = Idempotency(b"key", b"print")
    of = envelope(clock, spending(clock, 10, per_day=10))
    await queue.submit(of, drafts(queue, 10), key)
    with pytest.raises(Repeated):
        await queue.submit(of, drafts(queue, 10), key)
    with pytest.raises(Repeated):
        await queue.submit(of, slices(drafts(queue, 10)), key)


async def slices(rows: Sequence[Draft]) -> AsyncIterator[Sequence[Draft]]:
    for place in range(0, len(rows), 2):
        yield rows[place : place + 2]


async def test_a_large_call_is_refused_before_it_is_staged_and_counted_when_it_is_accepted(
    queue: Queue, clock: ManualClock
) -> None:
    asked: list[int] = []

    async def watched(rows: Sequence[Draft]) -> AsyncIterator[Sequence[Draft]]:
        async for part in slices(rows):
            asked.append(len(part))
            yield part

    await queue.submit(envelope(clock, spending(clock, 8, per_day=10)), watched(drafts(queue, 8)))
    assert sum(asked) == 8
    with pytest.raises(TooMany):
        await queue.submit(envelope(clock, spending(clock, 8, per_day=10)), watched(drafts(queue, 8)))
    assert sum(asked) == 8


async def test_a_large_call_that_breaks_off_costs_nothing(queue: Queue, clock: ManualClock) -> None:
    async def broken() -> AsyncIterator[Sequence[Draft]]:
        yield drafts(queue, 2)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await queue.submit(envelope(clock, spending(clock, 8, per_day=10)), broken())
    await submit(queue, clock, 10, per_day=10)
