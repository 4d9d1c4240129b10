"""What a call costs its account: nothing, unless the account pays in advance or is on trial."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from modemd.accounts.billing.plans import Plans
from modemd.accounts.billing.tariff import Tariff
from modemd.accounts.numbers import Rejected
from modemd.queue.charges import Charge
from modemd.values import Lane

SLICE = 500
"""Prices looked up in one turn of the loop: below a millisecond."""


M = TypeVar("M", bound="Priced")


class Priced(Protocol):
    """One message of a call."""

    @property
    def to(self) -> str:
        """Its recipient."""

    @property
    def parts(self) -> int:
        """Its segments."""


class Bill(NamedTuple):
    """What a call costs."""

    prices: Sequence[int]
    """A segment of each message."""
    charge: Charge


class Till:
    """Works out what calls cost; what is taken is taken by the queue, with the messages."""

    def __init__(self, tariff: Tariff, plans: Plans) -> None:
        self._tariff = tariff
        self._plans = plans

    async def priced(
        self, account: int, lane: Lane, messages: list[M], rejected: list[Rejected]
    ) -> tuple[list[M], Bill | None]:
        """The messages that can be sent, and what they cost; None where nobody counts.

        Those to whose number there is no price are rejected.
        """
        if lane is Lane.SYSTEM or not self._tariff.limits or not await self._plans.prepaid(account):
            return messages, None
        kept, prices = [], []
        for place, message in enumerate(messages):
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            price = self._tariff.of(message.to)
            if price is None:
                rejected.append(Rejected(to=message.to, code="no_price", detail=_NO_PRICE))
            else:
                kept.append(message)
                prices.append(price)
        return kept, self._bill(kept, prices)

    def _bill(self, messages: Sequence[Priced], prices: Sequence[int]) -> Bill:
        lines: Counter[int] = Counter()
        for message, price in zip(messages, prices, strict=True):
            lines[price] += message.parts
        return Bill(prices, Charge(lines, self._tariff.trial or 0, self._tariff.sells))


_NO_PRICE = "this gateway sells no messages to such numbers"
