"""Kannel's send-sms interface: `GET|POST /cgi-bin/sendsms` (Kannel user guide, "SMS Push", and its reply codes).

What a modem of ours cannot do (binary messages, message waiting indications) is refused with the words Kannel has for a
field it cannot read; what it has no use for (`from`, `smsc`, `account`, `priority` …) is read over.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import quote, unquote_to_bytes

from fastapi import APIRouter, Request, Response

from modemd.accounts.call import Receipt
from modemd.accounts.sending import Beside
from modemd.clock import SECOND, rfc3339
from modemd.errors import Conflict, InvalidField, ModemdError, PaymentRequired, TooMany, Unauthorised
from modemd.web.compat.counter import Counter
from modemd.web.edge import HEAD
from modemd.web.lean import LeanRoute
from modemd.webhooks.callbacks import Request as CallbackRequest
from modemd.webhooks.event import Event

ACCEPTED, QUEUED = "0: Accepted for delivery", "3: Queued for later delivery"
UNAUTHORISED = "Authorization failed for sendsms"
NOT_ROUTABLE = "Not routable. Do not try again."
LATER = "Temporal failure, try again later."
UNREADABLE = "Charset or body misformed, rejected"
DENIED = "Number(s) has/have been denied by white- and/or black-lists."

MAX_FORM = 512 * 1024
"""Octets of a form: ten thousand receivers and the longest text, escaped, have half of it."""
MAX_PARAMETERS = 500
"""Ten times what Kannel knows."""

_LONG = {"user": "username", "pass": "password", "dlrmask": "dlr-mask", "dlrurl": "dlr-url"}
_RANGES = {"coding": ("Coding", 2), "mclass": ("MClass", 3), "mwi": ("MWI", 7), "priority": ("Priority", 3)}
_RANGES |= {"pid": ("PID", 255), "rpi": ("RPI", 1), "alt-dcs": ("Alt-DCS", 1), "compress": ("Compress", 1)}
_RANGES |= {"validity": ("Validity", 635_040), "deferred": ("Deferred", 525_600), "dlr-mask": ("DLR-Mask", 127)}
_DIGITS = 9
"""Of a number with its leading zeros: more than any of these needs."""
MINUTE = 60
NAME = "kannel"
_BITS = {
    **{"message.delivered": 1, "message.undelivered": 2, "message.expired": 2},
    **{"message.sent": 8, "message.failed": 16},
}
"""``dlr-mask`` and ``%d``: what Kannel calls delivered, not delivered, delivered to and refused by the SMSC."""
_WANTS_REPORT = 1 | 2
_KEPT = ("from", "username", "account", "coding", "mclass", "charset", "meta-data", "binfo")
_ESCAPE = re.compile("%([a-zA-Z%])(?![0-9a-fA-F])")


class Kannel:
    """The door."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        counter.enter(NAME, call)

    def routes(self) -> APIRouter:
        """Its path."""
        router = APIRouter(route_class=LeanRoute, include_in_schema=False)
        router.add_api_route("/cgi-bin/sendsms", self.send, methods=["GET", "POST"])
        return router

    async def send(self, request: Request) -> Response:
        """Send a text to one or several receivers."""
        if HEAD in request.scope:  # whoever only looks whether there is something sends nothing
            return Response(status_code=405, headers={"Allow": "GET, POST"})
        try:
            given = await _read(request)
            account = await self._counter.account(request, _word(given, "password"))
            body = await self._body(given)
            receipt = await self._counter.submit(account, body, beside=await self._callback(account, given))
        except Refused as refused:
            return _reply(refused.status, refused.words)
        except ModemdError as error:
            return _reply(*_refusal(error))
        return _reply(202, await self._taken(receipt))

    async def _body(self, given: Mapping[str, bytes]) -> dict[str, object]:
        """What POST /v1/messages would take. Raises Refused."""
        if "to" not in given:
            raise Refused("Missing receiver number, rejected")
        receivers = given["to"].decode("utf-8", "replace").split()
        if not receivers:
            raise Refused("Empty receiver number not allowed, rejected")
        numbers = {name: _number(given, name) for name in _RANGES}
        coding = numbers["coding"]
        if "udh" in given:
            raise Refused("UDH field misformed, rejected")
        if coding == 1:
            raise Refused("Coding field misformed, rejected")
        if numbers["mwi"] is not None:
            raise Refused("MWI field misformed, rejected")
        deferred, validity = numbers["deferred"], numbers["validity"]
        return {
            "to": list((await self._counter.read(receivers)).values()),
            "text": _text(given, coding),
            "flash": numbers["mclass"] == 0,
            "send_at": rfc3339(self._counter.clock.now() + deferred * MINUTE * SECOND) if deferred else None,
            "valid_for": validity * MINUTE if validity else None,
            "report": bool((numbers["dlr-mask"] or 0) & _WANTS_REPORT),
        }

    async def _callback(self, account: int, given: Mapping[str, bytes]) -> Beside | None:
        """Who wants to hear what becomes of it, as ``dlr-mask`` and ``dlr-url`` say. Raises InvalidField."""
        url, kinds = _word(given, "dlr-url"), _kinds(_number(given, "dlr-mask") or 0)
        if not url:
            return None
        kept = {name: _word(given, name) for name in _KEPT if name in given}
        return await self._counter.callback(account, NAME, url, kinds=kinds, field="dlr-url", arguments=kept)

    async def _taken(self, receipt: Receipt) -> str:
        """Kannel's words for what was taken."""
        if len(receipt.messages) + len(receipt.rejected) == 1 and receipt.messages[0]["parts"] == 1:
            return ACCEPTED if await self._counter.ready() is None else QUEUED
        words = "Sent."
        if receipt.rejected:
            words += " Denied receivers are: " + " ".join(one["to"] for one in receipt.rejected)
        splits = max(message["parts"] for message in receipt.messages)
        return f"{words} Message splits: {splits}" if splits > 1 else words


