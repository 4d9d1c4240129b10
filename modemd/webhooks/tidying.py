"""What waits for too long, or is too much, is given up; what was given up is forgotten after a week.

What is to go is found by a reading thread, however long that takes, and goes in slices by its key: the writing thread
has modems waiting for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from modemd.clock import SECOND
from modemd.db import Database, Reader, Transaction, Urgency
from modemd.webhooks.backoff import KEPT_S
from modemd.webhooks.line import SLICE

MOST_WAITING = 10_000
"""Events that wait for one receiver: the oldest of more become dead letters (``too_many``)."""
MOST_DEAD = 10_000
"""Dead letters of one receiver: the oldest of more are dropped."""
DEAD_FOR = 7 * 86_400 * SECOND
"""How long dead letters are kept."""
UNUSED_FOR = 86_400 * SECOND
"""How long the origin of callbacks is kept that no callback names."""

Key = tuple[int, int]
"""Webhook and event."""

_EVENTS = "SELECT webhook, event FROM webhook_event WHERE "
_BURY = "UPDATE webhook_event SET dead_at = ?, error = COALESCE(error, ?) WHERE (webhook, event) IN "
_DROP = "DELETE FROM webhook_event WHERE (webhook, event) IN "


async def tidy(database: Database, now: int) -> None:
    """Bring everything within its bounds."""

    def bury(why: str) -> Callable[[Transaction, Sequence[Key]], object]:
        return lambda tx, keys: tx.execute(_BURY + _marks(keys), (now, why, *chain.from_iterable(keys)))

    def drop(tx: Transaction, keys: Sequence[Key]) -> None:
        tx.execute(_DROP + _marks(keys), tuple(chain.from_iterable(keys)))

    kept = now - round(KEPT_S * SECOND)
    await _each(database, lambda db: _keys(db, f"{_EVENTS} dead_at IS NULL AND at < ?", kept), bury("too_old"))
    await _each(database, lambda db: _beyond(db, "IS NULL", MOST_WAITING), bury("too_many"))
    await _each(database, lambda db: _beyond(db, "IS NOT NULL", MOST_DEAD), drop)
    orphans = f"{_EVENTS} dead_at < ? OR webhook NOT IN (SELECT id FROM webhook)"
    await _each(database, lambda db: _keys(db, orphans, now - DEAD_FOR), drop)
    await _each(database, _callbacks_without_message, _forget_callbacks)
    await _each(database, lambda db: _unused(db, now - UNUSED_FOR), _forget_origins)


async def _each(
    database: Database, find: Callable[[Reader], list[Key]], deed: Callable[[Transaction, Sequence[Key]], object]
) -> None:
    """Find, and do what is to be done to a slice, until nothing is found."""
    while keys := await database.read(find):
        for start in range(0, len(keys), SLICE):
            some = keys[start : start + SLICE]
            await database.write(lambda tx, some=some: deed(tx, some) and None, Urgency.BULK)  # type: ignore[misc]
        if len(keys) < _AT_ONCE:
            return


_AT_ONCE = 10 * SLICE
"""Rows found by one read."""


def _keys(db: Reader, sql: str, *params: int) -> list[Key]:
    return [(row[0], row[1]) for row in db.execute(f"{sql} LIMIT ?", (*params, _AT_ONCE)).fetchall()]


def _beyond(db: Reader, dead: str, most: int) -> list[Key]:
    """What is older than the newest events of each receiver that has more."""
    crowded = db.execute(
        f"SELECT webhook FROM webhook_event WHERE dead_at {dead} GROUP BY webhook HAVING count(*) > ?", (most,)
    ).fetchall()
    found: list[Key] = []
    for (webhook,) in crowded:
        sql = f"{_EVENTS} dead_at {dead} AND webhook = ? ORDER BY event DESC LIMIT ? OFFSET ?"
        found += [(row[0], row[1]) for row in db.execute(sql, (webhook, _AT_ONCE, most)).fetchall()]
    return found


def _callbacks_without_message(db: Reader) -> list[Key]:
    sql = "SELECT webhook, message FROM callback WHERE message NOT IN (SELECT id FROM message)"
    return _keys(db, sql)


def _forget_callbacks(tx: Transaction, keys: Sequence[Key]) -> None:
    """Once more with a look at the message: a call may just have been accepted."""
    again = "NOT EXISTS (SELECT 1 FROM message WHERE message.id = callback.message)"
    which = f"(webhook, message) IN {_marks(keys)}"
    tx.execute(f"DELETE FROM callback WHERE {which} AND {again}", tuple(chain.from_iterable(keys)))


def _unused(db: Reader, before: int) -> list[Key]:
    """Origins, of which no callback is left and for which nothing waits."""
    sql = (
        "SELECT id, 0 FROM webhook w WHERE door <> '' AND created < ? "
        "AND NOT EXISTS (SELECT 1 FROM callback c WHERE c.webhook = w.id) "
        "AND NOT EXISTS (SELECT 1 FROM webhook_event e WHERE e.webhook = w.id)"
    )
    return _keys(db, sql, before)


def _forget_origins(tx: Transaction, keys: Sequence[Key]) -> None:
    again = "NOT EXISTS (SELECT 1 FROM callback c WHERE c.webhook = webhook.id)"
    marks = ", ".join("?" * len(keys))
    tx.execute(f"DELETE FROM webhook WHERE id IN ({marks}) AND {again}", [webhook for webhook, _ in keys])


def _marks(keys: Sequence[Key]) -> str:
    return f"(VALUES {', '.join(['(?, ?)'] * len(keys))})"
