"""The send path's writes: mark a segment as about to be sent, settle what became of it.

`cross` is the write-ahead barrier: no Ctrl-Z goes out before the transaction that marks the message `sending` is on
disk. One transaction settles the modem's previous segment and marks its next.
"""

from __future__ import annotations

import random

from modemd.db import Transaction
from modemd.queue import charges, ledger
from modemd.queue.matching import UNKNOWN
from modemd.queue.retry import Facts, Next, decide
from modemd.queue.rows import Message, Settlement
from modemd.queue.states import ENDED, IfUncertain, State
from modemd.values import Lane, Verdict

_MARK = (
    "UPDATE message SET state = 2, sim = ?, node = ?, handed_at = ?, attempts = attempts + 1 "
    "WHERE id = ? AND state = 1 AND (expires IS NULL OR expires > ?)"
)
_MARK_NEXT_PART = "UPDATE message SET handed_at = ?, attempts = attempts + 1 WHERE id = ? AND state = 2 AND node = ?"
_SENT = (
    "UPDATE message SET state = 4, sent_parts = ?, sent_at = ?, error_code = NULL, error_detail = NULL "
    "WHERE id = ? AND state = 2"
)
_SEGMENT = (
    "INSERT INTO segment (message, account, number, sim, reference, sent_at, handed_at) "
    "SELECT id, account, ?, ?, ?, ?, handed_at FROM message WHERE id = ? "
    "ON CONFLICT (message, number) DO UPDATE SET sim = excluded.sim, reference = excluded.reference, "
    "sent_at = excluded.sent_at, handed_at = excluded.handed_at, "
    "accepted_at = NULL, status = NULL, fate = NULL, final_at = NULL"
)
_PART_SENT = "UPDATE message SET sent_parts = ? WHERE id = ? AND state = 2"
_BACK = (
    "UPDATE message SET state = ?, due = ?, refusals = refusals + ?, error_code = ?, error_detail = ? "
    "WHERE id = ? AND state = 2"
)


def mark(tx: Transaction, message: Message, part: int, sim: str, node: str, now: int) -> bool:
    """Put it on disk that segment ``part`` is about to be sent; False if the message may no longer be sent."""
    if part == message.sent_parts + 1:
        marked: bool = tx.execute(_MARK, (sim, node, now, message.id, now)).rowcount == 1
        if marked:
            ledger.moved(tx, message.id, message.account, message.lane, State.QUEUED, State.SENDING)
        return marked
    return bool(tx.execute(_MARK_NEXT_PART, (now, message.id, node)).rowcount == 1)


def settle(tx: Transaction, settlement: Settlement) -> Next | None:
    """Write down how an attempt ended; what follows for the message, None after success."""
    if settlement.outcome.verdict is Verdict.ACCEPTED:
        _accepted(tx, settlement)
        return None
    return _not_accepted(tx, settlement)


def _accepted(tx: Transaction, settlement: Settlement) -> None:
    message, part, outcome = settlement.message, settlement.part, settlement.outcome
    if message.report:
        reference = UNKNOWN if outcome.reference is None else outcome.reference
        write_segment(tx, message.id, part, settlement.sim, reference, settlement.at)
    if part < message.parts:
        tx.execute(_PART_SENT, (part, message.id))
    elif tx.execute(_SENT, (part, settlement.at, message.id)).rowcount == 1:
        ledger.moved(tx, message.id, message.account, message.lane, State.SENDING, State.SENT)


def write_segment(tx: Transaction, message: int, part: int, sim: str, reference: int, sent_at: int) -> None:
    """Write down how the status report of a segment that the SMSC has will find it."""
    tx.execute(_SEGMENT, (part, sim, reference, sent_at, message))


