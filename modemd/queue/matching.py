"""Which segment a status report is about: by SIM, TP-MR, recipient and time (TS 23.040 9.2.2.3, 9.2.3.6).

The modem counts TP-MR from 0 to 255 and round again, so at ten messages a minute a SIM gives each reference every 26
minutes. The report repeats the time stamp that the service centre gave the SUBMIT (TP-SCTS): together with SIM,
reference and recipient it names one submission for ever. The clock of a service centre may be wrong, though, so a time
stamp that agrees with ours decides between candidates, and one that does not is no reason to refuse the only one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from modemd.clock import SECOND
from modemd.db import Reader
from modemd.errors import ModemdError
from modemd.queue.lookup import select
from modemd.queue.rows import Message
from modemd.values import Report, Sms

Open = Callable[[Message], Sms]
"""What a message was meant to be; raises ModemdError if it cannot be opened (any more)."""

UNKNOWN = -1
"""The reference of a segment that the SMSC has and whose +CMGS was lost."""

SLACK = 60 * SECOND
"""How much our own clock may have been set back between a message and its report."""
AGREES = 300 * SECOND
"""Clocks of service centres that are right are so within minutes; a SIM takes longer to give a reference again."""
ANSWER = 300 * SECOND
"""The longest that a network takes from Ctrl-Z to having a message (modems answer within 180 s, field notes a5)."""
SKEW = 120 * SECOND
"""How far the two clocks may differ where time alone has to prove something."""
USUAL_VALIDITY = 7 * 86_400
"""Seconds a service centre keeps trying when nobody says how long: two to seven days."""
LONGEST_VALIDITY = 63 * 7 * 86_400
"""Seconds: the longest relative validity period (TS 23.040 9.2.3.12.1)."""
LATE = 86_400
"""Seconds a report may take after the end of the validity period, with our SIM out of reach."""
_DAY = 86_400 * SECOND
_MOST = 50
"""Candidates that are opened at most, the likeliest first."""

_COLUMNS = (
    "message, account, number, sim, reference, sent_at, COALESCE(handed_at, sent_at), accepted_at, status, final_at"
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One segment that the SMSC has, as far as reports are concerned."""

    message: int
    account: int
    number: int
    sim: str
    reference: int
    sent_at: int
    handed_at: int
    accepted_at: int | None
    status: int | None
    final_at: int | None


def same_number(one: str, other: str) -> bool:
    """Whether two spellings are one number: national and international forms end alike.

    Short codes have to be equal; of longer ones the last nine digits are compared, or as many as the shorter one has.
    """
    digits = [_digits(number) for number in (one, other)]
    shorter = min(len(each) for each in digits)
    if shorter < 7:
        return digits[0] == digits[1] != ""
    return digits[0][-min(9, shorter) :] == digits[1][-min(9, shorter) :]


def _digits(number: str) -> str:
    """The digits without the zeros that stand for a trunk or an international prefix."""
    return "".join(character for character in number if character.isdecimal()).lstrip("0")


def segment_of(db: Reader, message: int, number: int) -> Waiting:
    """One segment that is known to be there."""
    [row] = db.execute(f"SELECT {_COLUMNS} FROM segment WHERE message = ? AND number = ?", (message, number)).fetchall()
    return Waiting(*row)


def submission(db: Reader, report: Report, open_: Open) -> Waiting | None:
    """The segment that an earlier report with the same time stamp was about, final or not."""
    if report.accepted_at is None:
        return None
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM segment WHERE sim = ? AND reference = ? AND sent_at BETWEEN ? AND ? "
        "AND accepted_at = ? ORDER BY sent_at DESC",
        (
            *(report.sim, report.reference, report.accepted_at - _DAY, report.accepted_at + _DAY),
            report.accepted_at,
        ),
    ).fetchall()
    return next((found for found in _segments(rows) if _addressed(db, found, report, open_)), None)


