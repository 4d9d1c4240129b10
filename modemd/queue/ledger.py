"""The book-keeping every verb shares: counters that follow each move, and the lines of a message's story."""

from __future__ import annotations

from modemd.db import Transaction
from modemd.queue.states import MOVES, TOTALS, State
from modemd.values import Lane

ACCEPTED = "total.accepted"


def arrived(tx: Transaction, lane: Lane, state: State, count: int) -> None:
    """Count ``count`` new messages."""
    tx.tally(ACCEPTED, count)
    _enter(tx, lane, state, count)


def moved(tx: Transaction, lane: Lane, old: State, new: State, count: int = 1) -> None:
    """Count ``count`` messages that went from ``old`` to ``new``; the move must be in the table of states."""
    if new not in MOVES[old]:
        raise AssertionError(f"a message cannot go from {old.label} to {new.label}")
    _leave(tx, lane, old, count)
    _enter(tx, lane, new, count)


def removed(tx: Transaction, lane: Lane, state: State, count: int) -> None:
    """Count ``count`` messages that are no longer kept."""
    _leave(tx, lane, state, count)


def _enter(tx: Transaction, lane: Lane, state: State, count: int) -> None:
    if state in TOTALS:
        tx.tally(f"total.{state.label}", count)
    else:
        tx.tally(f"state.{state.label}", count)
    if state is State.QUEUED:
        tx.tally(f"lane.{int(lane)}", count)


def _leave(tx: Transaction, lane: Lane, state: State, count: int) -> None:
    if state not in TOTALS:
        tx.tally(f"state.{state.label}", -count)
    if state is State.QUEUED:
        tx.tally(f"lane.{int(lane)}", -count)


def note(
    tx: Transaction,
    message: int,
    account: int,
    at: int,
    what: str,
    *,
    part: int = 0,
    sim: str | None = None,
    code: str = "",
    detail: str = "",
) -> None:
    """Write one line of a message's story; ``detail`` is a sentence without personal data."""
    tx.execute(
        "INSERT INTO event (message, account, at, part, what, sim, code, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (message, account, at, part, what, sim, code, detail),
    )
