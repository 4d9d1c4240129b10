"""What a segment costs, by the beginning of the number it goes to; money is whole numbers of the smallest unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from modemd.errors import InvalidField

MOST = 1_000_000_000
"""Of the smallest unit that can be booked at once."""


@dataclass(frozen=True)
class Tariff:
    """What the operator has decided; without prices nothing is sold, without a trial nobody is limited."""

    prices: Mapping[str, int] = field(default_factory=dict)
    """What a segment costs, by prefix: the longest that fits a number wins."""
    price: int | None = None
    """For numbers that none fits; None: they cannot be sent to."""
    trial: int | None = None
    """Segments that an account which a stranger opened may send before it pays; None: as many as it likes."""
    currency: str = "PLN"
    decimals: int = 2
    """Decimal places of the currency."""
    vat: int = 0
    """Percent of value added tax that the prices include."""
    seller: str = ""
    """Who issues invoices: name, address and VAT id as they are to be printed."""

    @property
    def sells(self) -> bool:
        """Whether there is anything to pay."""
        return bool(self.prices) or self.price is not None

    @property
    def limits(self) -> bool:
        """Whether anything is counted at all."""
        return self.sells or self.trial is not None

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        return tuple(sorted({len(prefix) for prefix in self.prices}, reverse=True))

    def of(self, number: str) -> int | None:
        """What a segment to this number costs; None if it has no price although others have."""
        if not self.sells:
            return 0
        for length in self._lengths:
            price = self.prices.get(number[:length])
            if price is not None:
                return price
        return self.price

    def money(self, amount: int) -> str:
        """An amount as it is printed: ``12.30 PLN``."""
        sign, digits = "-" if amount < 0 else "", str(abs(amount)).rjust(self.decimals + 1, "0")
        whole, cents = (digits[: -self.decimals], "." + digits[-self.decimals :]) if self.decimals else (digits, "")
        return f"{sign}{whole}{cents} {self.currency}"

    def amount(self, text: str) -> int:
        """What is typed: ``12.30``, or ``1230`` of the smallest unit. Raises InvalidField."""
        form = rf"-?[0-9]{{1,9}}(\.[0-9]{{{self.decimals}}})?" if self.decimals else r"-?[0-9]{1,9}"
        amount = int(text.replace(".", "")) if re.fullmatch(form, text) else 0
        if not 0 < abs(amount) <= MOST:
            cure = f"write 1230 or 12.30 for {self.money(1230)}" if self.decimals == 2 else "give a whole number"
            raise InvalidField("amount", "this is no amount of money", cure=cure)
        return amount
