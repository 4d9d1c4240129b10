"""Webhooks, how they fare, and what could not be delivered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from modemd.web.api.shapes.words import Shape
from modemd.webhooks.event import KINDS

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
