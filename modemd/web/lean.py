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

from modemd.errors import InvalidField, UsageError

Endpoint = Callable[[Request], Awaitable[Response]]


class LeanRoute(APIRoute):
    """A path operation called with nothing but the request."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = app


async def read_json(request: Request) -> Any:
    """The decoded JSON body. Raises UsageError if it is none, or does not say that it is."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UsageError(
            "the body is not announced as JSON", cure="send Content-Type: application/json", code="not_json"
        )
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise UsageError("the body is no valid JSON", cure="check it with any JSON tool", code="invalid_json") from None


def query(request: Request, known: frozenset[str]) -> Mapping[str, str]:
    """The query parameters. Raises InvalidField if one is unknown or given twice."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known or name in found:
            cure = "each at most once: " + ", ".join(sorted(known))
            raise InvalidField("query", "a query parameter is unknown or repeated", cure=cure, code="unknown_field")
        found[name] = value
    return found


def answer(document: Any, status: int = 200) -> Response:
    """A document as a JSON response."""
    return Response(orjson.dumps(document), status, media_type="application/json")
