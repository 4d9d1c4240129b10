"""Who is sent to, and who is not: recipients, groups, opt-outs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from modemd.accounts import groups, recipients
from modemd.web.api.shapes.words import Fields, Msisdn, RecipientId, Shape


class CardBody(Shape):
    """A number with an optional name and free fields."""

    number: Msisdn = Field(examples=["+48600100200"])
    name: str | None = Field(None, max_length=recipients.MAX_NAME, examples=["Jan"])
    fields: Fields | None = Field(
        None,
        description="At most 20.",
        examples=[{"city": "Gdynia"}],
    )


class Recipient(Shape):
    """A recipient of yours."""

    id: str
    number: str
    name: str
    fields: dict[str, str]
    created_at: datetime


class RecipientPage(Shape):
    """Recipients, oldest first."""

    recipients: list[Recipient]
    cursor: str | None


class BadLine(Shape):
    """A line of the file that was left out."""

    line: int
    code: str
    detail: str


class Imported(Shape):
    """What became of the file."""

    added: int
    merged: int = Field(description="With a recipient of the same number.")
    rejected: list[BadLine]


class GroupName(Shape):
    """A group's name."""

    name: str = Field(min_length=1, max_length=groups.MAX_NAME, pattern=r"\S", examples=["Sopot"])


class Group(Shape):
    """A group of yours."""

    id: str
    name: str
    recipients: int
    created_at: datetime


class GroupPage(Shape):
    """Groups, oldest first."""

    groups: list[Group]
    cursor: str | None


class Members(Shape):
    """Who is to be put into a group."""

    recipients: list[RecipientId] = Field(
        min_length=1, max_length=groups.MAX_CHANGE, examples=[["r_01hzy3kd8q2v5", "r_01hzy3kd8q2v6"]]
    )


class Number(Shape):
    """A number."""

    number: Msisdn = Field(examples=["+48600100299"])


class OptOut(Shape):
    """A number you may not send to."""

    id: str
    number: str
    how: Literal["api", "stop"] = Field(description="By you, or by the recipient's STOP.")
    created_at: datetime


class OptOutPage(Shape):
    """Opt-outs, oldest first."""

    opt_outs: list[OptOut]
    cursor: str | None
