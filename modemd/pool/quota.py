"""How much one SIM may send: segments by calendar minute, hour, day and month, different recipients, a least gap.

Pure arithmetic on moments (microseconds since 1970): what was counted is loaded and written by others. A limit counts
segments, because the network does. A window begins when the operator's own clock shows a new minute, hour, day or
month, so that days of 23 and 25 hours and months of every length come out as a calendar has them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import IntEnum
from typing import NamedTuple

from modemd.clock import SECOND

TAG_BYTES = 16
"""Octets of a recipient's tag: a collision among a few hundred would only save the SIM one recipient."""


class Unit(IntEnum):
    """The calendar units that limits are given for."""

    MINUTE = 0
    HOUR = 1
    DAY = 2
    MONTH = 3


class Window(NamedTuple):
    """One calendar unit: its first moment, and the first after it."""

    start: int
    end: int


class Calendar:
    """The operator's calendar; a time zone may change its offset by any step at any hour."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._last: list[Window] = [Window(0, 0)] * len(Unit)

    def window(self, unit: Unit, moment: int) -> Window:
        """The calendar unit that holds this moment."""
        last = self._last[unit]
        if not last.start <= moment < last.end:
            last = self._last[unit] = self._clock(unit, moment) if unit <= Unit.HOUR else self._dates(unit, moment)
        return last

    def _clock(self, unit: Unit, moment: int) -> Window:
        """Minutes and hours as the wall clock shows them; the one that a change of offset cuts short is short."""
        length = (60 if unit is Unit.MINUTE else 3600) * SECOND
        shown = moment + self._offset(moment)
        start = moment - shown % length
        return Window(start, start + length)

    def _dates(self, unit: Unit, moment: int) -> Window:
        """Days and months from midnight to midnight."""
        first = self._local(moment).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
        after = first + timedelta(days=1)
        if unit is Unit.MONTH:
            first = first.replace(day=1)
            after = (first + timedelta(days=31)).replace(day=1)
        return Window(self._moment(first), self._moment(after))

    def _moment(self, midnight: datetime) -> int:
        """Where there is no midnight that day, the moment at which it was skipped; where there are two, the first."""
        return round(midnight.replace(tzinfo=self._zone).timestamp()) * SECOND

    def _local(self, moment: int) -> datetime:
        return datetime.fromtimestamp(moment // SECOND, self._zone)

    def _offset(self, moment: int) -> int:
        offset = self._local(moment).utcoffset()
        return round(offset.total_seconds()) * SECOND if offset else 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one SIM may send; 0 is no limit."""

    per_minute: int = 0
    per_hour: int = 0
    per_day: int = 0
    per_month: int = 0
    recipients_per_month: int = 0
    gap: float = 0.0
    """Seconds from the last segment of a message to the first of the next, each counted when its Ctrl-Z may go out."""

    @property
    def segments(self) -> tuple[int, int, int, int]:
        """The limits in segments, by unit."""
        return self.per_minute, self.per_hour, self.per_day, self.per_month

    @property
    def longest(self) -> int:
        """Segments of the longest message that fits into every window; 0 is no limit."""
        return min((limit for limit in self.segments if limit), default=0)

    def __bool__(self) -> bool:
        return any((*self.segments, self.recipients_per_month, self.gap))


class Used(NamedTuple):
    """What a SIM has sent, in segments, in the windows that hold ``at``."""

    at: int = 0
    minute: int = 0
    hour: int = 0
    day: int = 0
    month: int = 0


class Recipients:
    """Whom one SIM has sent to in one month, as tags under a key that dies with the month."""

    __slots__ = ("_key", "_tags", "month")

    def __init__(self, month: Window, key: bytes, tags: Iterable[bytes] = ()) -> None:
        self.month = month
        self._key = key
        self._tags = set(tags)

    def __len__(self) -> int:
        return len(self._tags)

    def __contains__(self, number: str) -> bool:
        return self._tag(number) in self._tags

    def add(self, number: str) -> bytes | None:
        """Count a recipient; the tag to be kept, None if it was counted before."""
        tag = self._tag(number)
        if tag in self._tags:
            return None
        self._tags.add(tag)
        return tag

    def _tag(self, number: str) -> bytes:
        return hmac.digest(self._key, number.encode(), hashlib.sha256)[:TAG_BYTES]


