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
from modemd.web.api import openapi, paging
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import messages as shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import answer, id_in, query, read_json

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_FILTERS = frozenset({"state", "tag", "to", *paging.NAMES})


class Messages:
    """The endpoints."""

    def __init__(self, sending: Sending, doorkeeper: Doorkeeper, clock: Clock) -> None:
        self._sending = sending
        self._doorkeeper = doorkeeper
        self._clock = clock

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        path, one, ident = "/v1/messages", "/v1/messages/{id}", openapi.ident("m", "m_… as the receipt gave it")
        return routes(
            "messages",
            Operation(
                "POST",
                path,
                self.submit,
                shapes.Receipt,
                202,
                body=shapes.MessageRequest,
                parameters=[_IDEMPOTENCY],
                problems=(400, 401, 402, 409, 413, 422, 429, 503, 507),
            ),
            Operation("GET", path, self.list, shapes.Page, parameters=_PARAMETERS, problems=(401, 422, 503)),
            Operation(
                "DELETE",
                path,
                self.cancel_call,
                shapes.CancelledCall,
                parameters=[_BATCH],
                problems=(401, 404, 422, 503),
            ),
            Operation("GET", one, self.get, shapes.Message, parameters=[ident], problems=(401, 404, 503)),
            Operation("DELETE", one, self.cancel, shapes.Cancelled, parameters=[ident], problems=(401, 404, 409, 503)),
        )

    async def submit(self, request: Request) -> Response:
        """Send a text to one or many recipients. What is answered with 202 is on disk."""
        caller = await self._doorkeeper.caller(request)
        key = _idempotency_key(request)
        wanted = messages_request.read(await read_json(request), self._clock.now())
        return answer(await self._sending.submit(caller.account_id, wanted, key), 202)

    async def list(self, request: Request) -> Response:
        """Messages, newest first, filtered by state (several separated by commas), tag and recipient."""
        caller = await self._doorkeeper.caller(request)
        wanted = query(request, _FILTERS)
        limit = paging.limit(wanted)
        found = await self._sending.messages(
            caller.account_id,
            states=_states(wanted.get("state")),
            tag=wanted.get("tag"),
            to=_plus(wanted.get("to")),
            before=paging.place(wanted),
            limit=limit + 1,
        )
        return answer(paging.page("messages", found, limit))

    async def get(self, request: Request) -> Response:
        """One message."""
        caller = await self._doorkeeper.caller(request)
        return answer(await self._sending.message(caller.account_id, id_in(request, "m", "message")))

    async def cancel(self, request: Request) -> Response:
        """Take a message back that has not been sent."""
        caller = await self._doorkeeper.caller(request)
        number = id_in(request, "m", "message")
        state = await self._sending.cancel(caller.account_id, number)
        return answer({"id": ids.encode("m", number), "state": state.label})

    async def cancel_call(self, request: Request) -> Response:
        """Take back whatever of a call has not been sent; safe to repeat."""
        caller = await self._doorkeeper.caller(request)
        batch = query(request, frozenset({"batch"})).get("batch")
        if batch is None:
            raise InvalidField("batch", "which call is not said", cure="?batch=b_…, as its receipt gave it")
        number = ids.decode("b", batch)
        if number is None:
            raise NotFound("there is no such call", cure="an id looks like b_01hzy3kd8q2v5")
        count = await self._sending.cancel_call(caller.account_id, number)
        return answer({"batch": batch, "cancelled": count})


def _idempotency_key(request: Request) -> str | None:
    """The caller's own name for the call. Raises InvalidField if it is none, or there are several."""
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1 or (keys and not _KEY.fullmatch(keys[0])):
        raise InvalidField("Idempotency-Key", "this is no key", cure="one, of 1 to 255 visible ASCII characters")
    return keys[0] if keys else None


_BATCH = openapi.parameter("batch", "query", "the call, as its receipt gave it", openapi.id_of("b")) | {
    "required": True
}
_IDEMPOTENCY = openapi.parameter(
    "Idempotency-Key",
    "header",
    "Your own name for this call: repeated, it is answered as before and nothing is sent again.",
    {"type": "string", "pattern": f"^{_KEY.pattern}$", "examples": ["order-4711"]},
)
_LABELS = "|".join(state.label for state in State)
_STATES = {"type": "string", "pattern": f"^({_LABELS})(,({_LABELS}))*$", "examples": ["queued,sending"]}
_PARAMETERS = [
    openapi.parameter("state", "query", "one or several states, separated by commas", _STATES),
    openapi.parameter("tag", "query", "the tag of the call"),
    openapi.parameter("to", "query", "the recipient's number", {"type": "string", "format": "msisdn"}),
    *paging.PARAMETERS,
]


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
