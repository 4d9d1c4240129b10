"""What all sections share: how a table is checked, and the forms of values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode


class Section(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def parsed(text: str, form: str) -> object:
    """A value given as JSON; raises ValueError with the form it has to have."""
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(form) from None


def listed(value: object) -> object:
    """A list given as text, as environment variables must: JSON if it opens with a bracket, else comma-separated."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return parsed(value, 'a list is comma-separated, or JSON such as ["a", "b"]')
    return [part.strip() for part in value.split(",") if part.strip()]


def gathered(data: object, form: str) -> object:
    """The tables of a section whose names have this form, moved under ``cards``."""
    if not isinstance(data, Mapping):
        return data
    if "cards" in data:
        raise ValueError("cards is no key of it")
    cards = {key: value for key, value in data.items() if re.fullmatch(form, key)}
    return {key: value for key, value in data.items() if key not in cards} | ({"cards": cards} if cards else {})


def _pin(value: SecretStr) -> SecretStr:
    """A PIN has four to eight digits (TS 27.007 8.3, TS 51.011 9.3)."""
    if not re.fullmatch(r"[0-9]{4,8}", value.get_secret_value()):
        raise ValueError("a PIN is four to eight digits, written in quotes")
    return value


def _country(value: str) -> str:
    """A country that has telephone numbers (ISO 3166)."""
    from phonenumbers import SUPPORTED_REGIONS  # 50 ms, and most configurations name no country

    if value not in SUPPORTED_REGIONS:
        raise ValueError("a country is two capitals, as in ISO 3166: PL")
    return value


def _ussd_code(value: str) -> str:
    if not re.fullmatch(r"[0-9*#+]{1,160}", value):
        raise ValueError("a USSD code is digits, * and #: *100#")
    return value


def _account_id(value: str) -> str:
    if not re.fullmatch(ACCOUNT_ID, value):
        raise ValueError("an account is named by its id, a_…: modemd accounts list shows it")
    return value


def _amount(value: str) -> str:
    """A regular expression with a group."""
    try:
        groups = re.compile(value).groups
    except re.error as wrong:
        raise ValueError(f"it is no regular expression: {wrong}") from None
    if not groups:
        raise ValueError("the amount stands in its first group: put it in parentheses")
    return value


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)]
Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(listed)]
Pin = Annotated[SecretStr, AfterValidator(_pin)]
UssdCode = Annotated[str, AfterValidator(_ussd_code)]
Amount = Annotated[str, AfterValidator(_amount)]
Country = Annotated[str, AfterValidator(_country)]
Most = Annotated[int, Field(ge=0, le=100_000_000)]
Gap = Annotated[float, Field(ge=0, le=86_400)]
ACCOUNT_ID = r"a_[0-7][0-9a-hjkmnp-tv-z]{12}"
"""An account as `modemd accounts list` shows it."""
AccountId = Annotated[str, AfterValidator(_account_id)]
