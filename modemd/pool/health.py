"""When a modem fails: what the evidence is, and which rung of the ladder comes next. No I/O, no clock of its own.

The ladder is climbed one rung for each failure without a success in between; nothing is ever reset by the calendar.
A success is an accepted message, or a minute of being ready.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from modemd.at.judgement import Judgement
from modemd.errors import AtError, BringUpError, CommandTimeout, ModemdError, PortLost
from modemd.values import Fault, Outcome, Verdict


class Evidence(StrEnum):
    """What speaks against a modem."""

    GONE = "gone"
    """Its port vanished."""
    RESTARTED = "restarted"
    """A boot line, or an echo that should not be there."""
    SILENT = "silent"
    """It does not answer."""
    CONFUSED = "confused"
    """It answers, but not to what was asked."""
    SICK = "sick"
    """It refuses with errors that blame the modem itself, again and again."""
    SIM = "sim"
    """The SIM wants a person, or the network refuses it."""


class Rung(StrEnum):
    """What is done about it."""

    PING = "ping"
    """A new dialogue over the same open port, from ESC and AT on."""
    REOPEN = "reopen"
    """Close the port and open it again."""
    RESTART = "restart"
    """``AT+CFUN=1,1``, unless that is poison to this family."""
    REAUTHORISE = "reauthorise"
    """Take the USB device from its driver and give it back, as if replugged."""
    QUARANTINE = "quarantine"
    """Leave it alone for a while, longer each time, and say so."""


LADDERS: dict[Evidence, tuple[Rung, ...]] = {
    Evidence.GONE: (Rung.REOPEN,),
    Evidence.RESTARTED: (Rung.PING, Rung.PING, Rung.PING, Rung.QUARANTINE),
    Evidence.SILENT: (Rung.PING, Rung.REOPEN, Rung.RESTART, Rung.REAUTHORISE, Rung.QUARANTINE),
    Evidence.CONFUSED: (Rung.PING, Rung.REOPEN, Rung.RESTART, Rung.REAUTHORISE, Rung.QUARANTINE),
    Evidence.SICK: (Rung.RESTART, Rung.REAUTHORISE, Rung.QUARANTINE),
    Evidence.SIM: (Rung.QUARANTINE,),
}

QUARANTINE_S = (30.0, 60.0, 120.0, 300.0, 900.0)
"""Rests, one after the other: weak power and a drowned SIM need minutes, an operator's cure ends them at once."""
FLAP_S = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Waits before a port that keeps vanishing is opened again; a replugged one is opened at once."""
WELL_AFTER_S = 60.0
BOOT_LOOP = 3
"""Restarts within a minute: more is weak power (``^BOOT`` loops of an E220, gammu #393)."""
STREAK = 3
"""Refusals in a row with one code before they blame the modem or its SIM rather than the messages."""

_SIM_CODES = frozenset(
    {
        "sim_pin_needed",
        "sim_pin_refused",
        "sim_pin_last_try",
        "sim_puk",
        "sim_locked",
        "sim_refused",
        "smsc_unknown",
    }
)
"""What no restart cures. A SIM that is missing or failed is not among them: after a dip in power one finds it again."""


def evidence_of(failure: ModemdError) -> Evidence:
    """What a failure of a link or of a bring-up speaks for."""
    if isinstance(failure, PortLost):
        return Evidence.GONE
    if isinstance(failure, CommandTimeout):
        return Evidence.SILENT
    if failure.code == "reset":
        return Evidence.RESTARTED
    if failure.code == "sick":
        return Evidence.SICK
    if isinstance(failure, BringUpError):
        return Evidence.SIM if failure.code in _SIM_CODES else Evidence.SICK
    return Evidence.CONFUSED if isinstance(failure, AtError) else Evidence.SICK


@dataclass(frozen=True)
class Means:
    """Which rungs there are for this modem."""

    restart: bool = True
    """False where ``+CFUN=1,1`` is poison."""
    reauthorise: bool = False
    """True for a USB device that we may switch."""


class Health:
    """One modem's record; says what is to be done next."""

    def __init__(self) -> None:
        self._step = 0
        self._quarantines = 0
        self._flaps = 0
        self._restarts: deque[float] = deque(maxlen=BOOT_LOOP + 1)
        self._ready_since: float | None = None

    def ready(self, now: float) -> None:
        """It was brought up."""
        self._ready_since = now

    def accepted(self) -> None:
        """The network took a message from it: whatever was, is over."""
        self._step = self._quarantines = self._flaps = 0

    def pardoned(self) -> None:
        """A person has seen to it."""
        self.accepted()
        self._restarts.clear()

    def failed(self, evidence: Evidence, now: float, means: Means) -> tuple[Rung, float]:
        """The rung for this failure, and the seconds to rest on it."""
        if self._ready_since is not None and now - self._ready_since > WELL_AFTER_S:
            self.accepted()
        self._ready_since = None
        if evidence is Evidence.GONE:
            self._flaps += 1
            return Rung.REOPEN, FLAP_S[min(self._flaps, len(FLAP_S)) - 1]
        if evidence is Evidence.RESTARTED and not self._loops(now):
            return Rung.PING, 0.0
        ladder = [rung for rung in LADDERS[evidence] if self._there_is(rung, means)]
        rung = Rung.QUARANTINE if evidence is Evidence.RESTARTED else ladder[min(self._step, len(ladder) - 1)]
        self._step += 1
        return rung, self._quarantine_s() if rung is Rung.QUARANTINE else 0.0

    def _loops(self, now: float) -> bool:
        self._restarts.append(now)
        return len(self._restarts) > BOOT_LOOP and now - self._restarts[0] < WELL_AFTER_S

    def _quarantine_s(self) -> float:
        self._quarantines += 1
        return QUARANTINE_S[min(self._quarantines, len(QUARANTINE_S)) - 1]

    @staticmethod
    def _there_is(rung: Rung, means: Means) -> bool:
        return not (
            (rung is Rung.RESTART and not means.restart) or (rung is Rung.REAUTHORISE and not means.reauthorise)
        )


class Treatment(StrEnum):
    """What one outcome asks of the pool besides settling it."""

    NOTHING = "nothing"
    REST = "rest"
    """Leave the modem alone for some seconds."""
    EMPTY = "empty"
    """Empty its message storage."""
    REJOIN = "rejoin"
    """Ask for the network."""
    LOOK = "look"
    """Bring it up again: the state of its SIM has changed, or its settings have."""
    SICK = "sick"
    """It is the modem: the ladder."""
    HOLD = "hold"
    """It is the SIM: quarantine."""


_TREATMENTS = {
    "cms-305": Treatment.LOOK,
    **dict.fromkeys(("cms-208", "cms-211", "cms-322", "cms-531", "cme-20"), Treatment.EMPTY),
    **dict.fromkeys(("cms-331", "cme-30", "cme-32", "cms-302", "cme-3"), Treatment.REJOIN),
    **dict.fromkeys(
        ("cms-310", "cms-311", "cms-313", "cms-315", "cms-316", "cms-330", "cme-10", "cme-11", "cme-12", "cme-13"),
        Treatment.LOOK,
    ),
}


PAUSES_S = (0.0, 0.0, 2.0, 5.0, 15.0, 60.0)
"""Rests after so many messages in a row that were not accepted: one or two say little of the modem, each further one
more, and what it is tried with next is delayed by it."""


def casts_doubt(outcome: Outcome, judgement: Judgement | None = None) -> bool:
    """Whether it may be the modem, its SIM or its cell that kept a message from being accepted."""
    if outcome.verdict is Verdict.ACCEPTED or outcome.fault is None:
        return False
    ambiguous = judgement is not None and judgement.streak is not None
    return ambiguous or outcome.fault not in {Fault.MESSAGE, Fault.DRIVER}


class Streaks:
    """Follows one modem's outcomes: a code that repeats is no longer the messages' fault."""

    def __init__(self) -> None:
        self._code = ""
        self._count = 0

    def treatment(self, outcome: Outcome, judgement: Judgement | None, doubts: int = 0) -> tuple[Treatment, float]:
        """What this outcome asks for, and for how many seconds where it is a rest; ``doubts`` includes this one."""
        if outcome.verdict is Verdict.ACCEPTED:
            self._code, self._count = "", 0
            return Treatment.NOTHING, 0.0
        if judgement is None:
            return Treatment.NOTHING, 0.0
        self._count = self._count + 1 if outcome.code == self._code else 1
        self._code = outcome.code
        if self._count >= STREAK:
            blamed = judgement.streak or judgement.fault
            if blamed in {Fault.MODEM, Fault.SIM}:
                self._code, self._count = "", 0
                return (Treatment.SICK if blamed is Fault.MODEM else Treatment.HOLD), 0.0
        pause_s = PAUSES_S[min(max(doubts, 1), len(PAUSES_S)) - 1] if casts_doubt(outcome, judgement) else 0.0
        rest_s = max(float(judgement.rest_s), pause_s)
        if outcome.code in _TREATMENTS:
            return _TREATMENTS[outcome.code], rest_s
        return (Treatment.REST, rest_s) if rest_s else (Treatment.NOTHING, 0.0)
