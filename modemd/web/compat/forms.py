"""Fields of a form, from a URL-encoded or a multipart body, with nothing written to disk on the way."""

from __future__ import annotations

from email.errors import MessageError
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from modemd.errors import UsageError

MAX_FORM = 1024 * 1024
"""Octets of a form: ten thousand numbers and a text have a fifth of it."""
MAX_FIELDS = 20_000

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
    except (UnicodeDecodeError, ValueError, MessageError, LookupError):
        raise UsageError("the form cannot be read", cure="send it URL-encoded in UTF-8", code="invalid_form") from None


def _multipart(content_type: str, body: bytes) -> Fields:
    """RFC 7578: every part has a name, and its octets are UTF-8."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    found: Fields = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise MessageError("a part without a name")
        found.append((name, content.decode()))
    return found
