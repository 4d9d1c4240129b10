"""What is set for billing: the trial, the prices, who sells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from modemd.config.form import Section, parsed


def _mapped(value: object) -> object:
    """A table given as text, as an environment variable must: JSON."""
    return parsed(value, 'prices are JSON here: {"+48": 9}') if isinstance(value, str) else value


Price = Annotated[int, Field(ge=0, le=1_000_000)]


class Billing(Section):
    """What sending costs the accounts that strangers opened; the operator's own and those he makes send freely.

    Without prices there is nothing to pay, and nobody is asked for billing data: when the trial is over the operator
    may lift the limit (`modemd accounts plan WHO free`). Money is whole numbers of the smallest unit of the currency.
    """

    trial: int = Field(
        default=100, ge=0, le=100_000_000, description="segments such an account may send before it has to pay"
    )
    currency: str = Field(default="PLN", description="the currency of prices (ISO 4217)")
    decimals: int = Field(default=2, ge=0, le=4, description="decimal places of the currency")
    prices: Annotated[Mapping[str, Price], NoDecode, BeforeValidator(_mapped)] = Field(
        default={},
        description='what a segment costs, by the beginning of the number: `{"+48" = 9, "+49" = 35}`; the longest fits',
    )
    price: Price | None = Field(
        default=None, description="what it costs to numbers that none fits; without, these cannot be sent to"
    )
    vat: int = Field(default=0, ge=0, le=100, description="percent of value added tax that the prices include")
    seller: str = Field(
        default="", max_length=1000, description="name, address and VAT id of who issues invoices, as lines"
    )

    @field_validator("currency")
    @classmethod
    def _capitals(cls, value: str) -> str:
        if not re.fullmatch("[A-Z]{3}", value):
            raise ValueError("a currency is three capitals, as in ISO 4217: PLN")
        return value

    @field_validator("prices")
    @classmethod
    def _prefixes(cls, value: Mapping[str, int]) -> Mapping[str, int]:
        if not all(re.fullmatch(r"\+[1-9][0-9]{0,14}", prefix) for prefix in value):
            raise ValueError("a prefix is + and the first digits of numbers, for instance +48")
        return value
