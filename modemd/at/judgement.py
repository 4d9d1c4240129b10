"""What an error in answer to AT+CMGS says of the segment: whether the SMSC may have it, and whose fault it is.

Two questions, kept apart. *Has the SMSC got it?* is answered from the code and the time since Ctrl-Z alone. *Whose
fault is it?* is answered by the tables (codes.py).
"""

from __future__ import annotations

from typing import NamedTuple

from modemd.at import codes
from modemd.values import Fault, Outcome, Verdict

QUICK_S = 2.0
"""A modem that gives up sooner than this after Ctrl-Z has not had the time to hand the message over the air."""

_UNDECIDED = frozenset({("cms", 332), ("cms", 350), ("cme", 31)})
"""Time-outs of the network: whenever they come, the message may have got through."""
_ALREADY_THERE = ("cms", 197)


class Judgement(NamedTuple):
    """What an error in answer to AT+CMGS means."""

    verdict: Verdict
    fault: Fault
    detail: str
    """For the operator: the code's name and what it means."""
    name: str
    code: str
    """``cms-38``, ``cme-14``, ``error``: what ``Outcome.code`` holds."""
    streak: Fault | None = None
    """Whose fault it is when one SIM gives it to three different recipients in a row, where that is another's."""
    rest_s: int = 0
    """Seconds this modem should be left alone before its next message."""

    def outcome(self) -> Outcome:
        """The judgement as the value that layers above share; SMSCs give no TP-MR with it."""
        fault = None if self.verdict is Verdict.ACCEPTED else self.fault
        return Outcome(self.verdict, None, self.code, fault, self.detail)


def classify(
    family: str,
    number: int | None,
    *,
    after_s: float | None,
    text: str = "",
    vendor: str = "",
    quick_s: float = QUICK_S,
    in_doubt: bool = False,
) -> Judgement:
    """What this final result code says about the segment in hand.

    ``family`` is ``cms``, ``cme`` or ``error``; ``number`` None for a bare ERROR, or where the modem gave ``text``
    instead (CMEE=2). ``after_s`` is the time since Ctrl-Z was written, in seconds, None if it was not. ``vendor`` (a
    key of ``codes.VENDORS``, others have nothing of their own) and ``quick_s`` are the dialect's. ``in_doubt``: this
    SIM failed with the message before, too; then a code that may be the message's fault or the SIM's is the SIM's.
    """
    if number is None and text:
        number = codes.number_of(family, text)
    found = codes.meaning(family, number, vendor=vendor)
    code = family if number is None else f"{family}-{number}"
    verdict = _verdict(family, number, after_s, quick_s)
    fault = found.streak if in_doubt and found.streak is not None else found.fault
    return Judgement(verdict, fault, f"{found.words} ({found.name})", found.name, code, found.streak, found.rest_s)


def _verdict(family: str, number: int | None, after_s: float | None, quick_s: float) -> Verdict:
    if after_s is None:
        return Verdict.UNSENT
    if (family, number) == _ALREADY_THERE:
        return Verdict.ACCEPTED
    if (family, number) in _UNDECIDED:
        return Verdict.UNCERTAIN
    proven = family == "cms" and number is not None and (1 <= number <= 255 or 300 <= number <= 340)
    return Verdict.REFUSED if proven or after_s < quick_s else Verdict.UNCERTAIN
