"""The book-keeping every verb shares: counters that follow each move, what is told of it, and a message's story."""

from __future__ import annotations

from modemd.db import Transaction
from modemd.queue.states import ENDED, MOVES, TOTALS, State
from modemd.values import Change, Lane

ACCEPTED = "total.accepted"

TOLD = ENDED | {State.UNCERTAIN}
"""States whose message's account is told that it has come to them."""
_KINDS = {state: f"message.{state.label}" for state in State}
KINDS = tuple(_KINDS[state] for state in sorted({*TOLD, State.QUEUED}))
"""What an account can be told of its messages; ``message.queued`` only when one is back from a state of TOLD."""


def arrived(tx: Transaction, lane: Lane, state: State, count: int) -> None:
    """Count ``count`` new messages."""
    tx.tally(ACCEPTED, count)
    _enter(tx, lane, state, count)


def moved(
    tx: Transaction,
    message: int,
    account: int,
    lane: Lane,
    old: State,
    new: State,
    *,
    code: str = "",
    detail: str = "",
) -> None:
    """Count and tell that a message went from ``old`` to ``new``; ``code`` and ``detail`` say why, as in its story."""
    shifted(tx, lane, old, new, 1)
    if new in TOLD or (new is State.QUEUED and old in TOLD):
        tx.tell(Change(account, _KINDS[new], message, code, detail))


def shifted(tx: Transaction, lane: Lane, old: State, new: State, count: int) -> None:
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
