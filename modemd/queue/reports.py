"""What a status report does to its message (TS 23.040 9.2.3.15): TP-Status decides, and a last word stays the last.

A report finds its segment by SIM, reference, recipient and time (matching.py). One that comes while its message is
still on the air is kept until that is settled. One that fits a single uncertain message proves that the service centre
has it; where two fit, neither is settled. Any other is about somebody else's message: it is counted and dropped.

A message is delivered when every one of its segments is, and undelivered as soon as one is; before its last segment
is sent, reports are only written down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from modemd.clock import SECOND
from modemd.db import Transaction
from modemd.errors import ModemdError
from modemd.queue import ledger
from modemd.queue.lookup import select
from modemd.queue.matching import Open, Waiting, on_air, segment_of, submission, unknown, waiting
from modemd.queue.retry import Next
from modemd.queue.rows import Message, Settlement
from modemd.queue.settle import resolve_sent
from modemd.queue.states import State
from modemd.values import Report

WHY = "a status report proves that the network has it"
EARLY_FOR = 86_400 * SECOND
"""How long an early report waits for its message at most; only one whose message is gone waits so long."""


class Fate(StrEnum):
    """What a report says; the names are stored."""

    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"
    """The service centre is done with it and cannot say whether it arrived."""
    PENDING = "pending"
    """It keeps trying: another report will come."""
    EXPIRED = "expired"
    """The validity period ran out."""
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True)
class News:
    """A status report, read."""

    report: Report
    fate: Fate
    words: str
    """What TP-Status means, without personal data."""
    received: int
    """When it reached us."""


class Found(StrEnum):
    """What a report was found to be about; the names are those of the counters ``report.…``."""

    MATCHED = "matched"
    EARLY = "early"
    """Its message is still on the air."""
    SETTLED = "settled"
    """It settled an uncertain message."""
    REPEATED = "repeated"
    """The last word on its segment has been said before."""
    AMBIGUOUS = "ambiguous"
    """Two uncertain messages fit."""
    FOREIGN = "foreign"
    """About no message of ours."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was done with a report."""

    found: Found
    message: Message | None = None
    """The message it was about, as it is now."""


def take(tx: Transaction, news: News, open_: Open) -> Taken:
    """Write a report down and draw the consequences."""
    taken = _take(tx, news, open_)
    tx.tally(f"report.{taken.found.value}", 1)
    return taken


def _take(tx: Transaction, news: News, open_: Open) -> Taken:
    segment = submission(tx, news.report, open_) or waiting(tx, news.report, news.received, open_)
    if segment is not None:
        if segment.final_at is not None:
            return Taken(Found.REPEATED)
        _write(tx, segment, news)
        return Taken(Found.MATCHED, conclude(tx, segment.message, news.received))
    message = on_air(tx, news.report, news.received, open_)
    if message is not None:
        _keep(tx, message, news)
        return Taken(Found.EARLY, message)
    candidates = unknown(tx, news.report, open_)
    if len(candidates) == 1:
        return Taken(Found.SETTLED, _identify(tx, candidates[0], news))
    for candidate in candidates:
        _doubt(tx, candidate, news)
    return Taken(Found.AMBIGUOUS if candidates else Found.FOREIGN)


def settled(
    tx: Transaction, settlement: Settlement, follows: Next | None, open_: Open
) -> tuple[Next | None, list[Message]]:
    """After an attempt was settled: what follows in the light of the reports that were early, and what they moved."""
    message = settlement.message
    if not message.report:
        return follows, []
    moved = again(tx, message, open_)
    if message.parts > 1 and follows is None and settlement.part == message.parts:
        conclude(tx, message.id, settlement.at)
    proven = any(one.id == message.id and one.state is not State.UNCERTAIN for one in moved)
    if proven and follows is not None and follows.state is State.UNCERTAIN:
        follows = Next(State.QUEUED, settlement.at) if settlement.part < message.parts else None
    return follows, [one for one in moved if one.id != message.id]


def again(tx: Transaction, message: Message, open_: Open) -> list[Message]:
    """Look once more at the reports that came while this message was on the air; the messages they were about."""
    rows = tx.execute(
        "DELETE FROM early_report WHERE message = ? "
        "RETURNING sim, reference, status, accepted_at, discharged_at, fate, words, received_at",
        (message.id,),
    ).fetchall()
    if not rows:
        return []
    try:
        recipient = open_(message).to
    except ModemdError:  # its account was erased meanwhile
        return []
    about: list[Message] = []
    for sim, reference, status, accepted, discharged, fate, words, received in rows:
        report = Report(sim, reference, recipient, status, accepted, discharged)
        taken = take(tx, News(report, Fate(fate), words, received), open_)
        if taken.message is not None and taken.found is not Found.EARLY:
            about.append(taken.message)
    return about


