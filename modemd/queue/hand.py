"""What is in hand of one account: messages ready to be sent, and which of them goes next."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
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

OTHERS = 3
"""Messages not tried yet that go between two that were: an outage for many recipients costs the rest of their
account's messages a quarter of its turns, and a message that was refused waits for four turns, not for a campaign."""


@dataclass(slots=True)
class Stock(Generic[P]):
    """What is in hand of one account in one lane, the oldest first.

    What was handed to a modem before and is due again (``again``) goes before the others (``fresh``), which are
    younger; but between two of these go `OTHERS` others, so that many bad numbers do not delay the rest for long.
    """

    again: deque[Claim[P]] = field(default_factory=deque)
    fresh: deque[Claim[P]] = field(default_factory=deque)
    more_again: bool = True
    """The database may have more of these."""
    more_fresh: bool = True
    wakes: int = 0
    """How often work was announced: a fetch that began before does not prove that there is none."""
    returned: bool = False
    """One that was handed to a modem before is due again: it goes before what is in hand."""
    others: int = 0
    """Others that go before the next that was handed to a modem before."""

    def __len__(self) -> int:
        return len(self.again) + len(self.fresh)

    @property
    def dry(self) -> bool:
        """The database has no more at this moment."""
        return not (self.more_again or self.more_fresh)

    def wake(self) -> None:
        """Work was announced."""
        self.wakes += 1
        self.more_again = self.more_fresh = True

    def wants(self, least: int, count: int) -> tuple[int, int]:
        """How many to fetch, of those that were not tried yet and of those that were, where less than so many lie here.

        Of the latter no more than can go in their turns, unless there are no others.
        """
        every = OTHERS + 1 if self.fresh or self.more_fresh else 1
        fresh = count if self.more_fresh and len(self.fresh) < least else 0
        if not self.more_again or not (self.returned or len(self.again) < max(1, least // every)):
            return fresh, 0
        return fresh, max(0, max(1, count // every) - len(self.again))

    def hold(self, claim: Claim[P]) -> None:
        """Put a message in its place."""
        insort(self._those_with(claim), claim, key=_place)

    def put_back(self, claim: Claim[P]) -> None:
        """Put a message that was taken back in its place: it is next again."""
        self.hold(claim)
        if claim.message.attempts:
            self.others = 0

    def take(self, claim: Claim[P]) -> None:
        """Take out a message whose turn it is."""
        self._those_with(claim).remove(claim)
        self.others = OTHERS if claim.message.attempts else max(0, self.others - 1)

    def drop(self, number: int) -> Claim[P] | None:
        """Take out a message by its id, if it is here."""
        found = next((claim for claim in chain(self.again, self.fresh) if claim.message.id == number), None)
        if found is not None:
            self._those_with(found).remove(found)
        return found

    def clear(self) -> None:
        """Nothing of this is to be sent any more."""
        self.again.clear()
        self.fresh.clear()
        self.more_again = self.more_fresh = False

    def best(self, fit: Fit[P], patience: int) -> Claim[P] | None:
        """The first message that is welcome, or that fits and was passed over so often; else one at a pinch."""
        at_a_pinch: list[Claim[P]] = []
        for claim in chain(self.fresh, self.again) if self.others else chain(self.again, self.fresh):
            found = fit(claim)
            if found >= WELCOME or (found > NEVER and claim.passed >= patience):
                for other in at_a_pinch:
                    other.passed += 1
                return claim
            if found > NEVER:
                at_a_pinch.append(claim)
        return at_a_pinch[0] if at_a_pinch else None

    def _those_with(self, claim: Claim[P]) -> deque[Claim[P]]:
        return self.again if claim.message.attempts else self.fresh


def _place(claim: Claim[P]) -> tuple[int, int]:
    """As the database orders an account's messages."""
    return claim.message.due, claim.message.id
