"""Listings page by page: ``limit`` items, and a cursor that leads on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modemd import ids
from modemd.errors import InvalidField
from modemd.web.api import openapi

DEFAULT_LIMIT, MAX_LIMIT = 100, 500
NAMES = ("cursor", "limit")
PARAMETERS = [
    openapi.parameter("cursor", "query", "from the page before", openapi.id_of("c")),
    openapi.parameter("limit", "query", "items on a page", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
]


def place(wanted: Mapping[str, str]) -> int | None:
    """The id that the cursor stands for. Raises InvalidField."""
    cursor = wanted.get("cursor")
    if cursor is None:
        return None
    number = ids.decode("c", cursor)
    if number is None:
        raise InvalidField("cursor", "this is no cursor", cure="take it from the page before, unchanged")
    return number


def limit(wanted: Mapping[str, str]) -> int:
    """The size of the page. Raises InvalidField."""
    text = wanted.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidField("limit", "this is no size of a page", cure=f"a number from 1 to {MAX_LIMIT}")
    return int(text)


def page(name: str, items: Sequence[Mapping[str, Any]], wanted: int) -> dict[str, Any]:
    """One page of items with their ``id``, and the cursor; null on the last.

    Of ``items`` one more is asked for than is wanted: if it is there, a page follows.
    """
    more = len(items) > wanted
    return {name: items[:wanted], "cursor": "c" + items[wanted - 1]["id"][1:] if more else None}