def _not_accepted(tx: Transaction, settlement: Settlement) -> Next:
    message, outcome = settlement.message, settlement.outcome
    sent_parts = settlement.part - 1
    refused, sims_alike = _refusals(tx, settlement)
    facts = Facts(
        refused=refused,
        refusals=message.refusals,
        sent_parts=sent_parts,
        expires=message.expires,
        if_uncertain=message.if_uncertain,
        sims_alike=sims_alike,
        due=message.due,
        in_doubt=settlement.in_doubt,
    )
    then = decide(outcome, facts, settlement.at, random.random)
    code = then.code or outcome.code
    row = (int(then.state), then.due, int(then.costs), code, outcome.detail, message.id)
    if tx.execute(_BACK, row).rowcount == 1:
        which = (message.id, message.account, message.lane)
        ledger.moved(tx, *which, State.SENDING, then.state, code=code, detail=outcome.detail)
        if then.state in ENDED:
            charges.give_back(tx, {message.id: message.parts - sent_parts}, settlement.at)
    ledger.note(
        tx,
        message.id,
        message.account,
        settlement.at,
        outcome.verdict.value,
        part=settlement.part,
        sim=settlement.sim,
        code=outcome.code,
        detail=outcome.detail,
    )
    return then


def _refusals(tx: Transaction, settlement: Settlement) -> tuple[int, int]:
    """How often the message was refused before, and by how many SIMs, this one included, with this code."""
    if settlement.outcome.verdict is not Verdict.REFUSED:
        return 0, 0
    rows = tx.execute(
        "SELECT sim, code FROM event WHERE message = ? AND what = ?", (settlement.message.id, Verdict.REFUSED.value)
    ).fetchall()
    return len(rows), len({sim for sim, code in rows if code == settlement.outcome.code} | {settlement.sim})


def fail(tx: Transaction, message: Message, code: str, detail: str, now: int) -> bool:
    """End a queued message that cannot be sent at all."""
    done = tx.execute(
        "UPDATE message SET state = 7, error_code = ?, error_detail = ? WHERE id = ? AND state = 1",
        (code, detail, message.id),
    )
    if done.rowcount != 1:
        return False
    which = (message.id, message.account, message.lane)
    ledger.moved(tx, *which, State.QUEUED, State.FAILED, code=code, detail=detail)
    ledger.note(tx, message.id, message.account, now, "failed", code=code, detail=detail)
    charges.give_back(tx, {message.id: message.parts - message.sent_parts}, now)
    return True


def resolve_sent(tx: Transaction, message: Message, now: int, why: str, reference: int = UNKNOWN) -> State:
    """An uncertain segment turns out to have been accepted: the message is sent, or goes on with its next segment."""
    part = message.sent_parts + 1
    if message.report and message.sim is not None:
        write_segment(tx, message.id, part, message.sim, reference, message.handed_at or now)
    state = State.SENT if part >= message.parts else State.QUEUED
    tx.execute(
        "UPDATE message SET state = ?, sent_parts = ?, sent_at = ?, due = ?, error_code = NULL, error_detail = NULL "
        "WHERE id = ? AND state = 3",
        (int(state), part, now if state is State.SENT else None, now, message.id),
    )
    ledger.moved(tx, message.id, message.account, message.lane, State.UNCERTAIN, state)
    ledger.note(tx, message.id, message.account, now, "settled", part=part, sim=message.sim, code="sent", detail=why)
    return state


def apply_policies(tx: Transaction, now: int) -> list[tuple[int, int]]:
    """Apply `if_uncertain` where its time has come; the (lane, account) pairs that have work again."""
    rows = tx.execute(
        "SELECT id, account, lane, if_uncertain, sim, sent_parts, parts FROM message "
        "WHERE state IN (2, 3) AND state = 3 AND if_uncertain > 0 AND due <= ? LIMIT 250",
        (now,),
    ).fetchall()
    woken: list[tuple[int, int]] = []
    for number, account, lane, policy, sim, sent_parts, parts in rows:
        resend = policy == IfUncertain.RESEND
        state = State.QUEUED if resend else State.FAILED
        tx.execute("UPDATE message SET state = ?, due = ? WHERE id = ? AND state = 3", (int(state), now, number))
        ledger.moved(tx, number, account, Lane(lane), State.UNCERTAIN, state)
        detail = "as its sender wished, it is sent again" if resend else "as its sender wished, it is not sent again"
        ledger.note(tx, number, account, now, "settled", part=sent_parts + 1, sim=sim, code=state.label, detail=detail)
        if resend:
            woken.append((lane, account))
        else:
            charges.give_back(tx, {number: parts - sent_parts}, now)
    return woken
