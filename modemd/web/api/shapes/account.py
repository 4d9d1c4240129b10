"""An account: how it is opened and entered, its keys, what it has used, how it is forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from modemd.accounts import api_keys
from modemd.web.api.shapes.words import Email, Login, Msisdn, Shape


class Registration(Shape):
    """What opening an account takes: nothing else is asked for."""

    email: Email = Field(examples=["jan@example.org"])
    phone: Msisdn = Field(description="A mobile number that receives SMS.", examples=["+48600100200"])


class PasswordSent(Shape):
    """The answer to everybody."""

    status: Literal["password_sent"]


class Reset(Shape):
    """Whose password is wanted."""

    login: Login = Field(description="E-mail address or phone.", examples=["jan@example.org"])


class LogIn(Shape):
    """Credentials."""

    login: Login = Field(description="E-mail address or phone.", examples=["jan@example.org"])
    password: Login = Field(description="As it came by SMS.", examples=["k7m2xp9qwhc4t"])


class Session(Shape):
    """A session was opened; the cookie is in the header Set-Cookie."""

    account: str
    expires_at: datetime


class KeyName(Shape):
    """A new key's name, for you to know it by."""

    name: str = Field(min_length=1, max_length=api_keys.MAX_NAME, pattern=r"\S", examples=["the till in Gdynia"])


class NewKey(Shape):
    """A new key, shown this once."""

    id: str
    key: str


class Key(Shape):
    """What is known of a key."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the hour.")


class KeyList(Shape):
    """The account's keys."""

    keys: list[Key]


class Account(Shape):
    """The caller's account."""

    id: str
    email: str | None
    phone: str | None
    created_at: datetime


class Buyer(Shape):
    """Who pays."""

    name: str = Field(max_length=200)
    address: str = Field(max_length=500, description="Lines, parted by \\n.")
    vat_id: str | None = Field(None, description="Of a country of the EU, with its prefix.", examples=["PL5260250274"])


class Standing(Shape):
    """How an account stands; money in the smallest unit of the currency."""

    plan: Literal["free", "prepaid"]
    currency: str | None = Field(description="null where nothing is sold.")
    decimals: int = Field(description="Decimal places of the currency.")
    credit: int
    trial_left: int | None = Field(description="Segments; null where they are not counted.")


class Billing(Standing):
    """Billing data, null where none was given, and how the account stands."""

    name: str | None
    address: str | None
    vat_id: str | None


class MonthUsed(Shape):
    """One month; what was given back counts when that happened."""

    month: str = Field(examples=["2026-10"])
    segments: int = Field(description="Paid for with credit.")
    trial_segments: int
    amount: int = Field(description="What the segments cost.")
    paid: int = Field(description="Credit that was booked.")


class Usage(Standing):
    """What an account that pays, or is on trial, has used."""

    months: list[MonthUsed]


class Password(Shape):
    """The account's password, to confirm."""

    password: Login = Field(examples=["k7m2xp9qwhc4t"])


class ErasureBegun(Shape):
    """The erasure has begun; its state needs no authentication."""

    erasure: str = Field(examples=["e_01hzy3kd8q2v5"])


class Erasure(Shape):
    """The receipt of an erasure: no personal data."""

    state: Literal["pending", "complete"]
    requested_at: datetime
    unreadable_at: datetime | None = Field(description="From then on nothing of the account can be read anywhere.")
    searched_at: datetime | None = Field(
        description="When every file was searched for what was erased; null if that could not be done."
    )
    completed_at: datetime | None
    removed: dict[str, int] = Field(description="Rows by kind.")
    waiting_for: list[str] = Field(description="Mirrors and modems out of reach.")
    retained: list[str] = Field(description="What is kept, and why.")
    found: list[str] = Field(description="Files in which that search has found something that is still to be removed.")