class Refused(Exception):
    """What Kannel answers to a request that is wrong in itself."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.words = words
        self.status = status


async def _read(request: Request) -> dict[str, bytes]:
    """The parameters, still as octets: their alphabet is one of them. The first of a name counts. Raises Refused."""
    given = _parameters(request.scope["query_string"])
    if request.method == "GET":
        return given
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind == "application/x-www-form-urlencoded" and "x-kannel-to" not in request.headers:
        if len(body) > MAX_FORM or body.count(b"&") >= MAX_PARAMETERS:  # reading more would stop the loop
            raise Refused(UNREADABLE)
        return _parameters(body) | given
    if kind == "text/xml":
        raise Refused("Unsupported content-type, rejected", 415)
    headers = {
        name.removeprefix(b"x-kannel-").decode("latin-1"): value
        for name, value in request.scope["headers"]
        if name.startswith(b"x-kannel-")
    }
    return {**given, **{_LONG.get(name, name): value for name, value in headers.items()}, "text": body}


def _parameters(query: bytes) -> dict[str, bytes]:
    given: dict[str, bytes] = {}
    for pair in query.split(b"&"):
        name, equals, value = pair.partition(b"=")
        if equals:
            key = unquote_to_bytes(name).decode("latin-1").lower()
            given.setdefault(_LONG.get(key, key), unquote_to_bytes(value.replace(b"+", b" ")))
    return given


def call(kept: Mapping[str, Any], event: Event, data: Mapping[str, Any]) -> CallbackRequest:
    """The request that tells what became of a message: ``dlr-url`` fetched, its escapes replaced.

    Escapes of what modemd does not know, or keeps no longer (the text), become empty.
    """
    at = datetime.fromtimestamp(event.at // SECOND, tz=UTC)
    error = data.get("error") or {}
    words = {
        "d": str(_BITS[event.kind]),
        **{"P": data["to"], "Q": data["to"], "p": kept.get("from", ""), "q": kept.get("from", "")},
        **{"T": str(event.at // SECOND), "t": at.strftime("%Y-%m-%d %H:%M"), "I": data["id"], "F": data["id"]},
        **{"A": error.get("detail", ""), "n": kept.get("username", ""), "o": kept.get("account", "")},
        **{"c": kept.get("coding", "0"), "m": kept.get("mclass", ""), "C": kept.get("charset", "UTF-8")},
        **{"D": kept.get("meta-data", ""), "B": kept.get("binfo", ""), "%": "%"},
    }
    url = _ESCAPE.sub(lambda match: quote(words.get(match[1], ""), safe=""), str(kept["url"]))
    return "GET", url, b"", {}


def _kinds(mask: int) -> list[str]:
    """The events that a ``dlr-mask`` asks for."""
    return [kind for kind, bit in _BITS.items() if mask & bit]


def _word(given: Mapping[str, bytes], name: str) -> str:
    return given.get(name, b"").decode("utf-8", "replace")


def _number(given: Mapping[str, bytes], name: str) -> int | None:
    """A small number. Raises Refused."""
    label, most = _RANGES[name]
    text = given.get(name, b"").strip()
    if not text:
        return None
    if not text.isdigit() or len(text) > _DIGITS or int(text) > most:
        _misformed(label)
    return int(text)


def _text(given: Mapping[str, bytes], coding: int | None) -> str:
    """The text in the alphabet it came in: UTF-8, with coding 2 UTF-16BE, or as ``charset`` says. Raises Refused."""
    charset = given.get("charset", b"").decode("latin-1") or ("utf-16-be" if coding == 2 else "utf-8")
    try:
        codec = codecs.lookup(charset)
        text = given.get("text", b"").decode(codec.name) if codec.name in _CHARSETS else None
    except (LookupError, UnicodeDecodeError):
        text = None
    if text is None or not text.strip():
        raise Refused(UNREADABLE)
    return text


_CHARSETS = frozenset({"utf-8", "utf-16", "utf-16-be", "utf-16-le", "iso8859-1", "iso8859-2", "iso8859-15", "ascii"})
_CHARSETS |= frozenset({"cp1250", "cp1252"})


def _misformed(label: str) -> NoReturn:
    raise Refused(f"{label} field misformed, rejected")


def _refusal(error: ModemdError) -> tuple[int, str]:
    match error:
        case Unauthorised():
            return 403, UNAUTHORISED
        case InvalidField(field="to"):
            return 400, DENIED
        case InvalidField(field="text"):
            return 400, UNREADABLE
        case InvalidField(field="dlr-url") | Conflict():
            return 400, "DLR-URL field misformed, rejected"
        case InvalidField(field="valid_for"):
            return 400, "Validity field misformed, rejected"
        case TooMany():
            return 503, LATER
        case PaymentRequired():
            return 403, NOT_ROUTABLE
    return 503, LATER


def _reply(status: int, words: str) -> Response:
    return Response(words, status, media_type="text/plain; charset=utf-8")
