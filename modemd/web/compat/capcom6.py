"""capcom6's SMS gateway for Android, third-party API: `POST /3rdparty/v1/messages`, `GET /3rdparty/v1/messages/{id}`.

One of its messages goes to up to a hundred numbers under one id, which its caller may choose; here it is a call whose
tag is that id, so it can be found as long as its messages are kept.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Request, Response

from modemd.clock import SECOND
from modemd.errors import Conflict, InvalidField, ModemdError, PaymentRequired, StorageError, TooMany, Unauthorised
from modemd.web.compat.counter import Counter, key_of
from modemd.web.lean import LeanRoute, answer, crowded

MOST_NUMBERS = 100
DEVICE = "modemd"
"""What we say where it wants the name of a telephone, unless the caller named one."""

_ID = re.compile(r"[\x21-\x7e]{1,36}")
_STATES = {
    **dict.fromkeys(("scheduled", "queued"), "Pending"),
    **dict.fromkeys(("sending", "uncertain"), "Processed"),
    "sent": "Sent",
    "delivered": "Delivered",
    **dict.fromkeys(("undelivered", "failed", "expired"), "Failed"),
    "cancelled": "Cancelled",
}
_ORDER = ("Pending", "Processed", "Sent", "Delivered", "Cancelled", "Failed")
"""The whole message is as far as the one that is least far; it has failed when nobody can get it any more."""
_UNSUPPORTED = ("dataMessage", "isEncrypted")
_THEIRS = {"text": "textMessage.text", "send_at": "scheduleAt", "valid_for": "ttl", "report": "withDeliveryReport"}
"""Its names for the fields of POST /v1/messages."""


class Capcom6:
    """The door."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def routes(self) -> APIRouter:
        """Its paths."""
        router = APIRouter(route_class=LeanRoute, include_in_schema=False)
        router.add_api_route("/3rdparty/v1/messages", self.send, methods=["POST"])
        router.add_api_route("/3rdparty/v1/messages/{id:path}", self.show, methods=["GET"])
        return router

    async def send(self, request: Request) -> Response:
        """Send a text to some numbers."""
        try:
            account = await self._counter.account(request, key_of(request))
            given = await _read(request)
            name = _name(given)
            if await self._messages(account, name, 1):
                raise _taken()
            await self._counter.submit(account, self._body(given, name), f"3rdparty {name}")
            found = await self._messages(account, name)
            if not found:  # it was submitted long ago, and has been forgotten by its age
                raise _taken()
            document = self._document(name, found, given.get("deviceId"))
        except ModemdError as error:
            return _refusal(error)
        response = answer(document, 202)
        response.headers["Location"] = f"/3rdparty/v1/messages/{quote(name, safe='')}"
        return response

    async def show(self, request: Request) -> Response:
        """How far a message is."""
        try:
            account = await self._counter.account(request, key_of(request))
            name = request.path_params["id"]
            found = await self._messages(account, name) if _ID.fullmatch(name) else []
        except ModemdError as error:
            return _refusal(error)
        return answer(self._document(name, found, None)) if found else _error(404, "there is no such message")

    async def _messages(self, account: int, name: str, limit: int = MOST_NUMBERS) -> list[dict[str, Any]]:
        found = await self._counter.sending.messages(account, tag=name, limit=limit)
        return found[::-1]

    def _body(self, given: Mapping[str, Any], name: str) -> dict[str, Any]:
        """What POST /v1/messages would take. Raises InvalidField."""
        for field in _UNSUPPORTED:
            if given.get(field):
                _wrong(field, "modemd sends texts only")
        priority = given.get("priority") or 0
        if not isinstance(priority, int) or not -128 <= priority <= 127:
            _wrong("priority", "a whole number from -128 to 127")
        report = given.get("withDeliveryReport")
        return {
            "to": self._numbers(given.get("phoneNumbers")),
            "text": _text(given),
            "lane": "bulk" if priority < 0 else "transactional",
            "send_at": given.get("scheduleAt"),
            "valid_for": self._validity(given),
            "report": True if report is None else report,
            "tag": name,
        }

    def _numbers(self, given: object) -> list[str]:
        """The numbers, each once and each one acceptable. Raises InvalidField."""
        if not isinstance(given, list) or not 1 <= len(given) <= MOST_NUMBERS:
            _wrong("phoneNumbers", f"a list of 1 to {MOST_NUMBERS} numbers")
        numbers = [self._counter.numbers.normalise(str(one), "phoneNumbers") for one in given]
        if len(set(numbers)) < len(numbers):
            _wrong("phoneNumbers", "each number once")
        return numbers

    def _validity(self, given: Mapping[str, Any]) -> int | None:
        """Seconds, of ``ttl`` or until ``validUntil``. Raises InvalidField."""
        ttl, until = given.get("ttl"), given.get("validUntil")
        if until is None:
            if ttl is not None and (not isinstance(ttl, int) or ttl < 5):
                _wrong("ttl", "a number of seconds, at least 5")
            return ttl
        if ttl is not None:
            _wrong("ttl", "either ttl or validUntil")
        start = max(_moment("scheduleAt", given.get("scheduleAt")) or 0, self._counter.clock.now())
        seconds = ((_moment("validUntil", until) or 0) - start) // SECOND
        if seconds < 1:
            _wrong("validUntil", "a moment after scheduleAt and after now")
        return seconds

    def _document(self, name: str, messages: Sequence[Mapping[str, Any]], device: Any) -> dict[str, Any]:
        recipients: list[dict[str, str]] = []
        times: dict[str, str] = {}
        for one in messages:
            recipient = {"phoneNumber": one["to"], "state": _STATES[one["state"]]}
            if one["error"]:
                recipient["error"] = one["error"]["detail"] or one["error"]["code"]
            recipients.append(recipient)
            for state, field in (("Pending", "created_at"), ("Sent", "sent_at"), ("Delivered", "delivered_at")):
                if one[field]:
                    times[state] = max(times.get(state, ""), one[field])
        states = {recipient["state"] for recipient in recipients}
        return {
            "id": name,
            "deviceId": device if isinstance(device, str) else DEVICE,
            "state": next(state for state in _ORDER if state in states),
            "isHashed": False,
            "isEncrypted": False,
            "recipients": recipients,
            "states": times,
        }


