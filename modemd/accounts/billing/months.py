"""Calendar months in the operator's time zone: what usage is summed by, and what an invoice is for."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import NamedTuple

from modemd.clock import SECOND
from modemd.errors import InvalidField

_FORM = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class Month(NamedTuple):
    """One month."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @property
    def number(self) -> int:
        """As it is stored: 202610."""
        return self.year * 100 + self.month

    @property
    def next(self) -> Month:
        """The one after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def last(self) -> Month:
        """The one before it."""
        return Month(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    def begins(self, zone: tzinfo) -> int:
        """Its first moment."""
        return round(datetime(self.year, self.month, 1, tzinfo=zone).timestamp()) * SECOND

    def window(self, zone: tzinfo) -> tuple[int, int]:
        """Its first moment, and the first after it."""
        return self.begins(zone), self.next.begins(zone)


def month_of(moment: int, zone: tzinfo) -> Month:
    """The month of a moment."""
    local = datetime.fromtimestamp(moment // SECOND, zone)
    return Month(local.year, local.month)


def read(text: str) -> Month:
    """A month as it is typed. Raises InvalidField."""
    match = _FORM.fullmatch(text)
    if match is None or not 2000 <= int(match[1]) < 9999:
        raise InvalidField("month", "this is no month", cure="write it like 2026-10")
    return Month(int(match[1]), int(match[2]))
