"""What is set for SIMs and for accounts: PINs, limits, who sends through which SIM."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from modemd import ids
from modemd.config.form import ACCOUNT_ID, AccountId, Amount, Gap, Most, Pin, Section, Texts, UssdCode, gathered, listed

K = TypeVar("K")
T = TypeVar("T")


class SimCard(Section):
    """What holds for one SIM, in a table named by its ICCID; a limit that is not given is that of [limits]."""

    pin: Pin | None = Field(default=None, description="its PIN")
    weight: int = Field(default=1, ge=1, le=100, description="its share of the messages beside the other SIMs'")
    home: Texts = Field(default=(), description="prefixes of numbers of its own network, which it is preferred for")
    accounts: Annotated[tuple[AccountId, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=(), description="accounts that send through this SIM and no other, and for which alone it sends"
    )
    per_minute: Most | None = Field(default=None, description="segments a minute; 0 is no limit")
    per_hour: Most | None = Field(default=None, description="segments an hour")
    per_day: Most | None = Field(default=None, description="segments a day")
    per_month: Most | None = Field(default=None, description="segments a month")
    recipients_per_month: Most | None = Field(default=None, description="different recipients a month")
    gap: Gap | None = Field(default=None, description="seconds from one message to the next at least")
    balance_code: UssdCode | None = Field(default=None, description="the USSD code that asks for its credit")
    balance_pattern: Amount | None = Field(
        default=None, description="a regular expression for the amount in the answer"
    )
    low_credit: Decimal | None = Field(
        default=None, ge=0, description="credit below which it sends nothing; 0 is never"
    )

    @field_validator("home")
    @classmethod
    def _prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"\+[1-9][0-9]{0,14}", prefix) for prefix in value):
            raise ValueError("a prefix is + and the first digits of numbers, for instance +48601")
        return value


class Sim(Section):
    """SIMs: a PIN for all of them, and what holds for one in a table [sim."ICCID"]."""

    pin: Pin | None = Field(default=None, description="the PIN of every SIM whose own table names none")
    balance_code: UssdCode | None = Field(
        default=None, description='the USSD code that asks for a SIM\'s credit, such as "*100#"; by default nobody asks'
    )
    balance_pattern: Amount = Field(
        default=r"(?<![.,\d])(\d+[.,]\d\d)(?![.,]?\d)",
        description="a regular expression for the answer, its first group the amount",
    )
    low_credit: Decimal = Field(
        default=Decimal(0), ge=0, description="credit below which a SIM sends nothing until there is more; 0 is never"
    )
    cards: Mapping[str, SimCard] = Field(
        default_factory=dict, exclude=True, description="tables named by an ICCID (18 to 20 digits)"
    )

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, data: object) -> object:
        """A table is named by an ICCID (18 to 20 digits, ITU-T E.118) or, where none can be read, an IMSI (14, 15)."""
        return gathered(data, r"\d{14,15}|\d{18,20}")

    def card(self, sim: str) -> SimCard:
        """What holds for one SIM."""
        return self.cards.get(sim) or SimCard()

    @property
    def bound(self) -> dict[int, frozenset[str]]:
        """The SIMs of each account that sends through no others."""
        return _inverted({sim: [_account(text) for text in card.accounts] for sim, card in self.cards.items()})

    @property
    def home(self) -> dict[str, frozenset[str]]:
        """The SIMs that are preferred for each prefix."""
        return _inverted({sim: card.home for sim, card in self.cards.items()})

    @property
    def weights(self) -> dict[str, int]:
        """The SIMs whose share is set."""
        return {sim: card.weight for sim, card in self.cards.items()}

    def credit_of(self, sim: str) -> tuple[str, str, Decimal] | None:
        """Code, pattern and least credit of a SIM that is asked for it."""
        card = self.card(sim)
        code, low = _own(card.balance_code, self.balance_code), _own(card.low_credit, self.low_credit)
        return None if code is None else (code, _own(card.balance_pattern, self.balance_pattern), low)

    def pin_of(self, iccid: str | None) -> SecretStr | None:
        """The PIN for the SIM with this ICCID; the common one if it has none of its own or is not known yet."""
        card = self.cards.get(iccid) if iccid else None
        return card.pin if card and card.pin else self.pin


class AccountLimits(Section):
    """What holds for one account, in a table named by its id; a limit that is not given is that of [limits]."""

    per_day: Most | None = Field(default=None, description="segments it may submit a day; 0 is no limit")
    per_month: Most | None = Field(default=None, description="segments it may submit a month")
    weight: int = Field(default=1, ge=1, le=100, description="its share of the pool beside the other accounts'")


class Limits(Section):
    """How much each SIM may send and each account submit, in segments, by the calendar; 0 is no limit.

    At its limit a SIM sends nothing until the calendar turns, whatever the lane; an account's calls are refused (429).
    An account's own limits stand in a table [limits."a_…"], a SIM's in [sim."ICCID"].
    """

    time_zone: str = Field(default="Europe/Warsaw", description="where days and months begin at midnight (IANA name)")
    per_minute: Most = Field(default=0, description="segments a minute on each SIM")
    per_hour: Most = Field(default=0, description="segments an hour on each SIM")
    per_day: Most = Field(default=0, description="segments a day on each SIM")
    per_month: Most = Field(default=0, description="segments a month on each SIM")
    recipients_per_month: Most = Field(default=0, description="different recipients a month on each SIM")
    gap: Gap = Field(default=0.0, description="seconds from one message to the next on each SIM at least")
    account_per_day: Most = Field(default=0, description="segments each account may submit a day")
    account_per_month: Most = Field(default=0, description="segments each account may submit a month")
    cards: Mapping[str, AccountLimits] = Field(
        default_factory=dict, exclude=True, description="tables named by an account's id (a_…)"
    )

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, data: object) -> object:
        return gathered(data, ACCOUNT_ID)

    def of_sim(self, card: SimCard) -> dict[str, Any]:
        """The limits of one SIM by their names."""
        return {key: _own(getattr(card, key), getattr(self, key)) for key in _OF_SIM}

    def of_account(self, account: int) -> tuple[int, int]:
        """What an account may submit a day and a month."""
        own = self.cards.get(ids.encode("a", account)) or AccountLimits()
        return _own(own.per_day, self.account_per_day), _own(own.per_month, self.account_per_month)

    @property
    def weights(self) -> dict[int, int]:
        """The accounts whose share is set."""
        return {_account(text): own.weight for text, own in self.cards.items()}

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("there is no such time zone; write it like Europe/Warsaw, or UTC") from None
        return value


_OF_SIM = ("per_minute", "per_hour", "per_day", "per_month", "recipients_per_month", "gap")


def _own(own: T | None, common: T) -> T:
    return common if own is None else own


def _account(text: str) -> int:
    """The number of an id that has the form of one."""
    return ids.decode("a", text) or 0


def _inverted(of: Mapping[str, Iterable[K]]) -> dict[K, frozenset[str]]:
    """The names under each value."""
    values = {value for listed in of.values() for value in listed}
    return {value: frozenset(name for name, listed in of.items() if value in listed) for value in values}


class Pool(Section):
    """Which modem takes which message, beyond the one that has been idle longest."""

    sticky_sim: bool = Field(
        default=False, description="send to a recipient through the same SIM each time, as long as it is there"
    )
