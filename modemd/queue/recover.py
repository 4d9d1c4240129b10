"""After a crash: what the daemon before us was sending, and the answers to it that are heard only now."""

from __future__ import annotations

from collections.abc import Container, Mapping

from modemd.clock import SECOND
from modemd.db import Transaction
from modemd.queue import charges, ledger
from modemd.queue.lookup import one, select
from modemd.queue.matching import UNKNOWN
from modemd.queue.retry import SETTLING_TIME
from modemd.queue.rows import Handed, Message, Settlement
from modemd.queue.settle import resolve_sent, settle
from modemd.queue.states import State
from modemd.values import Fault, Lane, Outcome, Verdict

RESTART = "the daemon ended while this message was being sent"
NOT_YET = "the daemon ended just before this message was handed over"
LATE = "a late answer of the modem"

Segment = tuple[int, int]
"""The message, and the number of the segment."""


def recover(
    tx: Transaction,
    node: str,
    now: int,
    went_out: Container[Segment] | None,
    accepted: Mapping[Segment, int],
) -> list[Handed]:
    """At start: what this node was sending when it died is uncertain; those segments.

    What is known not to have gone out (``went_out`` may have) is queued again instead, what is known to have been
    ``accepted``, with its TP-MR, is sent.
    """
    if went_out is not None:
        _settle_answered(tx, node, now, accepted)
        _take_back(tx, node, now, went_out)
    rows = tx.execute(
        "UPDATE message SET state = 3, due = CASE WHEN if_uncertain = 0 THEN ? ELSE ? END, error_code = 'restart', "
        "error_detail = ? WHERE state IN (2, 3) AND state = 2 AND node = ? "
        "RETURNING id, account, lane, sim, sent_parts, handed_at",
        (now, now + SETTLING_TIME * SECOND, RESTART, node),
    ).fetchall()
    for number, account, lane, sim, sent_parts, _ in rows:
        which = (number, account, Lane(lane))
        ledger.moved(tx, *which, State.SENDING, State.UNCERTAIN, code="restart", detail=RESTART)
        ledger.note(tx, number, account, now, "uncertain", part=sent_parts + 1, sim=sim, code="restart", detail=RESTART)
    return [Handed(number, sent_parts + 1, sim, handed_at) for number, _, _, sim, sent_parts, handed_at in rows]


def _settle_answered(tx: Transaction, node: str, now: int, accepted: Mapping[Segment, int]) -> None:
    """The modem had said so, and the daemon had not come to write it down."""
    for message in select(tx, "state IN (2, 3) AND state = 2 AND node = ?", (node,)):
        part = message.sent_parts + 1
        reference = accepted.get((message.id, part))
        if reference is not None and message.sim is not None:
            known = None if reference == UNKNOWN else reference
            settle(tx, Settlement(message, part, message.sim, Outcome(Verdict.ACCEPTED, known), now))


def _take_back(tx: Transaction, node: str, now: int, went_out: Container[Segment]) -> None:
    """What was marked and never handed over is queued again."""
    marked = select(tx, "state IN (2, 3) AND state = 2 AND node = ?", (node,))
    for message in marked:
        part = message.sent_parts + 1
        if (message.id, part) in went_out:
            continue
        tx.execute("UPDATE message SET state = 1 WHERE id = ?", (message.id,))
        ledger.moved(tx, message.id, message.account, message.lane, State.SENDING, State.QUEUED)
        why = Verdict.UNSENT.value
        ledger.note(
            tx, message.id, message.account, now, why, part=part, sim=message.sim, code="restart", detail=NOT_YET
        )


def late_answer(tx: Transaction, handed: Handed, outcome: Outcome, now: int) -> Message | None:
    """A late answer settles the segment it belongs to, if that is uncertain and the answer is not; else None."""
    found = one(tx, handed.message)
    if found is None or found.state is not State.UNCERTAIN or found.sent_parts + 1 != handed.part:
        return None
    if outcome.verdict is Verdict.ACCEPTED:
        resolve_sent(tx, found, now, LATE, UNKNOWN if outcome.reference is None else outcome.reference)
    elif outcome.verdict is Verdict.REFUSED:
        _refused_late(tx, found, outcome, now)
    else:
        return None
    return one(tx, handed.message)


def _refused_late(tx: Transaction, message: Message, outcome: Outcome, now: int) -> None:
    """The SMSC has not accepted it: as a refusal in time, but that it is offered again at once."""
    at_fault = outcome.fault in {Fault.MESSAGE, Fault.DRIVER}
    state = State.FAILED if at_fault else State.QUEUED
    code = "partial" if at_fault and message.sent_parts else outcome.code
    tx.execute(
        "UPDATE message SET state = ?, due = ?, error_code = ?, error_detail = ? WHERE id = ? AND state = 3",
        (int(state), now, code, outcome.detail, message.id),
    )
    which = (message.id, message.account, message.lane)
    ledger.moved(tx, *which, State.UNCERTAIN, state, code=code, detail=outcome.detail)
    if at_fault:
        charges.give_back(tx, {message.id: message.parts - message.sent_parts}, now)
    ledger.note(
        tx,
        message.id,
        message.account,
        now,
        outcome.verdict.value,
        part=message.sent_parts + 1,
        sim=message.sim,
        code=outcome.code,
        detail=f"{LATE}: {outcome.detail}",
    )
