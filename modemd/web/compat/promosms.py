"""PromoSMS REST 3.2: `POST /api/rest/v3_2/sms` (promosms.com, "API Rest 3.2", and what its public clients send).

Answers are HTTP 200 with an integer status, as two of its public clients compare it. Of the codes only the hundreds
are documented: 1xx a field is missing, 2xx a value is wrong, 3xx the account may not, 400 authentication, 401 ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from modemd.accounts.call import Receipt
from modemd.clock import SECOND, rfc3339
from modemd.errors import Conflict, InvalidField, ModemdError, PaymentRequired, TooMany, Unauthorised, UsageError
from modemd.web.compat.counter import Counter, key_of
from modemd.web.compat.forms import Fields, fields
from modemd.web.lean import LeanRoute, answer, crowded
from modemd.webhooks.callbacks import Request as CallbackRequest
from modemd.webhooks.event import Event

NAME = "promosms"
DONE, MISSING, WRONG, FORBIDDEN, AUTHENTICATION, UNEXPECTED = 0, 100, 200, 300, 400, 401
FLASH, ECO, FULL, SPEED = "0", "1", "3", "4"
RECEIVED, NOT_RECEIVED = "001", "000"
"""What ``%report`` becomes: the words of its older interface; those of this one are not known."""
SURELY_LONG = 1000
"""Characters that no segment holds, whatever is stripped: they need not be counted."""
_KINDS = ("message.delivered", "message.undelivered", "message.failed", "message.expired")
_LIST = re.compile(r"(recipients|user-index|user-indexes)\[\d*\]")
_TRUE = frozenset({"1", "true", "True"})


class PromoSms:
    """The door."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        counter.enter(NAME, call)

    def routes(self) -> APIRouter:
        """Its path."""
        router = APIRouter(route_class=LeanRoute, include_in_schema=False)
        router.add_api_route("/api/rest/v3_2/sms", self.send, methods=["POST"])
        return router

    async def send(self, request: Request) -> Response:
        """Send a text; the status tells whether it was taken."""
        try:
            account = await self._counter.account(request, key_of(request))
            wanted = await _read(request)
            numbers = await self._counter.read(wanted["recipients"])
            receipt = await self._submit(account, wanted, list(numbers.values()))
        except ModemdError as error:
            return _response(_code(error))
        results = None
        if _yes(wanted.get("return-send-recipients")):
            results = _results([numbers[raw] for raw in wanted["recipients"]], receipt)
        return _response(DONE, results)

    async def _submit(self, account: int, wanted: Mapping[str, Any], numbers: Sequence[str]) -> Receipt:
        kind = str(wanted.get("type", ""))
        if kind not in (FLASH, ECO, FULL, SPEED):
            raise InvalidField("type", "this is no type of message", cure="0, 1, 3 or 4", code=_absence(kind))
        text, plain = wanted.get("text"), not _yes(wanted.get("special-chars"))
        if not isinstance(text, str) or not text.strip():
            raise InvalidField("text", "there is no text", cure="give one", code=_absence(text))
        if not _yes(wanted.get("long-sms")) and (
            len(text) > SURELY_LONG or self._counter.sending.parts(text, plain=plain) > 1
        ):
            raise InvalidField("text", "the text takes more than one segment", cure="set long-sms to 1")
        body = {
            "to": numbers,
            "text": text,
            "plain": plain,
            "flash": kind == FLASH,
            "send_at": _moment(wanted.get("date")),
        }
        url, beside = wanted.get("delivery-url") or wanted.get("dlr-url"), None
        if url:
            beside = await self._counter.callback(account, NAME, str(url), kinds=_KINDS, field="delivery-url")
        return await self._counter.submit(account, body | {"report": bool(url)}, beside=beside)


def _results(numbers: Sequence[str], receipt: Receipt) -> list[dict[str, Any]]:
    """One result a recipient, in the caller's order."""
    taken = {message["to"]: message["id"] for message in receipt.messages}
    return [{"status": DONE, "sms-id": taken[one]} if one in taken else {"status": WRONG} for one in numbers]


def call(kept: Mapping[str, Any], event: Event, data: Mapping[str, Any]) -> CallbackRequest:
    """The request that tells what became of a message: its URL fetched, the placeholders replaced."""
    url = str(kept["url"])
    report = RECEIVED if event.kind == "message.delivered" else NOT_RECEIVED
    for name, value in (("%smsID", data["id"]), ("%report", report), ("%timestamp", str(event.at // SECOND))):
        url = url.replace(name, value)
    return "GET", url, b"", {}


async def _read(request: Request) -> dict[str, Any]:
    """The fields of a call in any of its three forms; ``recipients`` is a list. Raises UsageError, InvalidField."""
    body = await request.body()
    kind = request.headers.get("content-type", "")
    if "json" in kind.partition(";")[0]:
        try:
            wanted = orjson.loads(b"" if crowded(body) else body)
        except orjson.JSONDecodeError:
            wanted = None
    else:
        wanted = _gathered(fields(kind, body))
    if not isinstance(wanted, dict):
        raise UsageError("the body cannot be read", cure="send JSON or a form", code="invalid_body")
    recipients = wanted.get("recipients")
    listed = recipients if isinstance(recipients, list) else [recipients] if recipients else []
    if not listed:
        raise InvalidField("recipients", "there is no recipient", cure="give a list of numbers", code="missing")
    wanted["recipients"] = [str(one) for one in listed]
    return wanted


def _gathered(found: Fields) -> dict[str, Any]:
    """Fields of a form; ``recipients[]=``, ``recipients[0]=`` and repeated names make lists."""
    wanted: dict[str, Any] = {}
    for name, value in found:
        match = _LIST.fullmatch(name)
        if match or name == "recipients":
            wanted.setdefault(match[1] if match else name, []).append(value)
        else:
            wanted[name] = value
    return wanted


def _moment(date: object) -> str | None:
    """Unix seconds as RFC 3339. Raises InvalidField."""
    if date in (None, ""):
        return None
    try:
        return rfc3339(int(str(date)) * SECOND)
    except (ValueError, OverflowError, OSError):
        raise InvalidField("date", "this is no time", cure="write it in seconds since 1970") from None


def _yes(value: object) -> bool:
    return value is True or str(value) in _TRUE


def _absence(value: object) -> str:
    return "invalid_field" if value else "missing"


def _code(error: ModemdError) -> int:
    match error:
        case Unauthorised():
            return AUTHENTICATION
        case InvalidField(code="missing"):
            return MISSING
        case InvalidField() | UsageError(code="invalid_body" | "invalid_form" | "too_large"):
            return WRONG
        case TooMany() | PaymentRequired() | Conflict():
            return FORBIDDEN
    return UNEXPECTED


def _response(status: int, results: list[dict[str, Any]] | None = None) -> Response:
    response: dict[str, Any] = {"status": status}
    if results is not None:
        response["recipientsResults"] = results
    return answer({"response": response})
