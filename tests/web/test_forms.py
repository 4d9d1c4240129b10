"""Forms as the doors of others read them: names and values, whatever wrote them, and quickly."""

from __future__ import annotations

import time

import pytest

from modemd.errors import UsageError
from modemd.web.compat.forms import MAX_FIELDS, MAX_FORM, Fields, fields

MULTIPART = 'multipart/form-data; boundary="a b"'


def part(content: bytes, disposition: bytes = b'form-data; name="text"') -> bytes:
    return b"--a b\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + content + b"\r\n"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (part(b"Za\xc5\xbc\r\n--\r\n"), [("text", "Zaż\r\n--\r\n")]),
        (part(b"1", b"form-data; name=type") + part(b""), [("type", "1"), ("text", "")]),
        (part(b"1", b'form-data; filename="x"; Name="recipients[]"'), [("recipients[]", "1")]),
        (b"a preamble\r\n" + part(b"1").replace(b"--a b", b"--a b  "), [("text", "1")]),
        (b"--a b\r\ncontent-type: text/plain\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n", [("a", "1")]),
        (b"", []),
    ],
)
def test_a_multipart_form_is_read(body: bytes, found: Fields) -> None:
    assert fields(MULTIPART, body + b"--a b--\r\nan epilogue") == found


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (MULTIPART, part(b"without an end")),
        (MULTIPART, b""),
        (MULTIPART, part(b"\xff") + b"--a b--"),
        (MULTIPART, part(b"1", b"form-data") + b"--a b--"),
        (MULTIPART, b"--a b\r\n\r\n1\r\n--a b--"),
        (MULTIPART, b"--a b\r\n\r\n" * (MAX_FIELDS + 1) + b"--a b--"),
        ("multipart/form-data", part(b"1") + b"--a b--"),
        ("application/x-www-form-urlencoded", b"text=%ff"),
        ("application/x-www-form-urlencoded", b"a=1&" * (MAX_FIELDS + 1)),
    ],
)
def test_what_is_no_form_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(UsageError) as refusal:
        fields(kind, body)
    assert refusal.value.code == "invalid_form"


def test_a_form_as_large_as_it_may_be_does_not_stop_the_loop() -> None:
    body = part(b"600100200") * (MAX_FIELDS - 1)
    body = body[: MAX_FORM - 100].rpartition(b"--a b")[0] + b"--a b--"
    began = time.process_time()
    assert len(fields(MULTIPART, body)) > 13_000
    assert time.process_time() - began < 0.5
