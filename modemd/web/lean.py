"""Routes whose endpoint takes the request and returns the response, and what such endpoints read and write with.

FastAPI's own handler solves dependencies and opens exit stacks on every request; submissions share their loop with
the modems, so ours is called directly. FastAPI still routes, and describes, every endpoint.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from modemd import ids
from modemd.errors import InvalidField, NotFound, UnsupportedMedia, UsageError

MAX_ELEMENTS = 100_000
"""Commas in a JSON body: ten thousand recipients and the longest text have half as many."""

MAX_STRING = 1000
"""Characters of a field of a small body, before its own rules are looked at."""

Endpoint = Callable[[Request], Awaitable[Response]]


class LeanRoute(APIRoute):
    """A path operation called with nothing but the request; under /v1, query parameters must be described ones."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        described = (options.get("openapi_extra") or {}).get("parameters", ())
        known = frozenset(one["name"] for one in described if one["in"] == "query")
        strict = path.startswith("/v1/")

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive, send)
            if strict and scope["query_string"]:
                query(request, known)
            response = await endpoint(request)
            await response(scope, receive, send)

        self.app = app


async def read_json(request: Request) -> object:
    """The decoded JSON body. Raises UsageError if it is none, UnsupportedMedia if it does not say that it is."""
    announced(request, "application/json", "JSON", "not_json")
    body = await request.body()
    if crowded(body):
        raise UsageError("the body has too many elements", cure="split the call", code="too_many_elements")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UsageError("the body is no valid JSON", cure="check it with any JSON tool", code="invalid_json") from None


def announced(request: Request, media_type: str, name: str, code: str) -> None:
    """Make sure that the body is said to be of this kind, and not compressed. Raises UnsupportedMedia."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        cure = f"send Content-Type: {media_type}"
        raise UnsupportedMedia(f"the body is not announced as {name}", cure=cure, code=code)
    if request.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        cure = "send it without Content-Encoding"
        raise UnsupportedMedia("a compressed body is not read here", cure=cure, code="compressed")


def fields_of(body: Any, *names: str) -> dict[str, Any]:
    """The body, if it is an object with no other fields than these. Raises InvalidField."""
    cure = "the fields are " + ", ".join(names)
    if not isinstance(body, dict):
        raise InvalidField("body", "the body is no JSON object", cure=cure)
    if not body.keys() <= set(names):
        raise InvalidField("body", "a field of the body is unknown", cure=cure, code="unknown_field")
    return body


def strings(body: object, *names: str) -> dict[str, str]:
    """The fields of a small body: all there, all strings, no other. Raises InvalidField."""
    body = fields_of(body, *names)
    for name in names:
        value = body.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_STRING:
            cure = f"give it as a string of 1 to {MAX_STRING} characters"
            raise InvalidField(name, "this field is missing or no text", cure=cure)
    return {name: body[name] for name in names}


def crowded(body: bytes) -> bool:
    """Whether JSON holds more elements than any call needs: decoding millions of them would stop the loop."""
    if len(body) <= 2 * MAX_ELEMENTS:
        return False
    commas, window = 0, 1 << 16
    for start in range(0, len(body), window):
        commas += body.count(b",", start, start + window)
        if commas > MAX_ELEMENTS:
            return True
    return False


def query(request: Request, known: frozenset[str]) -> Mapping[str, str]:
    """The query parameters. Raises InvalidField if one is unknown or given twice."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known or name in found:
            cure = "each at most once: " + ", ".join(sorted(known)) if known else "this call takes none"
            raise InvalidField("query", "a query parameter is unknown or repeated", cure=cure, code="unknown_field")
        found[name] = value
    return found


def id_in(request: Request, prefix: str, kind: str, name: str = "id") -> int:
    """The id in the path. Raises NotFound if it is none of this kind."""
    number = ids.decode(prefix, request.path_params[name])
    if number is None:
        raise NotFound(f"there is no such {kind}", cure=f"an id looks like {prefix}_01hzy3kd8q2v5")
    return number


def answer(document: object, status: int = 200) -> Response:
    """A document as a JSON response."""
    return Response(orjson.dumps(document), status, media_type="application/json")
