"""Every error an HTTP client can see, as RFC 9457 problem details with a stable ``code``.

A problem names what is wrong and the cure. It never repeats the input, never shows a traceback.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from modemd import errors

MEDIA_TYPE = "application/problem+json"

_STATUS: dict[type[errors.ModemdError], int] = {
    errors.InvalidField: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unauthorised: 401,
    errors.Forbidden: 403,
    errors.PaymentRequired: 402,
    errors.UnsupportedMedia: 415,
    errors.TooMany: 429,
    errors.UsageError: 400,
    errors.StorageFull: 507,
    errors.StorageError: 503,
    errors.Unreadable: 410,
    errors.VaultError: 503,
}
"""The status of each branch of the tree; a leaf that is not named has its parent's."""

_HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="modemd"'},
    503: {"Retry-After": "5"},
    507: {"Retry-After": "60"},
}

_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 422: "invalid_field"}
_CURES = {
    404: "the calls are listed in /openapi.json",
    405: "the header Allow names the methods of this path",
    413: "a body has at most 8 MiB; split the call",
}


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    cure: str = "",
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem as a response; ``title`` is the status's own phrase (RFC 9457 4.2.1)."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if field is not None:
        document["field"] = field
    if cure:
        document["cure"] = cure
    return Response(
        orjson.dumps(document), status, {**_HEADERS.get(status, {}), **(headers or {})}, media_type=MEDIA_TYPE
    )


def of(error: errors.ModemdError) -> Response:
    """The problem an exception of ours stands for."""
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    if status == 500:
        return unexpected()
    field = error.field if isinstance(error, errors.InvalidField) else None
    wait = error.retry_after if isinstance(error, errors.TooMany | errors.Unauthorised) else None
    headers = None if wait is None else {"Retry-After": str(max(1, ceil(wait)))}
    return problem(status, error.code, error.detail, cure=error.cure, field=field, headers=headers)


def unexpected() -> Response:
    """The problem for what should not have happened; the log has its place, nobody has its text."""
    return problem(500, "internal", "the request failed inside modemd", cure="its log names the place; report it")


def misdirected() -> Response:
    """The problem of a request whose Host is not a name of this server."""
    cure = "use an address of this server, or have its operator name this one in [server] hosts"
    return problem(421, "unknown_host", "the header Host names another server", cure=cure)


def of_http(error: HTTPException) -> Response:
    """The problem that Starlette means: no such path, no such method, a body too large."""
    status = error.status_code
    detail = HTTPStatus(status).phrase.lower()
    return problem(status, _CODES.get(status, "http_error"), detail, cure=_CURES.get(status, ""), headers=error.headers)


def of_validation(error: RequestValidationError) -> Response:
    """The problem that FastAPI found in a parameter."""
    steps = error.errors()[0]["loc"]
    field = ".".join(str(step) for step in steps if isinstance(step, int) or step.isidentifier())
    return problem(422, "invalid_field", "a field of the request is wrong", field=field, cure="see /openapi.json")


def install(app: FastAPI) -> None:
    """Make ``app`` answer with problems wherever it, Starlette or FastAPI would raise."""
    kinds = ((errors.ModemdError, of), (HTTPException, of_http), (RequestValidationError, of_validation))
    for kind, render in kinds:
        app.add_exception_handler(kind, _handler(render))
    app.add_exception_handler(405, _wrong_method)


async def no_such_method(_: Request) -> Response:
    """Stands for the methods that a path has not, where a pattern of other paths would take it for its own."""
    raise HTTPException(405)


async def _wrong_method(request: Request, error: Exception) -> Response:
    """A path of another method: Starlette names the methods of the first route alone, this the methods of all."""
    matching = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
    allowed = {"HEAD"}
    for route in matching:
        same = getattr(route, "path", None) == getattr(matching[0], "path", None)
        if same and getattr(route, "endpoint", None) is not no_such_method:
            allowed |= getattr(route, "methods", None) or set()
    headers = {"Allow": ", ".join(sorted(allowed if "GET" in allowed else allowed - {"HEAD"}))}
    return of_http(HTTPException(405, headers=headers))


def _handler(render: Callable[[Any], Response]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(_: Request, error: Exception) -> Response:
        return render(error)

    return handle
