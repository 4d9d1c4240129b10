"""Fields of a form, from a URL-encoded or a multipart body, with nothing written to disk on the way."""

from __future__ import annotations

import re
from email.message import Message
from urllib.parse import parse_qsl

from modemd.errors import UsageError

MAX_FORM = 1024 * 1024
"""Octets of a form: ten thousand numbers and a text have a fifth of it."""
MAX_FIELDS = 20_000

_NAME = re.compile(rb'\r\ncontent-disposition:[^\r\n]*;[ \t]*name=(?:"([^"\r\n]+)"|([^\s;"]+))', re.IGNORECASE)

Fields = list[tuple[str, str]]


def fields(content_type: str, body: bytes) -> Fields:
    """Names and values in their order. Raises UsageError if this is no such form, or not UTF-8."""
    if len(body) > MAX_FORM:
        raise UsageError("the form is too large", cure="split the call", code="too_large")
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            return _multipart(content_type, body)
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise UsageError("the form cannot be read", cure="send it URL-encoded in UTF-8", code="invalid_form") from None


def _multipart(content_type: str, body: bytes) -> Fields:
    """RFC 7578: every part has a name, and its octets are UTF-8.

    Cut by hand: the standard library's parser reads line by line, seconds for ten thousand parts, and stops the loop.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary("")
    if not boundary:
        raise ValueError("nothing parts it")
    delimiter = f"\r\n--{boundary}".encode("latin-1")
    _, *parts = (b"\r\n" + body).split(delimiter, MAX_FIELDS + 1)
    if len(parts) > MAX_FIELDS:
        raise ValueError("too many parts")
    found: Fields = []
    for part in parts:
        if part.startswith(b"--"):  # what follows the last one is no part (RFC 2046 5.1.1)
            return found
        head, _, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None:
            raise ValueError("a part without a name")
        found.append(((name[1] or name[2]).decode(), content.decode()))
    raise ValueError("the form has no end")