def recall(tx: Transaction, open_: Open) -> list[Message]:
    """At start: look once more at the early reports of messages that are not on the air any more; what they moved."""
    numbers = [row[0] for row in tx.execute("SELECT DISTINCT message FROM early_report").fetchall()]
    messages = [found for number in numbers for found in select(tx, "id = ? AND state <> 2", (number,))]
    return [moved for message in messages for moved in again(tx, message, open_)]


def forget_early(tx: Transaction, now: int) -> int:
    """Drop early reports whose message was never settled, because it is gone; how many."""
    return int(tx.execute("DELETE FROM early_report WHERE received_at < ?", (now - EARLY_FOR,)).rowcount)


def conclude(tx: Transaction, number: int, now: int) -> Message | None:
    """Move a message that is sent on, if its segments' reports allow it; the message as it is now."""
    message = next(iter(select(tx, "id = ?", (number,))), None)
    if message is None or message.state is not State.SENT:
        return message
    rows = tx.execute(
        "SELECT number, fate, status, final_at FROM segment WHERE message = ? AND final_at IS NOT NULL ORDER BY number",
        (number,),
    ).fetchall()
    for part, fate, status, _ in rows:
        if fate in (Fate.EXPIRED, Fate.UNDELIVERED):
            return _undelivered(tx, message, part, Fate(fate), status)
    if len(rows) < message.parts or any(fate != Fate.DELIVERED for _, fate, _, _ in rows):
        return message
    delivered_at = max(message.sent_at or now, *(final_at for *_, final_at in rows))
    tx.execute("UPDATE message SET state = 5, delivered_at = ? WHERE id = ? AND state = 4", (delivered_at, number))
    ledger.moved(tx, number, message.account, message.lane, State.SENT, State.DELIVERED)
    return replace(message, state=State.DELIVERED, delivered_at=delivered_at)


def _undelivered(tx: Transaction, message: Message, part: int, fate: Fate, status: int) -> Message:
    code = "expired" if fate is Fate.EXPIRED else f"status-{status:#04x}"
    said = tx.execute(
        "SELECT detail FROM event WHERE message = ? AND part = ? AND what = 'report' ORDER BY at DESC LIMIT 1",
        (message.id, part),
    ).fetchone()
    detail = said[0] if said else "the service centre has given up"
    tx.execute(
        "UPDATE message SET state = 6, error_code = ?, error_detail = ? WHERE id = ? AND state = 4",
        (code, detail, message.id),
    )
    which = (message.id, message.account, message.lane)
    ledger.moved(tx, *which, State.SENT, State.UNDELIVERED, code=code, detail=detail)
    return replace(message, state=State.UNDELIVERED, error_code=code, error_detail=detail)


def _write(tx: Transaction, segment: Waiting, news: News) -> None:
    """Write down what is known of a segment now. Plain success makes no line of its own in the story."""
    report = news.report
    final_at = None
    if news.fate is not Fate.PENDING:
        # within what our own clock knows: that of the service centre may be wrong by hours
        final_at = min(max(report.discharged_at or news.received, segment.handed_at), news.received)
    tx.execute(
        "UPDATE segment SET status = ?, fate = ?, accepted_at = COALESCE(accepted_at, ?), final_at = ? "
        "WHERE message = ? AND number = ? AND final_at IS NULL",
        (report.status, news.fate.value, report.accepted_at, final_at, segment.message, segment.number),
    )
    if news.fate is not Fate.DELIVERED and report.status != segment.status:
        at, part, code = news.received, segment.number, f"{report.status:#04x}"
        message, account, sim = segment.message, segment.account, segment.sim
        ledger.note(tx, message, account, at, "report", part=part, sim=sim, code=code, detail=news.words)


def _identify(tx: Transaction, found: Message | Waiting, news: News) -> Message | None:
    """This report is about that segment: its reference is known now, and that the service centre has it."""
    reference = news.report.reference
    if isinstance(found, Message):
        resolve_sent(tx, found, news.received, WHY, reference)
        segment = segment_of(tx, found.id, found.sent_parts + 1)
    else:
        tx.execute(
            "UPDATE segment SET reference = ? WHERE message = ? AND number = ?",
            (reference, found.message, found.number),
        )
        segment = found
    _write(tx, segment, news)
    return conclude(tx, segment.message, news.received)


def _doubt(tx: Transaction, found: Message | Waiting, news: News) -> None:
    """Tell in the story of one of several that a report may have been about it."""
    number, part = (found.id, found.sent_parts + 1) if isinstance(found, Message) else (found.message, found.number)
    detail = f"about this message or another one to the same number, which settles neither: {news.words}"
    code, at = f"{news.report.status:#04x}", news.received
    ledger.note(tx, number, found.account, at, "report", part=part, sim=found.sim, code=code, detail=detail)


def _keep(tx: Transaction, message: Message, news: News) -> None:
    report = news.report
    tx.execute(
        "INSERT INTO early_report (message, account, sim, reference, status, fate, words, accepted_at, discharged_at, "
        "received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(message.id, message.account, report.sim, report.reference, report.status, news.fate.value, news.words),
            *(report.accepted_at, report.discharged_at, news.received),
        ),
    )
