"""What waits for one receiver, as the database has it: read the next events, write down what became of them.

The next events are the oldest that are due, one of each message or inbound SMS at most, and none while an earlier one
of the same message waits: so order holds per message, and a batch may be sent all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from modemd.clock import SECOND
from modemd.db import Reader, Transaction
from modemd.webhooks.event import Event

BATCH = 16
SLICE = 500
"""Rows in one transaction."""
MOST_WAITING = 10_000
"""Events that wait for one receiver: the oldest of more become dead letters (``too_many``)."""
MOST_DEAD = 10_000
"""Dead letters of one receiver: the oldest of more are dropped."""
DEAD_FOR = 7 * 86_400 * SECOND
"""How long dead letters are kept."""

_FIRST = (
    "FROM webhook_event e WHERE webhook = ? AND dead_at IS NULL AND NOT EXISTS (SELECT 1 FROM webhook_event f WHERE "
    "f.webhook = e.webhook AND f.subject = e.subject AND f.dead_at IS NULL AND f.event < e.event)"
)
"""The earliest of each message."""
_NEXT = f"SELECT event, account, kind, subject, at, code, detail, attempts {_FIRST} AND due <= ? ORDER BY event LIMIT ?"


@dataclass(frozen=True, slots=True)
class Receiver:
    """A row of table webhook, still sealed."""

    id: int
    account: int
    door: str
    url: bytes
    secret: bytes
    failures: int
    rest_until: int


class Waiting(NamedTuple):
    """An event and how often it has failed."""

    event: Event
    attempts: int


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done for a receiver now."""

    receiver: Receiver | None
    """None if it is gone or disabled."""
    events: Sequence[Waiting] = ()
    next_due: int | None = None
    """When the next one is due, if any waits."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an event: taken (no error), failed, or no event any more (``gone``)."""

    event: int
    error: str = ""
    due: int = 0
    dead: bool = False


def next_work(db: Reader, webhook: int, now: int) -> Work:
    """What to send to a receiver; one event alone while it fails, to see whether it is back."""
    row = db.execute(
        "SELECT id, account, door, url, secret, failures, rest_until FROM webhook WHERE id = ? AND state = 0",
        (webhook,),
    ).fetchone()
    if row is None:
        return Work(None)
    number, account, door, url, secret, failures, rest_until = row
    receiver = Receiver(number, account, door, bytes(url or b""), bytes(secret or b""), failures, rest_until)
    if receiver.rest_until > now:
        waits = db.execute("SELECT 1 FROM webhook_event WHERE webhook = ? AND dead_at IS NULL LIMIT 1", (webhook,))
        return Work(receiver, (), receiver.rest_until if waits.fetchone() else None)
    rows = db.execute(_NEXT, (webhook, now, 1 if receiver.failures else BATCH)).fetchall()
    if rows:
        return Work(receiver, [Waiting(Event(*found[:7]), found[7]) for found in rows], now)
    return Work(receiver, (), db.execute(f"SELECT min(due) {_FIRST}", (webhook,)).fetchone()[0])


def settle(tx: Transaction, receiver: Receiver, results: Sequence[Result], now: int, rest_until: int) -> None:
    """Write down what became of a batch; ``rest_until`` is when the receiver is tried again, 0 if it takes events."""
    tx.executemany(
        "DELETE FROM webhook_event WHERE webhook = ? AND event = ?",
        [(receiver.id, one.event) for one in results if not one.error],
    )
    failed = [one for one in results if one.error]
    tx.executemany(
        "UPDATE webhook_event SET attempts = attempts + 1, due = ?, error = ?, dead_at = ? "
        "WHERE webhook = ? AND event = ?",
        [(one.due, one.error, now if one.dead else None, receiver.id, one.event) for one in failed],
    )
    if failed:
        tx.execute(
            "UPDATE webhook SET failed_at = ?, error = ?, failures = ?, rest_until = ? WHERE id = ?",
            (now, failed[-1].error, receiver.failures + 1 if rest_until else 0, rest_until, receiver.id),
        )
    if len(failed) < len(results):
        tx.execute("UPDATE webhook SET succeeded_at = ? WHERE id = ?", (now, receiver.id))
        if not failed and receiver.failures:
            tx.execute("UPDATE webhook SET failures = 0, rest_until = 0 WHERE id = ?", (receiver.id,))


def disable(tx: Transaction, webhook: int, why: str, now: int) -> None:
    """Send a receiver nothing more."""
    tx.execute("UPDATE webhook SET state = 1, failed_at = ?, error = ? WHERE id = ?", (now, why, webhook))


def bury(tx: Transaction, webhook: int, why: str, now: int) -> int:
    """Make dead letters of a slice of what waits for a receiver; how many."""
    done = tx.execute(
        "UPDATE webhook_event SET dead_at = ?, error = ? WHERE webhook = ? AND event IN "
        "(SELECT event FROM webhook_event WHERE webhook = ? AND dead_at IS NULL ORDER BY event LIMIT ?)",
        (now, why, webhook, webhook, SLICE),
    )
    return int(done.rowcount)


