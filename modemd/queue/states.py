"""The states of a message, and which may follow which.

    scheduled → queued → sending → sent → delivered | undelivered
    scheduled, queued, sending → failed | expired | cancelled
    sending → uncertain → sent | queued | failed
    scheduled, queued → uncertain, when a backup is restored (restored.py)

A message rests in one of the last six for ever, or in `uncertain` until somebody or something settles it.
"""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """Where a message is; the numbers are stored."""

    SCHEDULED = 0
    """Wanted later."""
    QUEUED = 1
    """Waiting for a modem."""
    SENDING = 2
    """On disk as about to be sent: a Ctrl-Z may have gone out."""
    UNCERTAIN = 3
    """A Ctrl-Z went out and nothing proves what became of it."""
    SENT = 4
    """The SMSC has all of it."""
    DELIVERED = 5
    """Every segment's status report says so."""
    UNDELIVERED = 6
    """A status report says that the SMSC has given up."""
    FAILED = 7
    EXPIRED = 8
    """Its time was over before the SMSC had it."""
    CANCELLED = 9

    @property
    def label(self) -> str:
        """The public name."""
        return self.name.lower()


class IfUncertain(IntEnum):
    """What the sender wants done when it cannot be known whether a message went out; the numbers are stored."""

    HOLD = 0
    """Leave it for a status report or a person."""
    RESEND = 1
    """Better twice than never."""
    FAIL = 2
    """Better never than twice."""


_S = State

MOVES: dict[State, frozenset[State]] = {
    _S.SCHEDULED: frozenset({_S.QUEUED, _S.FAILED, _S.EXPIRED, _S.CANCELLED, _S.UNCERTAIN}),
    _S.QUEUED: frozenset({_S.SENDING, _S.FAILED, _S.EXPIRED, _S.CANCELLED, _S.UNCERTAIN}),
    _S.SENDING: frozenset({_S.SENT, _S.QUEUED, _S.UNCERTAIN, _S.FAILED, _S.EXPIRED, _S.CANCELLED}),
    _S.UNCERTAIN: frozenset({_S.SENT, _S.QUEUED, _S.FAILED}),
    _S.SENT: frozenset({_S.DELIVERED, _S.UNDELIVERED}),
    _S.DELIVERED: frozenset(),
    _S.UNDELIVERED: frozenset({_S.QUEUED}),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.EXPIRED: frozenset({_S.QUEUED}),
    _S.CANCELLED: frozenset(),
}
"""Every legal move. An operator's `queue retry` is the one way back from an end state."""

ENDED = frozenset({_S.SENT, _S.DELIVERED, _S.UNDELIVERED, _S.FAILED, _S.EXPIRED, _S.CANCELLED})
"""States in which modemd has nothing left to send."""

TOTALS = frozenset({_S.SENT, _S.DELIVERED, _S.UNDELIVERED, _S.FAILED, _S.EXPIRED, _S.CANCELLED})
"""States whose entries are counted for ever."""


def by_label(label: str) -> State | None:
    """The state of a public name; None if there is none."""
    return State.__members__.get(label.upper()) if label.islower() else None
