"""Reading the queue: one message, many, its story, the counts, and the next moment at which something is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from modemd.db import Reader
from modemd.queue.retry import LONGEST_WAIT
from modemd.queue.rows import COLUMNS, Counts, Handed, Happening, Message, SentSegment, Story, message
from modemd.queue.states import ENDED, State
from modemd.values import Lane

NOT_STAGED = "batch NOT IN (SELECT batch FROM staging)"
"""A call that is still being staged does not exist for anybody."""

FRESH = "state = 1 AND attempts = 0"
"""Queued messages that no modem was handed yet; they are announced when they are queued."""

AGAIN = "state = 1 AND attempts > 0"
"""Queued messages that a modem was handed before; they come due by the clock alone."""


def select(db: Reader, where: str, params: Sequence[Any], tail: str = "") -> list[Message]:
    """Messages by a condition on their columns."""
    return [message(row) for row in db.execute(f"SELECT {COLUMNS} FROM message WHERE {where} {tail}", params)]


def one(db: Reader, number: int, account: int | None = None) -> Message | None:
    """One message, of this account if one is given."""
    where, params = f"id = ? AND {NOT_STAGED}", [number]
    if account is not None:
        where, params = where + " AND account = ?", [*params, account]
    found = select(db, where, params)
    return found[0] if found else None


def waiting_for(db: Reader, account: int, to_key: bytes) -> list[int]:
    """What waits to go from an account to one recipient, the service's own messages excepted."""
    rows = db.execute(
        f"SELECT id FROM message WHERE account = ? AND to_key = ? AND state IN (0, 1) AND lane <> ? AND {NOT_STAGED}",
        (account, to_key, int(Lane.SYSTEM)),
    ).fetchall()
    return [row[0] for row in rows]


def unanswered(db: Reader, segments: Iterable[tuple[int, int]]) -> list[Handed]:
    """Of these segments, as (message, number), those of which nobody knows what became of them."""
    found = [(one(db, number), part) for number, part in segments]
    return [
        Handed(message.id, part, message.sim, message.handed_at)
        for message, part in found
        if message is not None
        and message.state is State.UNCERTAIN
        and message.sent_parts + 1 == part
        and message.sim is not None
        and message.handed_at is not None
    ]


def story(db: Reader, number: int) -> Story | None:
    """Everything the queue knows of one message."""
    found = one(db, number)
    if found is None:
        return None
    events = db.execute(
        "SELECT at, part, what, sim, code, detail FROM event WHERE message = ? ORDER BY at", (number,)
    ).fetchall()
    segments = db.execute(
        "SELECT number, sim, reference, sent_at, status, final_at FROM segment WHERE message = ? ORDER BY number",
        (number,),
    ).fetchall()
    found = replace(found, tried=_tried(db, number))
    return Story(found, [Happening(*row) for row in events], [SentSegment(*row) for row in segments])


def counts(db: Reader, now: int) -> Counts:
    """How much lies where; costs the same at any length of the queue."""
    tallies: dict[str, int] = dict(db.execute("SELECT name, value FROM tally").fetchall())
    oldest = db.execute(
        "SELECT due FROM message WHERE state IN (0, 1) AND due <= ? ORDER BY due LIMIT 1", (now,)
    ).fetchone()
    return Counts(
        states={state: tallies.get(f"state.{state.label}", 0) for state in State if state not in ENDED},
        lanes={lane: tallies.get(f"lane.{int(lane)}", 0) for lane in Lane},
        totals={
            "accepted": tallies.get("total.accepted", 0),
            **{state.label: tallies.get(f"total.{state.label}", 0) for state in State if state in ENDED},
        },
        oldest_due=oldest[0] if oldest else None,
    )


def oldest_by_lane(db: Reader) -> dict[Lane, int]:
    """Since when the longest-waiting queued message of each lane could have been sent; lanes without one are left out.

    One look into the index for each account with work, so it costs the same at any length of the queue.
    """
    firsts = [
        f"SELECT due FROM message WHERE {which} AND lane = ? AND account = ? ORDER BY due LIMIT 1"
        for which in (FRESH, AGAIN)
    ]
    found = {}
    for lane in Lane:
        accounts = accounts_waiting(db, lane)
        rows = [db.execute(first, (int(lane), account)).fetchone() for account in accounts for first in firsts]
        if any(rows):
            found[lane] = min(row[0] for row in rows if row)
    return found


