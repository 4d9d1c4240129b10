"""What the OpenAPI document says of bodies and answers.

``MessageRequest`` only describes: the body is read by ``accounts.request``, which names each fault and its cure, and
a test holds the two together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from modemd.accounts import api_keys, groups, recipients, request
from modemd.web import lean
from modemd.webhooks.event import KINDS

StateName = Literal[
    "scheduled", "queued", "sending", "uncertain", "sent", "delivered", "undelivered", "failed", "expired", "cancelled"
]

Msisdn = Annotated[str, Field(max_length=request.MAX_NUMBER, json_schema_extra={"format": "msisdn"})]
"""A number as callers write it. The format is no registered one: E.164, or national in the home region."""
Email = Annotated[str, Field(max_length=254, json_schema_extra={"format": "email"})]
Login = Annotated[str, Field(min_length=1, max_length=lean.MAX_STRING, pattern=r"\S")]


def id_of(prefix: str) -> dict[str, Any]:
    """The schema of an id (modemd/ids.py)."""
    return {"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{12}}$"}


RecipientId = Annotated[str, Field(pattern=id_of("r")["pattern"])]
GroupId = Annotated[str, Field(pattern=id_of("g")["pattern"])]
Fields = Annotated[
    dict[Annotated[str, Field(pattern=recipients.FIELD)], Annotated[str, Field(max_length=recipients.MAX_VALUE)]],
    Field(max_length=recipients.MAX_FIELDS, json_schema_extra={"additionalProperties": False}),
]


class Shape(BaseModel):
    """A JSON object without unknown fields."""

    model_config = ConfigDict(extra="forbid")


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
    tag: str | None = Field(None, min_length=1, max_length=request.MAX_TAG, description="Your own name for the call.")


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
    completed_at: datetime | None
    removed: dict[str, int] = Field(description="Rows by kind.")
    waiting_for: list[str] = Field(description="Mirrors and modems out of reach.")
    retained: list[str] = Field(description="What is kept, and why.")


EventKind = Annotated[str, Field(json_schema_extra={"enum": list(KINDS)})]


class WebhookBody(Shape):
    """Where events are to be sent."""

    url: str = Field(
        max_length=2048,
        description="https, public, without redirects.",
        examples=["https://example.org/sms"],
        json_schema_extra={"format": "webhook-url"},
    )
    events: list[EventKind] | None = Field(
        None, min_length=1, description="Kinds of events; all if left out.", examples=[["message.delivered"]]
    )


class WebhookError(Shape):
    """How the last attempt failed."""

    code: str = Field(description="http-503, timeout, connection, tls, dns, address …")
    at: datetime


class Webhook(Shape):
    """A webhook of yours."""

    id: str
    url: str
    events: list[str]
    state: Literal["active", "disabled"] = Field(description="A receiver that answers 410 is disabled.")
    created_at: datetime
    backlog: int = Field(description="Events that wait.")
    oldest_at: datetime | None = Field(description="When the oldest of those happened.")
    dead_letters: int
    failures: int = Field(description="Since the last success.")
    rests_until: datetime | None = Field(description="Nothing is sent before.")
    last_success_at: datetime | None
    last_error: WebhookError | None


class NewWebhook(Webhook):
    """A new webhook, and the secret that signs its events, shown this once."""

    secret: str


class WebhookList(Shape):
    """The account's webhooks."""

    webhooks: list[Webhook]


class DeadLetter(Shape):
    """An event that could not be delivered."""

    id: str = Field(examples=["v_01hzy3kd8q2v5"])
    type: str
    subject: str = Field(description="Id of the message or of the inbound SMS.")
    created_at: datetime
    attempts: int
    error: str | None
    dead_at: datetime


class DeadLetterPage(Shape):
    """Dead letters, newest first."""

    dead_letters: list[DeadLetter]
    cursor: str | None


class Redelivery(Shape):
    """Which dead letters to send again."""

    events: list[str] | None = Field(None, min_length=1, max_length=1000, description="Their ids; all if left out.")


class Redelivering(Shape):
    """How many are sent again."""

    events: int


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    code: str = Field(description="Stable; meant for programs.")
    detail: str
    field: str | None = None
    cure: str | None = None


def body(shape: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI of an endpoint that reads its body itself."""
    schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def parameter(name: str, place: str, description: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """OpenAPI of one parameter."""
    return {
        "name": name,
        "in": place,
        "description": description,
        "required": place == "path",
        "schema": schema or {"type": "string"},
    }


def ident(prefix: str, description: str, name: str = "id") -> dict[str, Any]:
    """OpenAPI of an id in a path."""
    return parameter(name, "path", description, id_of(prefix))


def text(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI of an answer that is no JSON."""
    return {200: {"description": description, "content": {media_type: {"schema": {"type": "string"}}}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI of the problems an endpoint may answer with."""
    described = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "problem", "content": described} for status in statuses}