def waiting(db: Reader, report: Report, received: int, open_: Open) -> Waiting | None:
    """The segment that waits for this report: sent before it, not longer ago than it may take, not final.

    One whose sending agrees with the report's time stamp comes first, then the newest; one of which another time stamp
    is known comes last.
    """
    stamp = report.accepted_at or 0
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM segment WHERE final_at IS NULL AND sim = ? AND reference = ? AND sent_at > ? "
        "AND COALESCE(handed_at, sent_at) <= ? ORDER BY CASE WHEN accepted_at IS NOT NULL THEN ? "
        "WHEN abs(sent_at - ?) < ? THEN abs(sent_at - ?) ELSE ? END, sent_at DESC LIMIT ?",
        (
            *(report.sim, report.reference, received - (LONGEST_VALIDITY + LATE) * SECOND, received + SLACK),
            *(AGREES + 1, stamp, AGREES, stamp, AGREES, _MOST),
        ),
    ).fetchall()
    for found in _segments(rows):
        sms = _addressed(db, found, report, open_)
        if sms and received <= found.sent_at + ((sms.valid_for or USUAL_VALIDITY) + LATE) * SECOND:
            return found
    return None


def on_air(db: Reader, report: Report, received: int, open_: Open) -> Message | None:
    """The message to this recipient that is on the air of this SIM now: its reference is not known yet."""
    found = select(
        db,
        "state IN (2, 3) AND state = 2 AND sim = ? AND report = 1 AND handed_at <= ?",
        (report.sim, received + SLACK),
    )
    return next((message for message in found if _goes_to(message, report, open_)), None)


def unknown(db: Reader, report: Report, open_: Open) -> list[Message | Waiting]:
    """Every segment to this recipient of which nobody knows the reference and which may have become this one.

    Empty where the service centre does not say when it took the message, or where the SIM gave this reference to
    another segment at that time.
    """
    if report.accepted_at is None or _given(db, report):
        return []
    first, last = report.accepted_at - ANSWER - SKEW, report.accepted_at + SKEW
    uncertain = select(
        db,
        "state = 3 AND sim = ? AND report = 1 AND handed_at BETWEEN ? AND ?",
        (report.sim, first, last),
        f"LIMIT {_MOST}",
    )
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM segment WHERE final_at IS NULL AND sim = ? AND reference = ? "
        f"AND sent_at >= ? AND COALESCE(handed_at, sent_at) BETWEEN ? AND ? LIMIT {_MOST}",
        (report.sim, UNKNOWN, first, first, last),
    ).fetchall()
    candidates: list[Message | Waiting] = [message for message in uncertain if _goes_to(message, report, open_)]
    candidates += [found for found in _segments(rows) if _addressed(db, found, report, open_)]
    return candidates


def _given(db: Reader, report: Report) -> bool:
    """Whether the SIM gave this reference to a segment that we know about when this one was accepted."""
    stamp = report.accepted_at or 0
    row = db.execute(
        "SELECT 1 FROM segment WHERE sim = ? AND reference = ? AND sent_at BETWEEN ? AND ? LIMIT 1",
        (report.sim, report.reference, stamp - SKEW, stamp + ANSWER + SKEW),
    ).fetchone()
    return row is not None


def _segments(rows: Iterable[Any]) -> list[Waiting]:
    return [Waiting(*row) for row in rows]


def _addressed(db: Reader, segment: Waiting, report: Report, open_: Open) -> Sms | None:
    """The message of a segment, if it goes to the recipient of the report."""
    message = next(iter(select(db, "id = ?", (segment.message,))), None)
    return None if message is None else _goes_to(message, report, open_)


def _goes_to(message: Message, report: Report, open_: Open) -> Sms | None:
    try:
        sms = open_(message)
    except ModemdError:  # its account is being erased: no report will ever be its own
        return None
    return sms if same_number(sms.to, report.recipient) else None
