"""What an account that pays, or is on trial, has used: segments and what they cost, month by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import NamedTuple

from modemd.accounts.billing.months import Month, month_of
from modemd.clock import Clock
from modemd.db import Database, Reader
from modemd.queue.charges import Kind

MONTHS = 12
"""Shown: this one and those before it."""


class Line(NamedTuple):
    """Segments of one price; negative where more was given back than taken."""

    price: int
    segments: int

    @property
    def amount(self) -> int:
        """What they cost."""
        return self.price * self.segments


@dataclass(frozen=True, slots=True)
class MonthUsed:
    """What was used in a month; what was given back counts in the month in which that happened."""

    month: Month
    trial: int
    """Segments on trial."""
    lines: Sequence[Line]
    """Segments for credit, by price."""
    paid: int
    """Credit that was booked."""

    @property
    def amount(self) -> int:
        """What it cost."""
        return sum(line.amount for line in self.lines)

    @property
    def segments(self) -> int:
        """Segments for credit."""
        return sum(line.segments for line in self.lines)


class Usage:
    """What accounts have used, by the operator's calendar."""

    def __init__(self, database: Database, zone: tzinfo, clock: Clock) -> None:
        self._database = database
        self._zone = zone
        self._clock = clock

    async def months(self, account: int) -> list[MonthUsed]:
        """The months in which something was booked, the newest first, this one always."""
        this = month_of(self._clock.now(), self._zone)
        wanted = [this]
        while len(wanted) < MONTHS:
            wanted.append(wanted[-1].last)
        found = await self._database.read(lambda db: [used(db, account, month, self._zone) for month in wanted])
        return [one for one in found if one.month == this or one.trial or one.lines or one.paid]


def used(db: Reader, account: int, month: Month, zone: tzinfo) -> MonthUsed:
    """Within a transaction: what was used in one month."""
    rows = db.execute(
        "SELECT kind, price, SUM(segments), SUM(amount) FROM booking WHERE account = ? AND at >= ? AND at < ?"
        " GROUP BY kind, price ORDER BY kind, price",
        (account, *month.window(zone)),
    ).fetchall()
    return MonthUsed(
        month,
        trial=sum(int(segments) for kind, _, segments, _ in rows if kind == Kind.TRIAL),
        lines=[Line(price, int(segments)) for kind, price, segments, _ in rows if kind == Kind.CREDIT and segments],
        paid=sum(int(amount) for kind, _, _, amount in rows if kind == Kind.PAYMENT),
    )