def next_moment(db: Reader, now: int) -> int | None:
    """When the next thing is due by the clock: a message's time, its retry, its expiry, an uncertain one's policy."""
    moments = [
        db.execute(f"SELECT min({column}) FROM message WHERE {where}", params).fetchone()[0]
        for column, where, params in (
            ("due", "state = 0 AND due > ?", (now,)),
            ("due", f"{AGAIN} AND due > ?", (now,)),
            ("expires", "state IN (0, 1) AND expires IS NOT NULL", ()),
            ("due", "state IN (2, 3) AND state = 3 AND if_uncertain > 0", ()),
        )
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def ahead(db: Reader, now: int) -> int:
    """How far the clock that queued messages was ahead of this moment, as far as they show it; 0 if it was not.

    What no modem was handed yet was due when it was queued, what was waits no longer than the longest delay.
    """
    sql = "SELECT max(due) FROM message WHERE state IN (0, 1) AND due > ? AND "
    found = [
        (db.execute(sql + which, (to,)).fetchone()[0], to) for which, to in ((FRESH, now), (AGAIN, now + LONGEST_WAIT))
    ]
    return max((due - to for due, to in found if due is not None), default=0)


def tally(db: Reader, numbers: Sequence[int]) -> dict[tuple[State, bool], int]:
    """How many of these messages (ascending ids) are in which state, by whether they want a report."""
    found: dict[tuple[State, bool], int] = {}
    for first, last in _runs(numbers):
        rows = db.execute(
            f"SELECT state, report, count(*) FROM message WHERE id BETWEEN ? AND ? AND {NOT_STAGED} "
            "GROUP BY state, report",
            (first, last),
        )
        for state, report, count in rows:
            key = State(state), bool(report)
            found[key] = found.get(key, 0) + count
    return found


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and last of each run of consecutive numbers: one call's messages are one run."""
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        values = [number for _, number in run]
        yield values[0], values[-1]


def accounts_due(db: Reader, after: int, until: int) -> list[tuple[int, int]]:
    """The (lane, account) pairs with messages to be tried again that became due in that stretch of time."""
    rows = db.execute(
        f"SELECT DISTINCT lane, account FROM message WHERE {AGAIN} AND due > ? AND due <= ?", (after, until)
    ).fetchall()
    return [(row[0], row[1]) for row in rows]


def accounts_waiting(db: Reader, lane: Lane) -> list[int]:
    """The accounts with queued messages in a lane, by skipping from one to the next in the claim indexes."""
    return sorted({account for which in (FRESH, AGAIN) for account in _accounts(db, lane, which)})


def _accounts(db: Reader, lane: Lane, which: str) -> list[int]:
    rows = db.execute(
        "WITH RECURSIVE hop(account) AS ("
        f" SELECT (SELECT min(account) FROM message WHERE {which} AND lane = ?)"
        " UNION ALL"
        f" SELECT (SELECT min(account) FROM message WHERE {which} AND lane = ? AND account > hop.account)"
        " FROM hop WHERE hop.account IS NOT NULL)"
        " SELECT account FROM hop WHERE account IS NOT NULL",
        (int(lane), int(lane)),
    ).fetchall()
    return [row[0] for row in rows]


def claimable(db: Reader, lane: Lane, account: int, now: int, limit: int, *, again: bool) -> list[Message]:
    """An account's oldest due messages in a lane, of those that a modem was handed before or of the others."""
    found = select(
        db,
        f"{AGAIN if again else FRESH} AND lane = ? AND account = ? AND due <= ? AND {NOT_STAGED}",
        (int(lane), account, now, limit),
        "ORDER BY due, id LIMIT ?",
    )
    return [replace(message, tried=_tried(db, message.id)) for message in found] if again else found


def _tried(db: Reader, number: int) -> frozenset[str]:
    rows = db.execute(
        "SELECT DISTINCT sim FROM event WHERE message = ? AND what IN ('refused', 'unsent', 'uncertain')", (number,)
    ).fetchall()
    return frozenset(sim for (sim,) in rows if sim is not None)
