"""Listings of messages on SQLite and PostgreSQL: right whatever is asked, and never a long read."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import pytest

from modemd.clock import ManualClock
from modemd.db import Database
from modemd.queue import Draft, Envelope, Message, Queue, State, listing
from modemd.queue.listing import Page, Wanted, page
from modemd.values import Lane

MESSAGES = 90
ASKED: list[dict[str, Any]] = [
    {"account": account, "states": states, **keys}
    for account, states, keys in product(
        (None, 1, 2),
        (
            None,
            frozenset(),
            frozenset({State.SENT}),
            frozenset({State.FAILED}),
            frozenset({State.UNCERTAIN, State.CANCELLED, State.EXPIRED}),
            frozenset({State.QUEUED, State.UNDELIVERED, State.SENDING}),
        ),
        ({}, {"tag_key": b"t1"}, {"to_key": b"n3"}, {"tag_key": b"t0", "to_key": b"n1"}),
    )
]


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database, ManualClock(), "here")


async def filled(queue: Queue, database: Database) -> list[tuple[Message, bytes, bytes]]:
    """Messages of three accounts in every state, newest first, each with its keys of tag and recipient."""
    chance = random.Random(5)
    keys: dict[int, tuple[bytes, bytes]] = {}
    for place in range(MESSAGES):
        tag, to = f"t{place % 2}".encode(), f"n{place % 5}".encode()
        [number] = queue.ids.many(1)
        keys[number] = tag, to
        envelope = Envelope(1 + place % 3, Lane.BULK, 0, None, tag_key=tag)
        await queue.submit(envelope, [Draft(number, b"sealed", 1, to)])
        state = int(chance.choice(list(State)))

        def move(tx: Any, number: int = number, state: int = state) -> None:
            tx.execute("UPDATE message SET state = ?, sent_at = 1 WHERE id = ?", (state, number))

        await database.write(move)
    found = [await queue.message(number) for number in sorted(keys, reverse=True)]
    return [(message, *keys[message.id]) for message in found if message is not None]


def fits(message: Message, tag: bytes, to: bytes, wanted: Wanted) -> bool:
    """What is wanted, as plainly as can be."""
    return (
        wanted.account in (None, message.account)
        and (wanted.states is None or message.state in wanted.states)
        and wanted.tag_key in (None, tag)
        and wanted.to_key in (None, to)
        and (wanted.before is None or message.id < wanted.before)
    )


async def test_a_listing_is_what_a_plain_filter_gives_page_after_page(
    queue: Queue, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 7)
    everything = await filled(queue, database)
    for asked in ASKED:
        expected = [message.id for message, tag, to in everything if fits(message, tag, to, Wanted(**asked))]
        listed: list[int] = []
        while found := await queue.messages(Wanted(**asked, before=listed[-1] if listed else None), 4):
            listed += [message.id for message in found]
        assert listed == expected, asked


async def test_no_read_looks_through_more_than_a_window(
    queue: Queue, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 10)
    await filled(queue, database)
    first: Page = await database.read(lambda db: page(db, Wanted(to_key=b"nobody"), 4))
    assert first.messages == []
    assert first.before is not None, "the rest is left to further reads"


async def test_what_went_wrong_and_who_writes_back_are_found_by_their_index(database: Database) -> None:
    if database.engine != "sqlite":
        pytest.skip("SQLite alone says its plan in one line")
    asked: dict[str, Any] = {"account": 1, "states": frozenset({State.FAILED}), "before": 9}
    where, params = listing._conditions(Wanted(**asked), [listing._INDEXED[State.FAILED]])
    plans = {
        f"SELECT id FROM message WHERE {where} ORDER BY id DESC LIMIT 5": ("message_rest", params),
        "SELECT account FROM message WHERE to_key IN (?, ?) AND sent_at IS NOT NULL AND sim = ? "
        "ORDER BY sent_at DESC LIMIT 1": ("message_sent_to", [b"a", b"b", "sim"]),
    }
    for sql, (index, values) in plans.items():

        def plan(db: Any, sql: str = sql, values: list[Any] = values) -> str:
            return str(db.execute("EXPLAIN QUERY PLAN " + sql, values).fetchall())

        assert f"USING INDEX {index}" in await database.read(plan)