class Meter:
    """One SIM against its limits."""

    def __init__(
        self, limits: Limits, calendar: Calendar, used: Used | None = None, recipients: Recipients | None = None
    ) -> None:
        self.limits = limits
        self.recipients = recipients
        """This month's; None where they are not limited."""
        self._calendar = calendar
        self._gap = round(limits.gap * SECOND)
        self._at, *counts = used or Used()
        self._counts: list[int] = counts
        self._windows = [calendar.window(unit, self._at) for unit in Unit]

    @property
    def used(self) -> Used:
        """What is to be kept of it."""
        return Used(self._at, *self._counts)

    def left(self, now: int) -> dict[str, int]:
        """How much of each limit there is left in its window; those that are no limit are left out."""
        self._roll(now)
        limits = zip(Unit, self.limits.segments, self._counts, strict=True)
        left = {unit.name.lower(): max(0, limit - used) for unit, limit, used in limits if limit}
        if self.recipients is not None:
            left["recipients"] = max(0, self.limits.recipients_per_month - len(self.recipients))
        return left

    def until(self, now: int, segments: int = 1) -> int:
        """When a message of so many segments may begin: ``now``, or the first moment at which every window has room.

        What is longer than a whole window never fits; it is told apart by ``Limits.longest``.
        """
        self._roll(now)
        wait = max(now, self._at + self._gap) if self._gap and self._at <= now else now
        for limit, used, window in zip(self.limits.segments, self._counts, self._windows, strict=True):
            if limit and used + segments > limit:
                wait = max(wait, window.end)
        return wait

    def relief(self, now: int) -> int | None:
        """When it next has more room than now; None if nothing is in its way."""
        self._roll(now)
        ends = [
            window.end
            for limit, used, window in zip(self.limits.segments, self._counts, self._windows, strict=True)
            if limit and used
        ]
        if self._gap and self._at <= now < self._at + self._gap:
            ends.append(self._at + self._gap)
        if self.recipients is not None and len(self.recipients):
            ends.append(self.recipients.month.end)
        return min(ends, default=None)

    def limited_until(self, now: int) -> int | None:
        """Until when it may send nothing, or to nobody new; None if it may."""
        wait = self.until(now)
        if self.recipients is not None and len(self.recipients) >= self.limits.recipients_per_month:
            wait = max(wait, self.recipients.month.end)
        return wait if wait > now else None

    def takes(self, now: int, segments: int, number: str) -> bool:
        """Whether a message of so many segments to this number may begin now."""
        longest = self.limits.longest
        if (longest and segments > longest) or self.until(now, segments) > now:
            return False
        recipients = self.recipients
        if recipients is None:
            return True
        return len(recipients) < self.limits.recipients_per_month or number in recipients

    def is_new(self, number: str) -> bool:
        """Whether this recipient would be counted; False where recipients are not limited."""
        return self.recipients is not None and number not in self.recipients

    def stale(self, now: int) -> bool:
        """Whether its recipients are those of a month that is over: it rests until it has this month's."""
        return self.recipients is not None and now >= self.recipients.month.end

    def count(self, now: int, number: str) -> bytes | None:
        """One segment goes out; the tag of its recipient if that is a new one this month."""
        self._roll(now)
        self._at = now
        self._counts = [used + 1 for used in self._counts]
        return self.recipients.add(number) if self.recipients is not None else None

    def give_back(self) -> None:
        """The segment that was counted last did not go out."""
        for place, window in enumerate(self._windows):
            if window.start <= self._at < window.end and self._counts[place]:
                self._counts[place] -= 1

    def _roll(self, now: int) -> None:
        """Begin the windows that ``now`` lies in; a clock that was set back gives nothing free."""
        for unit in Unit:
            window = self._windows[unit]
            if now >= window.end:
                self._counts[unit] = 0
            elif now >= window.start:
                continue
            self._windows[unit] = self._calendar.window(unit, now)
