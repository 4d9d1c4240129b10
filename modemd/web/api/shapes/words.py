"""The words that bodies and answers are made of: a number, a login, an id."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from modemd.accounts import recipients, request
from modemd.web import lean
from modemd.web.api.openapi import id_of

StateName = Literal[
    "scheduled", "queued", "sending", "uncertain", "sent", "delivered", "undelivered", "failed", "expired", "cancelled"
]

Msisdn = Annotated[str, Field(max_length=request.MAX_NUMBER, json_schema_extra={"format": "msisdn"})]
"""A number as callers write it. The format is no registered one: E.164, or national in the home region."""
Email = Annotated[str, Field(max_length=254, json_schema_extra={"format": "email"})]
Login = Annotated[str, Field(min_length=1, max_length=lean.MAX_STRING, pattern=r"\S")]
RecipientId = Annotated[str, Field(pattern=id_of("r")["pattern"])]
GroupId = Annotated[str, Field(pattern=id_of("g")["pattern"])]
Fields = Annotated[
    dict[Annotated[str, Field(pattern=recipients.FIELD)], Annotated[str, Field(max_length=recipients.MAX_VALUE)]],
    Field(max_length=recipients.MAX_FIELDS, json_schema_extra={"additionalProperties": False}),
]


class Shape(BaseModel):
    """A JSON object without unknown fields."""

    model_config = ConfigDict(extra="forbid")
