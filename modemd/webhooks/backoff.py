"""When what was not taken is tried again, and when it is given up: a pure function of how often it has failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FACTOR = 2.5
LONGEST_S = 6 * 3600.0
"""Between two attempts of one event."""
LONGEST_REST_S = 3600.0
"""Of a receiver: an hour after it is back, events flow again."""
KEPT_S = 72 * 3600.0
"""An event older than this is not news any more."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long receivers are waited for."""

    first_s: float = 5.0
    """The pause after the first failure; each next one is 2.5 times as long."""
    attempts: int = 12
    """Failures of one event after which it is a dead letter: with a first pause of 5 s, after 21 hours."""

    def pause(self, failures: int, random: Callable[[], float], longest_s: float = LONGEST_S) -> float:
        """Seconds until the next attempt after so many failures, spread over half of that (``random`` gives 0–1)."""
        whole = min(self.first_s * FACTOR ** min(max(failures - 1, 0), 30), longest_s)
        return whole * (0.5 + 0.5 * random())

    def over(self, failures: int, age_s: float) -> bool:
        """Whether an event is given up."""
        return failures >= self.attempts or age_s > KEPT_S
