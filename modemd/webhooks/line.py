"""What waits for one receiver, as the database has it: read the next events, write down what became of them.

The next events are the oldest that are due, one of each message or inbound SMS at most, and none while an earlier one
of the same message waits: so order holds per message, and a batch may be sent all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from modemd.db import Reader, Transaction
from modemd.webhooks.event import Event

BATCH = 16
SLICE = 200
"""Rows in one transaction: a few milliseconds, and sending goes first between two of them."""
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
    taken = [one.event for one in results if not one.error]
    if taken:
        marks = ", ".join("?" * len(taken))
        tx.execute(f"DELETE FROM webhook_event WHERE webhook = ? AND event IN ({marks})", (receiver.id, *taken))
    failed = [one for one in results if one.error]
    tx.executemany(
        "UPDATE webhook_event SET attempts = attempts + 1, due = ?, error = ?, dead_at = COALESCE(dead_at, ?) "
        "WHERE webhook = ? AND event = ?",
        [(one.due, one.error, now if one.dead else None, receiver.id, one.event) for one in failed],
    )
    if failed:
        tx.execute(
            "UPDATE webhook SET failed_at = ?, error = ?, failures = ?, rest_until = ? WHERE id = ?",
            (now, failed[-1].error, receiver.failures + 1 if rest_until else 0, rest_until, receiver.id),
        )
    if taken:
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
