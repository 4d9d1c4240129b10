"""The pieces from which an endpoint says what OpenAPI tells of it: bodies, parameters, ids, problems."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

Described = dict[str, Any]
"""A part of the document, as OpenAPI 3.1 writes it."""
Responses = dict[int | str, Described]
"""Answers by status."""


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    code: str = Field(description="Stable; meant for programs.")
    detail: str
    field: str | None = None
    cure: str | None = None


def id_of(prefix: str) -> Described:
    """The schema of an id (modemd/ids.py)."""
    return {"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{12}}$"}


def body(shape: type[BaseModel]) -> Described:
    """OpenAPI of an endpoint that reads its body itself."""
    schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def parameter(name: str, place: str, description: str, schema: Described | None = None) -> Described:
    """OpenAPI of one parameter."""
    return {
        "name": name,
        "in": place,
        "description": description,
        "required": place == "path",
        "schema": schema or {"type": "string"},
    }


def ident(prefix: str, description: str, name: str = "id") -> Described:
    """OpenAPI of an id in a path."""
    return parameter(name, "path", description, id_of(prefix))


def text(media_type: str, description: str) -> Responses:
    """OpenAPI of an answer that is no JSON."""
    return {200: {"description": description, "content": {media_type: {"schema": {"type": "string"}}}}}


def problems(*statuses: int) -> Responses:
    """OpenAPI of the problems an endpoint may answer with."""
    described = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "problem", "content": described} for status in statuses}
