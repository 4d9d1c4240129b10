"""What people and the clock do to messages that wait: cancel, resolve, retry, come due, expire."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from modemd.db import Transaction
from modemd.errors import Conflict, NotFound
from modemd.queue import charges, ledger, usage
from modemd.queue.lookup import AGAIN, FRESH, NOT_STAGED, one, select
from modemd.queue.rows import Message
from modemd.queue.settle import resolve_sent
from modemd.queue.states import State
from modemd.values import Lane

SLICE = 250
"""Messages moved in one transaction at most, so that sending never waits long behind the clock."""

CALL_SLICE = 50
"""The same where each is moved for itself: about 5 ms."""


_SAYS = {"resend": "the operator wants it sent again", "fail": "the operator has given it up"}


def _find(tx: Transaction, number: int, account: int | None) -> Message:
    found = one(tx, number, account)
    if found is None:
        raise NotFound("there is no such message", cure="check the id")
    return found


def cancel(tx: Transaction, number: int, account: int | None, now: int, *, code: str = "", detail: str = "") -> State:
    """Take a waiting message back; raises NotFound, or Conflict if it is being sent or has ended.

    ``code`` and ``detail`` say why, where it was not the account's own wish.
    """
    found = _find(tx, number, account)
    if found.state is State.CANCELLED:
        return found.state
    if found.state not in (State.SCHEDULED, State.QUEUED):
        raise Conflict(
            f"a message that is {found.state.label} cannot be cancelled",
            cure="only scheduled and queued messages can",
            code="not_cancellable",
        )
    if not _take_back(tx, found, now, code, detail):
        return cancel(tx, number, account, now, code=code, detail=detail)  # another daemon was quicker: look again
    return State.CANCELLED


def _take_back(tx: Transaction, found: Message, now: int, code: str = "", detail: str = "") -> bool:
    """Cancel a message that waits; False if it does not any more."""
    done = tx.execute(
        "UPDATE message SET state = 9, error_code = ?, error_detail = ? WHERE id = ? AND state IN (0, 1)",
        (code or found.error_code, detail or found.error_detail, found.id),
    )
    if done.rowcount != 1:
        return False
    unsent = found.parts - found.sent_parts
    ledger.moved(tx, found.id, found.account, found.lane, found.state, State.CANCELLED, code=code, detail=detail)
    ledger.note(tx, found.id, found.account, now, "cancelled", code=code, detail=detail)
    usage.give_back(tx, found.account, unsent, found.created)
    charges.give_back(tx, {found.id: unsent}, now)
    return True


def cancel_call(tx: Transaction, batch: int, account: int, after: int, now: int) -> tuple[list[Message], int | None]:
    """Take back what waits of a call, beyond an id, a slice at most: those messages, and beyond which id to go on."""
    where = f"account = ? AND id > ? AND {NOT_STAGED}"
    rows = select(tx, where, (account, after, CALL_SLICE), "ORDER BY id LIMIT ?")
    its = list(takewhile(lambda message: message.batch == batch, rows))  # the ids of a call have no other's between
    waiting = [message for message in its if message.state in (State.SCHEDULED, State.QUEUED)]
    gone = [message for message in waiting if _take_back(tx, message, now)]
    return gone, its[-1].id if len(its) == CALL_SLICE else None


def cancel_if_waiting(tx: Transaction, numbers: Iterable[int], now: int, code: str, detail: str) -> None:
    """Take back those of some messages that still wait."""
    for number in numbers:
        found = one(tx, number)
        if found is not None and found.state in (State.SCHEDULED, State.QUEUED):
            cancel(tx, number, None, now, code=code, detail=detail)


def resolve(tx: Transaction, number: int, how: str, now: int) -> Message:
    """A person says what became of an uncertain message: ``sent``, ``resend`` or ``fail``."""
    found = _find(tx, number, None)
    if found.state is not State.UNCERTAIN:
        raise Conflict(
            f"the message is {found.state.label}, not uncertain",
            cure="see modemd queue list --state uncertain",
            code="not_uncertain",
        )
    if how == "sent":
        resolve_sent(tx, found, now, "the operator says it was sent")
    else:
        state = State.QUEUED if how == "resend" else State.FAILED
        tx.execute("UPDATE message SET state = ?, due = ? WHERE id = ? AND state = 3", (int(state), now, number))
        ledger.moved(tx, number, found.account, found.lane, State.UNCERTAIN, state)
        if state is State.FAILED:
            charges.give_back(tx, {number: found.parts - found.sent_parts}, now)
        detail = _SAYS[how]
        ledger.note(tx, number, found.account, now, "settled", part=found.sent_parts + 1, code=how, detail=detail)
    return _find(tx, number, None)


def retry(tx: Transaction, number: int, expires: int | None, now: int) -> Message:
    """Queue a failed, expired or undelivered message again; its segments that were sent are not sent again.

    Raises NotFound, Conflict, PaymentRequired.
    """
    found = _find(tx, number, None)
    if found.state not in (State.FAILED, State.EXPIRED, State.UNDELIVERED):
        raise Conflict(
            f"a message that is {found.state.label} cannot be tried again",
            cure="only failed, expired and undelivered messages can",
            code="not_retryable",
        )
    sent_parts = 0 if found.state is State.UNDELIVERED else found.sent_parts
    charges.take_again(tx, number, found.parts - sent_parts, now)
    tx.execute(
        "UPDATE message SET state = 1, due = ?, expires = ?, refusals = 0, sent_parts = ? WHERE id = ?",
        (now, expires, sent_parts, number),
    )
    ledger.moved(tx, number, found.account, found.lane, found.state, State.QUEUED)
    ledger.note(tx, number, found.account, now, "retried", detail="the operator queued it again")
    return _find(tx, number, None)


def promote(tx: Transaction, now: int) -> list[tuple[int, int]]:
    """Scheduled messages whose time has come are queued, at most a slice; the (lane, account) of each."""
    rows = tx.execute(
        f"UPDATE message SET state = 1 WHERE id IN (SELECT id FROM message WHERE state = 0 AND due <= ? "
        f"AND {NOT_STAGED} ORDER BY due LIMIT ?) RETURNING lane, account",
        (now, SLICE),
    ).fetchall()
    for lane, _ in rows:
        ledger.shifted(tx, Lane(lane), State.SCHEDULED, State.QUEUED, 1)
    return rows


def bring_forward(tx: Transaction, now: int, by: int) -> int:
    """Messages that no modem was handed yet, queued by a clock that was ahead by so much, become due in their order.

    At most a slice; how many.
    """
    return int(
        tx.execute(
            f"UPDATE message SET due = due - ? WHERE id IN (SELECT id FROM message WHERE state IN (0, 1) AND {FRESH} "
            "AND due > ? ORDER BY due LIMIT ?)",
            (by, now, SLICE),
        ).rowcount
    )


def bring_retries_forward(tx: Transaction, since: int, by: int) -> None:
    """What waits for another try beyond a moment waits so much less."""
    tx.execute(f"UPDATE message SET due = due - ? WHERE {AGAIN} AND due > ?", (by, since))


def expire(tx: Transaction, now: int) -> list[int]:
    """Waiting messages whose time is over end; their ids, at most a slice."""
    rows = tx.execute(
        "SELECT id, account, lane, state, sent_parts, parts FROM message WHERE state IN (0, 1) AND expires IS NOT NULL "
        f"AND expires <= ? AND {NOT_STAGED} LIMIT ?",
        (now, SLICE),
    ).fetchall()
    for number, account, lane, old, sent_parts, _ in rows:
        state, code = (State.FAILED, "partial") if sent_parts else (State.EXPIRED, "expired")
        detail = "its time was over before the SMSC had all of it"
        tx.execute(
            "UPDATE message SET state = ?, error_code = ?, error_detail = COALESCE(error_detail, ?) WHERE id = ?",
            (int(state), code, detail, number),
        )
        ledger.moved(tx, number, account, Lane(lane), State(old), state, code=code, detail=detail)
        ledger.note(tx, number, account, now, state.label, code=code, detail=detail)
    charges.give_back(tx, {number: parts - sent_parts for number, *_, sent_parts, parts in rows}, now)
    return [row[0] for row in rows]