def give_up_old(tx: Transaction, before: int, now: int) -> int:
    """Events of before a moment become dead letters, at most a slice; how many."""
    done = tx.execute(
        "UPDATE webhook_event SET dead_at = ?, error = COALESCE(error, 'too_old') WHERE dead_at IS NULL AND "
        "(webhook, event) IN (SELECT webhook, event FROM webhook_event WHERE dead_at IS NULL AND at < ? LIMIT ?)",
        (now, before, SLICE),
    )
    return int(done.rowcount)


def enable(tx: Transaction, webhook: int) -> None:
    """Send a receiver what waits, from now on."""
    tx.execute("UPDATE webhook SET state = 0, failures = 0, rest_until = 0 WHERE id = ?", (webhook,))


def revive(tx: Transaction, webhook: int, now: int, event: int | None = None) -> int:
    """Let a slice of a receiver's dead letters, or one of them, wait again; how many."""
    which = "event = ?" if event is not None else "TRUE"
    done = tx.execute(
        "UPDATE webhook_event SET dead_at = NULL, attempts = 0, due = ? WHERE webhook = ? AND event IN "
        f"(SELECT event FROM webhook_event WHERE webhook = ? AND dead_at IS NOT NULL AND {which} LIMIT ?)",
        (now, webhook, webhook, *([event] if event is not None else []), SLICE),
    )
    return int(done.rowcount)


def drop(tx: Transaction, webhook: int) -> int:
    """Drop a slice of what lies here for a receiver; how many."""
    done = tx.execute(
        "DELETE FROM webhook_event WHERE webhook = ? AND event IN "
        "(SELECT event FROM webhook_event WHERE webhook = ? LIMIT ?)",
        (webhook, webhook, SLICE),
    )
    return int(done.rowcount)


def with_backlog(db: Reader) -> list[int]:
    """The receivers for which something waits."""
    rows = db.execute("SELECT DISTINCT webhook FROM webhook_event WHERE dead_at IS NULL").fetchall()
    return [row[0] for row in rows]


def crowded(db: Reader) -> list[int]:
    """The receivers for which more lies here than may."""
    rows = db.execute(
        "SELECT webhook FROM webhook_event GROUP BY webhook, dead_at IS NULL HAVING count(*) > ?",
        (min(MOST_WAITING, MOST_DEAD),),
    ).fetchall()
    return sorted({row[0] for row in rows})


def trim(tx: Transaction, webhook: int, now: int) -> int:
    """Bring a receiver's backlog and its dead letters within their bounds, a slice of each; how many rows that were."""
    beyond = "SELECT event FROM webhook_event WHERE webhook = ? AND dead_at IS {} ORDER BY event DESC LIMIT ? OFFSET ?"
    waiting, dead = beyond.format("NULL"), beyond.format("NOT NULL")
    given_up = tx.execute(
        f"UPDATE webhook_event SET dead_at = ?, error = 'too_many' WHERE webhook = ? AND event IN ({waiting})",
        (now, webhook, webhook, SLICE, MOST_WAITING),
    ).rowcount
    dropped = tx.execute(
        f"DELETE FROM webhook_event WHERE webhook = ? AND event IN ({dead})", (webhook, webhook, SLICE, MOST_DEAD)
    ).rowcount
    return int(given_up + dropped)


def forget(tx: Transaction, before: int) -> int:
    """Drop a slice of old dead letters, and of events whose receiver is gone; how many."""
    rows = tx.execute(
        "DELETE FROM webhook_event WHERE (webhook, event) IN (SELECT webhook, event FROM webhook_event "
        "WHERE dead_at < ? OR webhook NOT IN (SELECT id FROM webhook) LIMIT ?)",
        (before, SLICE),
    )
    return int(rows.rowcount)


def forget_origins(tx: Transaction, before: int) -> int:
    """Drop a slice of callbacks whose message is gone, and of old origins that none names; how many."""
    orphans = tx.execute(
        "DELETE FROM callback WHERE message IN (SELECT message FROM callback WHERE NOT EXISTS "
        "(SELECT 1 FROM message WHERE message.id = callback.message) LIMIT ?)",
        (SLICE,),
    ).rowcount
    unused = tx.execute(
        "DELETE FROM webhook WHERE id IN (SELECT id FROM webhook w WHERE door <> '' AND created < ? "
        "AND NOT EXISTS (SELECT 1 FROM callback WHERE callback.webhook = w.id) "
        "AND NOT EXISTS (SELECT 1 FROM webhook_event e WHERE e.webhook = w.id) LIMIT ?)",
        (before, SLICE),
    ).rowcount
    return int(orphans + unused)
