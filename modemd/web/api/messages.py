"""/v1/messages: submit, look up, list, take back."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request, Response

from modemd import ids
from modemd.accounts import request as messages_request
from modemd.accounts.sending import Sending
from modemd.clock import Clock
from modemd.errors import InvalidField, NotFound
from modemd.queue.states import State, by_label
from modemd.web.api import shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import LeanRoute, answer, query, read_json

DEFAULT_LIMIT, MAX_LIMIT = 100, 500
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_FILTERS = frozenset({"state", "tag", "to", "cursor", "limit"})


class Messages:
    """The endpoints."""

    def __init__(self, sending: Sending, doorkeeper: Doorkeeper, clock: Clock) -> None:
        self._sending = sending
        self._doorkeeper = doorkeeper
        self._clock = clock

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        router = APIRouter(route_class=LeanRoute, tags=["messages"])
        one = {"parameters": [shapes.parameter("id", "path", "m_… as the receipt gave it")]}
        router.add_api_route(
            "/v1/messages",
            self.submit,
            methods=["POST"],
            status_code=202,
            response_model=shapes.Receipt,
            responses=shapes.problems(400, 401, 409, 413, 422, 503, 507),
            openapi_extra=shapes.body(shapes.MessageRequest) | {"parameters": [_IDEMPOTENCY]},
        )
        router.add_api_route(
            "/v1/messages",
            self.list,
            methods=["GET"],
            response_model=shapes.Page,
            responses=shapes.problems(401, 422, 503),
            openapi_extra={"parameters": _PARAMETERS},
        )
        router.add_api_route(
            "/v1/messages/{id}",
            self.get,
            methods=["GET"],
            response_model=shapes.Message,
            responses=shapes.problems(401, 404, 503),
            openapi_extra=one,
        )
        router.add_api_route(
            "/v1/messages/{id}",
            self.cancel,
            methods=["DELETE"],
            response_model=shapes.Cancelled,
            responses=shapes.problems(401, 404, 409, 503),
            openapi_extra=one,
        )
        return router

    async def submit(self, request: Request) -> Response:
        """Send a text to one or many recipients. What is answered with 202 is on disk."""
        caller = await self._doorkeeper.caller(request)
        key = request.headers.get("idempotency-key")
        if key is not None and not _KEY.fullmatch(key):
            raise InvalidField("Idempotency-Key", "this is no key", cure="1 to 255 visible ASCII characters")
        wanted = messages_request.read(await read_json(request), self._clock.now())
        return answer(await self._sending.submit(caller.account_id, wanted, key), 202)

    async def list(self, request: Request) -> Response:
        """Messages, newest first, filtered by state (several separated by commas), tag and recipient."""
        caller = await self._doorkeeper.caller(request)
        wanted = query(request, _FILTERS)
        limit = _limit(wanted.get("limit"))
        found = await self._sending.messages(
            caller.account_id,
            states=_states(wanted.get("state")),
            tag=wanted.get("tag"),
            to=_plus(wanted.get("to")),
            before=_before(wanted.get("cursor")),
            limit=limit,
        )
        more = len(found) == limit
        return answer({"messages": found, "cursor": "c" + found[-1]["id"][1:] if more else None})

    async def get(self, request: Request) -> Response:
        """One message."""
        caller = await self._doorkeeper.caller(request)
        return answer(await self._sending.message(caller.account_id, _id(request)))

    async def cancel(self, request: Request) -> Response:
        """Take a message back that has not been sent."""
        caller = await self._doorkeeper.caller(request)
        number = _id(request)
        state = await self._sending.cancel(caller.account_id, number)
        return answer({"id": ids.encode("m", number), "state": state.label})


_IDEMPOTENCY = shapes.parameter(
    "Idempotency-Key",
    "header",
    "Your own name for this call: repeated, it is answered as before and nothing is sent again.",
    {"type": "string", "minLength": 1, "maxLength": 255},
)
_PARAMETERS = [
    shapes.parameter("state", "query", "one or several states, separated by commas"),
    shapes.parameter("tag", "query", "the tag of the call"),
    shapes.parameter("to", "query", "the recipient's number"),
    shapes.parameter("cursor", "query", "from the page before"),
    shapes.parameter("limit", "query", "messages on a page", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
]


def _id(request: Request) -> int:
    number = ids.decode("m", request.path_params["id"])
    if number is None:
        raise NotFound("there is no such message", cure="an id looks like m_01hzy3kd8q2v5")
    return number


def _states(text: str | None) -> list[State] | None:
    if text is None:
        return None
    states = [by_label(label) for label in text.split(",")]
    if None in states:
        known = ", ".join(state.label for state in State)
        raise InvalidField("state", "this is no state of a message", cure=f"one of {known}")
    return [state for state in states if state is not None]


def _plus(number: str | None) -> str | None:
    """A number from a query string, where an unescaped plus sign has become a blank."""
    return "+" + number[1:] if number and number.startswith(" ") else number


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    number = ids.decode("c", cursor)
    if number is None:
        raise InvalidField("cursor", "this is no cursor", cure="take it from the page before, unchanged")
    return number


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidField("limit", "this is no size of a page", cure=f"a number from 1 to {MAX_LIMIT}")
    return int(text)
