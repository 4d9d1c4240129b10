"""What goes into the queue and what comes out of it, as frozen rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from modemd.db import Transaction
from modemd.queue.charges import Charge
from modemd.queue.states import IfUncertain, State
from modemd.queue.usage import Spending
from modemd.values import Lane, Outcome


class Draft(NamedTuple):
    """One message about to be accepted, sealed by its account: one of up to ten thousand, hence a tuple."""

    id: int
    body: bytes
    parts: int
    """Segments it takes."""
    to_key: bytes
    """Keyed look-up form of the recipient."""
    price: int = 0
    """What a segment of it costs, where the account pays in advance."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all messages of one call share."""

    account: int
    lane: Lane
    due: int
    """Not before this moment; a moment in the past means at once."""
    expires: int | None
    if_uncertain: IfUncertain = IfUncertain.HOLD
    report: bool = False
    tag_key: bytes | None = None
    spending: Spending | None = None
    """What the call takes of its account's allowance, if that has a limit."""
    charge: Charge | None = None
    """What the call takes of an account that pays in advance."""
    beside: Callable[[Transaction, Sequence[int]], None] | None = None
    """Writes what belongs to these messages, by their ids, in the transaction that writes them."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The caller's own name for a call, so that a repeat is recognised."""

    key: bytes
    """Keyed look-up form of the Idempotency-Key."""
    fingerprint: bytes
    """Keyed form of the whole request."""
    rejected: bytes = b""
    """Sealed list of the recipients that were rejected, to answer a repeat."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it lies in the queue."""

    id: int
    account: int
    batch: int
    lane: Lane
    state: State
    parts: int
    sent_parts: int
    attempts: int
    refusals: int
    reference: int
    report: bool
    if_uncertain: IfUncertain
    created: int
    due: int
    expires: int | None
    handed_at: int | None
    sent_at: int | None
    delivered_at: int | None
    sim: str | None
    node: str | None
    error_code: str | None
    error_detail: str | None
    body: bytes
    tried: frozenset[str] = frozenset()
    """The SIMs that it was handed to without success; looked up only for a message that is claimed, or told of."""


COLUMNS = (
    "id, account, batch, lane, state, parts, sent_parts, attempts, refusals, reference, report, if_uncertain, "
    "created, due, expires, handed_at, sent_at, delivered_at, sim, node, error_code, error_detail, body"
)
"""The columns of a Message, in its order."""

_LANES = tuple(Lane)
_STATES = tuple(State)
_POLICIES = tuple(IfUncertain)


def message(row: Sequence[Any]) -> Message:
    """A Message from a row of COLUMNS."""
    values = list(row)
    values[3] = _LANES[row[3]]
    values[4] = _STATES[row[4]]
    values[10] = bool(row[10])
    values[11] = _POLICIES[row[11]]
    values[22] = bytes(row[22])
    return Message(*values)


@dataclass(frozen=True, slots=True)
class Settlement:
    """One attempt that has ended: which segment of which message, on which SIM, how and when."""

    message: Message
    part: int
    """The segment, from 1."""
    sim: str
    outcome: Outcome
    at: int
    in_doubt: bool = False
    """The SIM had not got the message before accepted either, through no proven fault of that."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One segment about to be sent, or sent, through a SIM."""

    message: int
    part: int
    sim: str
    at: int


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a message's story."""

    at: int
    part: int
    what: str
    sim: str | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class SentSegment:
    """One segment that waits for, or has, its status report."""

    number: int
    sim: str
    reference: int
    sent_at: int
    status: int | None
    final_at: int | None


@dataclass(frozen=True, slots=True)
class Story:
    """Everything the queue knows of one message."""

    message: Message
    happenings: list[Happening]
    segments: list[SentSegment]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much lies where."""

    states: dict[State, int]
    """Messages by state, for the states that do not end."""
    lanes: dict[Lane, int]
    """Queued messages by lane."""
    totals: dict[str, int]
    """Since the database was made: accepted, and entries into each end state."""
    oldest_due: int | None
    """The moment since which the longest-waiting queued message could have been sent."""

    @classmethod
    def nothing(cls) -> Counts:
        """What a database says that holds no queue yet."""
        return cls(dict.fromkeys(State, 0), dict.fromkeys(Lane, 0), {}, None)
