"""Messages: what a call submits, what it is answered, how a message is shown; and inbound SMS.

``MessageRequest`` only describes: the body is read by ``accounts.request``, which names each fault and its cure, and
a test holds the two together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from modemd.accounts import request
from modemd.web.api.shapes.words import GroupId, Msisdn, RecipientId, Shape, StateName

_SOMEBODY: list[JsonValue] = [
    {"required": ["to"], "properties": {"to": {"type": ["string", "array"]}}},
    {"required": ["recipients"], "properties": {"recipients": {"type": "array", "minItems": 1}}},
    {"required": ["groups"], "properties": {"groups": {"type": "array", "minItems": 1}}},
]


class MessageRequest(Shape):
    """A text for one or many recipients."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"anyOf": _SOMEBODY})

    to: Msisdn | Annotated[list[Msisdn], Field(min_length=1, max_length=request.MAX_RECIPIENTS)] | None = Field(
        None,
        description="A number, or up to 10,000: E.164, or national in the home region. Duplicates are merged.",
        examples=["+48600100200", ["+48600100200", "+48600100201"]],
    )
    recipients: list[RecipientId] | None = Field(None, description="Ids of recipients of yours.")
    groups: list[GroupId] | None = Field(None, description="Ids of groups of yours.")
    text: str = Field(
        min_length=1,
        max_length=request.MAX_TEXT,
        pattern=r"\S",
        description="With recipients or groups, {name}, {number} and their fields are filled in; {{ and }} are braces.",
        examples=["Your parcel is waiting."],
    )
    lane: Literal["transactional", "bulk"] | None = Field(
        "transactional", description="bulk goes after everything somebody waits for."
    )
    plain: bool | None = Field(
        False, description="Strip diacritics if the text then fits the cheaper alphabet; the answer says where."
    )
    flash: bool | None = Field(False, description="Shown at once and not stored (class 0).")
    send_at: datetime | None = Field(None, description="Not before this moment; at most a year ahead.")
    valid_for: int | None = Field(
        None, ge=1, le=request.MAX_VALID_FOR, description="Seconds after which it is not to be sent any more."
    )
    report: bool | None = Field(False, description="Ask the network for a status report.")
    if_uncertain: Literal["hold", "resend", "fail"] | None = Field(
        "hold", description="What to do when it cannot be known whether the network took it."
    )
    tag: str | None = Field(
        None, min_length=1, max_length=request.MAX_TAG, description="Your own name for the call; 64 octets of UTF-8."
    )


class Accepted(Shape):
    """One message of a receipt."""

    id: str = Field(examples=["m_01hzy3kd8q2v5"])
    to: str
    parts: int = Field(description="Segments it takes.")
    state: StateName
    plain: bool | None = Field(
        None, description="True, and only then there, if diacritics were stripped from its text."
    )


class Rejected(Shape):
    """A recipient that was not accepted; ``to`` as it was given."""

    to: str
    code: str
    detail: str


class Receipt(Shape):
    """What was accepted: it is on disk when this is answered."""

    batch: str = Field(examples=["b_01hzy3kd8q2v5"])
    messages: list[Accepted]
    rejected: list[Rejected]


class MessageError(Shape):
    """Why a message is not further."""

    code: str
    detail: str


class Message(Shape):
    """One message."""

    id: str
    to: str
    text: str
    parts: int
    state: StateName
    lane: Literal["system", "transactional", "bulk"]
    tag: str | None
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    error: MessageError | None


class Page(Shape):
    """Messages, newest first."""

    messages: list[Message]
    cursor: str | None = Field(description="Pass it as ?cursor= for the next page; null on the last.")


class Cancelled(Shape):
    """A message that was taken back."""

    id: str
    state: StateName


class CancelledCall(Shape):
    """A call of which everything was taken back that still waited."""

    batch: str
    cancelled: int = Field(description="messages taken back")


class Inbound(Shape):
    """An inbound SMS."""

    id: str
    from_: str = Field(alias="from")
    text: str
    sent_at: datetime | None = Field(description="By the clock of the service centre.")
    received_at: datetime


class InboxPage(Shape):
    """Inbound SMS, newest first."""

    messages: list[Inbound]
    cursor: str | None
