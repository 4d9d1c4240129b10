"""What a caller asks to have sent, read field by field: every fault is named with its field and its cure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from modemd import ids
from modemd.clock import SECOND
from modemd.errors import InvalidField
from modemd.queue.states import IfUncertain
from modemd.values import Lane

MAX_RECIPIENTS = 10_000
MAX_TEXT = 255 * 153
"""Characters of the longest text: 255 segments (TS 23.040 9.2.3.24.1) of 153 septets (TS 23.038 6.1.2.1)."""
MAX_NUMBER = 40
MAX_TAG = 64
MAX_VALID_FOR = 63 * 7 * 86_400
"""Seconds: the longest relative validity period, 63 weeks (TS 23.040 9.2.3.12.1)."""
MAX_AHEAD = 366 * 86_400
"""Seconds from now that `send_at` may lie in the future; in the past one day, for clocks that are wrong."""

_LANES = {"transactional": Lane.TRANSACTIONAL, "bulk": Lane.BULK}
_POLICIES = {policy.name.lower(): policy for policy in IfUncertain}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One call: a text for some recipients."""

    to: tuple[str, ...]
    """As the caller wrote them."""
    text: str
    """With recipients or groups, a text with fields (template.py)."""
    recipients: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    lane: Lane = Lane.TRANSACTIONAL
    plain: bool = False
    """Strip diacritics where that makes the text cheaper."""
    flash: bool = False
    send_at: int | None = None
    """Moment in microseconds; None or past: at once."""
    valid_for: int | None = None
    """Seconds."""
    report: bool = False
    if_uncertain: IfUncertain = IfUncertain.HOLD
    tag: str | None = None


def read(body: object, now: int) -> Request:
    """The request in a decoded JSON body. Raises InvalidField for the first field that is wrong, or unknown."""
    if not isinstance(body, dict):
        raise InvalidField("body", "the body is no JSON object", cure='send {"to": …, "text": …}')
    for name in body:
        if name not in _FIELDS:
            raise InvalidField("body", "a field of the body is unknown", cure=_KNOWN, code="unknown_field")
    nobody: tuple[int, ...] = ()
    recipients = _optional(body, "recipients", _ids("r"), nobody)
    groups = _optional(body, "groups", _ids("g"), nobody)
    return Request(
        to=_to(body) if body.get("to") is not None or not (recipients or groups) else (),
        text=_text(body),
        recipients=recipients,
        groups=groups,
        lane=_optional(body, "lane", _choice(_LANES), Lane.TRANSACTIONAL),
        plain=_optional(body, "plain", _flag, default=False),
        flash=_optional(body, "flash", _flag, default=False),
        send_at=_optional(body, "send_at", lambda name, value: _moment(name, value, now), None),
        valid_for=_optional(body, "valid_for", _validity, None),
        report=_optional(body, "report", _flag, default=False),
        if_uncertain=_optional(body, "if_uncertain", _choice(_POLICIES), IfUncertain.HOLD),
        tag=_optional(body, "tag", _tag, None),
    )


_FIELDS = frozenset(Request.__dataclass_fields__)
_KNOWN = "the fields are " + ", ".join(Request.__dataclass_fields__)


def _optional(body: Mapping[str, Any], name: str, reader: Callable[[str, object], T], default: T) -> T:
    """The field read by ``reader``; null means the same as leaving it out."""
    value = body.get(name)
    return default if value is None else reader(name, value)


def _to(body: Mapping[str, Any]) -> tuple[str, ...]:
    given = body.get("to")
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or not given:
        detail = "this is no string, and no list of strings" if given else "there is no recipient"
        raise InvalidField("to", detail, cure='give a number, or a list of numbers, as "to"')
    if len(given) > MAX_RECIPIENTS:
        raise InvalidField("to", f"there are more than {MAX_RECIPIENTS} recipients", cure="split the call")
    for place, number in enumerate(given):
        if not isinstance(number, str):
            raise InvalidField(f"to[{place}]", "a number has to be a string", cure='write it like "+48600100200"')
        if len(number) > MAX_NUMBER:
            raise InvalidField(f"to[{place}]", f"a number has at most {MAX_NUMBER} characters", cure="check the list")
    return tuple(given)


def _ids(prefix: str) -> Callable[[str, object], tuple[int, ...]]:
    def reader(name: str, value: object) -> tuple[int, ...]:
        cure = f"a list of ids like {prefix}_01hzy3kd8q2v5"
        if not isinstance(value, list) or len(value) > MAX_RECIPIENTS:
            raise InvalidField(name, "this is no list of ids, or too long", cure=cure)
        found = [ids.decode(prefix, one) if isinstance(one, str) else None for one in value]
        if None in found:
            raise InvalidField(f"{name}[{found.index(None)}]", "this is no id", cure=cure)
        return tuple(dict.fromkeys(number for number in found if number is not None))

    return reader


def _text(body: Mapping[str, Any]) -> str:
    text = body.get("text")
    if not isinstance(text, str) or not text.strip():
        detail = "this is no string" if text and not isinstance(text, str) else "there is no text"
        raise InvalidField("text", detail, cure='give the text of the message as "text"')
    if len(text) > MAX_TEXT:
        raise InvalidField("text", "the text does not fit 255 segments", cure="shorten it", code="text_too_long")
    return _characters("text", text)


def _tag(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or len(value.encode("utf-8", "replace")) > MAX_TAG:
        raise InvalidField(name, "a tag is a string of 1 to 64 octets", cure="shorten it, or leave it out")
    return _characters(name, value)


def _characters(name: str, value: str) -> str:
    """The string, if it is Unicode: JSON can write half a surrogate pair, which no alphabet can send."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidField(name, "a character is half a surrogate pair", cure="send valid Unicode") from None
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidField(name, "this has to be true or false", cure="without quotes")
    return value


def _choice(known: Mapping[str, T]) -> Callable[[str, object], T]:
    def reader(name: str, value: object) -> T:
        if not isinstance(value, str) or value not in known:
            raise InvalidField(name, "this is none of the known values", cure="one of " + ", ".join(known))
        return known[value]

    return reader


def _validity(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_VALID_FOR:
        raise InvalidField(name, "this is no number of seconds", cure=f"a whole number from 1 to {MAX_VALID_FOR}")
    return value


def _moment(name: str, value: object, now: int) -> int:
    cure = 'write it as RFC 3339 with its zone, like "2026-01-31T08:00:00Z"'
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise InvalidField(name, "this is no date and time", cure=cure)
    try:
        moment = round(datetime.fromisoformat(value.upper()).timestamp() * SECOND)
    except (ValueError, OverflowError):
        raise InvalidField(name, "there is no such date and time", cure=cure) from None
    if moment < now - 86_400 * SECOND:
        raise InvalidField(name, "this is more than a day ago", cure="leave it out to send at once")
    if moment > now + MAX_AHEAD * SECOND:
        raise InvalidField(name, "this is more than a year ahead", cure="submit it later")
    return moment
