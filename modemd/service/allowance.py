"""What the operator allows: how much each SIM and each account may send, in the calendar of his time zone; prices."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from modemd.accounts.billing.tariff import Tariff
from modemd.at import pdu
from modemd.clock import Clock
from modemd.config import Settings
from modemd.errors import InvalidField
from modemd.pool.quota import Calendar, Limits, Unit
from modemd.queue.usage import Spending


class Allowance:
    """The limits of the configuration."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.zone = ZoneInfo(settings.limits.time_zone)
        self.calendar = Calendar(self.zone)
        longest = [self.of_sim(iccid).longest for iccid in ("", *settings.sim.cards)]
        self._longest = max(longest) if all(longest) else 0

    @property
    def tariff(self) -> Tariff:
        """What sending costs, and how much of it is free."""
        settings = self._settings
        return Tariff(
            settings.billing.prices,
            settings.billing.price,
            trial=settings.billing.trial,
            currency=settings.billing.currency,
            decimals=settings.billing.decimals,
            vat=settings.billing.vat,
            seller=settings.billing.seller,
        )

    def of_sim(self, iccid: str) -> Limits:
        """What this SIM may send."""
        return Limits(**self._settings.limits.of_sim(self._settings.sim.card(iccid)))

    def count(self, text: str) -> int:
        """The segments of a text. Raises InvalidField if no SIM may send so many at once."""
        parts = pdu.count(text).parts
        if self._longest and parts > self._longest:
            detail = f"the text takes {parts} segments, no SIM here may send more than {self._longest} at once"
            raise InvalidField("text", detail, cure="shorten it", code="text_too_long")
        return parts

    def spending(self, account: int, segments: int) -> Spending | None:
        """What so many segments take of an account's allowance; None if it has no limit."""
        per_day, per_month = self._settings.limits.of_account(account)
        if not per_day and not per_month:
            return None
        now = self._clock.now()
        day, month = self.calendar.window(Unit.DAY, now), self.calendar.window(Unit.MONTH, now)
        return Spending(segments, day, month, per_day, per_month)
