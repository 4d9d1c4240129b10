"""What is in hand of one account: messages ready to be sent, and which of them goes next."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from modemd.errors import ModemdError
from modemd.queue.rows import Message

P = TypeVar("P")


@dataclass(slots=True, eq=False)
class Claim(Generic[P]):
    """One message in hand."""

    message: Message
    prepared: P | None
    """What the sender made of it; None if that failed."""
    failure: ModemdError | None = None
    passed: int = 0
    """How often a later message was preferred to it."""


Fit = Callable[[Claim[P]], int]
"""How well a message fits the modems that are asked about: NEVER, at a pinch, or WELCOME."""
NEVER, WELCOME = 0, 2


@dataclass(slots=True)
class Stock(Generic[P]):
    """What is in hand of one account in one lane, the oldest first."""

    claims: deque[Claim[P]]
    wakes: int = 0
    """How often work was announced: a fetch that began before does not prove that there is none."""
    dry: bool = False
    """The database has no more at this moment."""
    returned: bool = False
    """One that was taken from here lies in the database again, and is older than what is in hand."""

    def hold(self, claim: Claim[P]) -> None:
        """Put a message in its place."""
        insort(self.claims, claim, key=_place)

    def best(self, fit: Fit[P], patience: int) -> Claim[P] | None:
        """The oldest message that is welcome, or that fits and was passed over so often; else one at a pinch."""
        at_a_pinch: list[Claim[P]] = []
        for claim in self.claims:
            found = fit(claim)
            if found >= WELCOME or (found > NEVER and claim.passed >= patience):
                for other in at_a_pinch:
                    other.passed += 1
                return claim
            if found > NEVER:
                at_a_pinch.append(claim)
        return at_a_pinch[0] if at_a_pinch else None


def _place(claim: Claim[P]) -> tuple[int, int]:
    """As the database orders an account's messages."""
    return claim.message.due, claim.message.id
