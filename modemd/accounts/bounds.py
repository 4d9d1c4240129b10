"""What the operator has set for every call: how long messages live, and how much an account may submit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modemd.queue.usage import Spending
from modemd.values import Lane

LIFE_S = 48 * 3600
"""Seconds a message without `valid_for` may wait: what most service centres keep one themselves."""


def _unlimited(_account: int, _segments: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Bounds:
    """They hold for whoever submits."""

    life_s: int = LIFE_S
    spending: Callable[[int, int], Spending | None] = _unlimited
    """What so many segments take of an account's allowance; None if it has no limit."""

    def of(self, account: int, lane: Lane, segments: int) -> Spending | None:
        """What a call takes of the account's allowance; the service's own messages take nothing."""
        return None if lane is Lane.SYSTEM else self.spending(account, segments)
