"""Listings of messages, newest first: no read of them is longer than a few milliseconds, however long the queue.

What went wrong has an index of its own, so a page of it costs a page. Where there is none, for a state that most
messages are in or for a recipient, a page is looked for window by window, each in a read of its own: two threads read
for everybody, and the modems' next messages must not wait behind a listing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from typing import Any

from modemd.db import Reader
from modemd.queue.lookup import NOT_STAGED, select
from modemd.queue.rows import Message
from modemd.queue.states import State

WINDOW = 10_000
"""Messages looked through in one read: 5 to 10 ms."""

_INDEXED = {
    **dict.fromkeys((State.SENDING, State.UNCERTAIN), "state IN (2, 3)"),
    **dict.fromkeys((State.UNDELIVERED, State.FAILED, State.EXPIRED, State.CANCELLED), "state IN (6, 7, 8, 9)"),
}
"""The states that a partial index holds, with its condition: the planner wants it word for word."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages are wanted; None means any."""

    account: int | None = None
    states: frozenset[State] | None = None
    tag_key: bytes | None = None
    to_key: bytes | None = None
    before: int | None = None
    """Ids smaller than this: the cursor of a listing, newest first."""
    first_id: int | None = None
    last_id: int | None = None

    @property
    def indexed(self) -> bool:
        """Whether only states are wanted that an index holds."""
        return self.states is not None and self.states <= _INDEXED.keys()

    @property
    def scans(self) -> bool:
        """Whether messages must be looked at that are not wanted."""
        return not self.indexed and (self.states is not None or self.to_key is not None)


@dataclass(frozen=True, slots=True)
class Page:
    """What one read has found."""

    messages: list[Message]
    before: int | None = None
    """Look on below this id; None if there is no more."""


def page(db: Reader, wanted: Wanted, limit: int) -> Page:
    """The newest of what is wanted, at most so many, as far as one read goes."""
    if wanted.indexed:
        return Page(_of_states(db, wanted, limit))
    if not wanted.scans:
        return Page(_select(db, wanted, limit))
    floor = _floor(db, wanted)
    window = wanted if floor is None else replace(wanted, first_id=floor)
    return Page(_select(db, window, limit), floor)


def _of_states(db: Reader, wanted: Wanted, limit: int) -> list[Message]:
    """State by state, and where any account is meant account by account, as the index has them."""
    found: list[Message] = []
    for state in sorted(wanted.states or ()):
        for account in _accounts(db, state) if wanted.account is None else (wanted.account,):
            newer = found[-1].id + 1 if len(found) == limit else wanted.first_id
            one = replace(wanted, account=account, states=frozenset({state}), first_id=newer)
            more = _select(db, one, limit, _INDEXED[state])
            found = list(islice(merge(found, more, key=lambda message: -message.id), limit))
    return found


def _accounts(db: Reader, state: State) -> Iterator[int | None]:
    """The accounts with messages in a state, hopping from one to the next in the index; None for all together."""
    if state in (State.SENDING, State.UNCERTAIN):  # few, and not ordered by account
        yield None
        return
    account = -1
    while True:
        sql = f"SELECT min(account) FROM message WHERE {_INDEXED[state]} AND account > ?"
        account = db.execute(sql, (account,)).fetchone()[0]
        if account is None:
            return
        yield account


def _floor(db: Reader, wanted: Wanted) -> int | None:
    """The oldest id of a window of messages; None if they are fewer."""
    where, params = _conditions(replace(wanted, states=None, to_key=None))
    sql = f"SELECT id FROM message WHERE {where} ORDER BY id DESC LIMIT 1 OFFSET ?"
    row = db.execute(sql, (*params, WINDOW - 1)).fetchone()
    return None if row is None else int(row[0])


def _select(db: Reader, wanted: Wanted, limit: int, *more: str) -> list[Message]:
    where, params = _conditions(wanted, more)
    return select(db, where, [*params, limit], "ORDER BY id DESC LIMIT ?")


def _conditions(wanted: Wanted, more: Iterable[str] = ()) -> tuple[str, list[Any]]:
    clauses, params = [NOT_STAGED, *more], []
    for clause, value in (
        ("account = ?", wanted.account),
        ("tag_key = ?", wanted.tag_key),
        ("to_key = ?", wanted.to_key),
        ("id < ?", wanted.before),
        ("id >= ?", wanted.first_id),
        ("id <= ?", wanted.last_id),
    ):
        if value is not None:
            clauses.append(clause)
            params.append(value)
    if wanted.states is not None:
        clauses.append(f"state IN ({', '.join(str(int(state)) for state in sorted(wanted.states))})")
    return " AND ".join(clauses), params