async def _read(request: Request) -> dict[str, Any]:
    """The body. Raises InvalidField."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    try:
        given = orjson.loads(body) if kind == "application/json" and not crowded(body) else None
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        _wrong("body", "send a JSON object with Content-Type: application/json")
    return given


def _name(given: Mapping[str, Any]) -> str:
    name = given.get("id") or secrets.token_urlsafe(15)
    if not isinstance(name, str) or not _ID.fullmatch(name):
        _wrong("id", "1 to 36 visible ASCII characters")
    return name


def _taken() -> Conflict:
    return Conflict("there is a message with this id", cure="choose another", code="id_exists")


def _text(given: Mapping[str, Any]) -> str:
    message = given.get("textMessage")
    text = message.get("text") if isinstance(message, dict) else given.get("message")
    if not isinstance(text, str) or not text.strip():
        _wrong("textMessage.text", "give a text")
    return text


def _moment(field: str, value: object) -> int | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value).upper())
        return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * SECOND)
    except (ValueError, OverflowError):
        _wrong(field, "a date and time as RFC 3339")


def _wrong(field: str, cure: str) -> NoReturn:
    raise InvalidField(field, "this field is missing or wrong", cure=cure)


def _refusal(error: ModemdError) -> Response:
    match error:
        case Unauthorised():
            return _error(401, error.detail, {"WWW-Authenticate": 'Basic realm="modemd"'})
        case InvalidField():
            return _error(400, f"{_THEIRS.get(error.field, error.field)}: {error}")
        case Conflict():
            return _error(409, str(error))
        case PaymentRequired():
            return _error(403, str(error))
        case TooMany():
            return _error(503, str(error), {"Retry-After": str(max(1, round(error.retry_after)))})
        case StorageError():
            return _error(503, str(error), {"Retry-After": "5"})
    return _error(500, "the request failed")


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    response = answer({"message": message}, status)
    response.headers.update(headers or {})
    return response
