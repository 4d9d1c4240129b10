"""The search must find what is planted, in each form, wherever it lies in the file."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.accounts.search import PIECE, Hit, forms, search
from modemd.at.pdu import segments
from modemd.values import Sms

NUMBER, TEXT, POLISH = "+48600777123", "kwiecisty jarmark", "zażółć gęślą jaźń"


def ascii_septets(text: str) -> Sequence[int] | None:
    """Letters, digits and blanks stand for themselves in the default alphabet (TS 23.038 6.2.1)."""
    return text.encode() if text.isascii() and text.replace(" ", "").isalnum() else None


def found(path: Path, *needles: str) -> list[Hit]:
    return list(search([path], needles, ascii_septets))


def pdu_of(text: str, to: str = NUMBER) -> str:
    (segment,) = segments(Sms(to, text), reference=1)
    return segment.pdu


PLANTED = {
    "utf-8": TEXT.encode(),
    "utf-16-le": TEXT.encode("utf-16-le"),
    "utf-16-be": TEXT.encode("utf-16-be"),
    "hex utf-8": TEXT.encode().hex().encode(),
    "HEX utf-16-be": TEXT.encode("utf-16-be").hex().upper().encode(),
    **{f"base64 {shift}": base64.b64encode(b"x" * shift + TEXT.encode() + b"tail") for shift in range(3)},
    **{f"a PDU {shift}": bytes.fromhex(pdu_of("x" * shift + TEXT + "y" * 3)) for shift in range(8)},
    "a PDU as hex": pdu_of("so " + TEXT).encode(),
    "a PDU as lower hex": pdu_of("so " + TEXT).lower().encode(),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
def test_a_text_is_found_in_each_form(tmp_path: Path, planted: bytes) -> None:
    noise = random.Random(7)
    path = tmp_path / "file"
    path.write_bytes(noise.randbytes(1000) + planted + noise.randbytes(1000))
    assert {hit.needle for hit in found(path, "something else", TEXT)} == {1}
    assert all(1000 <= hit.offset < 1000 + len(planted) for hit in found(path, TEXT))


def test_a_number_is_found_as_the_address_of_a_tpdu(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes.fromhex(pdu_of("x")))
    (hit,) = [hit for hit in found(path, NUMBER) if hit.form == "address"]
    assert path.read_bytes()[hit.offset :].startswith(bytes.fromhex("918406707721F3"))


@pytest.mark.parametrize("planted", [bytes.fromhex(pdu_of("x")), pdu_of("x").encode(), b"48600777123", NUMBER.encode()])
def test_a_number_is_found_in_each_form(tmp_path: Path, planted: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before" + planted + b"after")
    assert found(path, NUMBER)
    assert found(path, NUMBER[3:])
    assert not found(path, "+48600777124")


def test_a_text_of_another_alphabet_is_found(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for planted in (POLISH.encode(), bytes.fromhex(pdu_of(POLISH)), pdu_of(POLISH).encode()):
        path.write_bytes(planted)
        assert found(path, POLISH)


def test_what_lies_across_two_pieces_is_found_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for place in (PIECE - 5, PIECE, PIECE - len(TEXT), 2 * PIECE - 1):
        path.write_bytes(b"-" * place + TEXT.encode() + b"-" * PIECE)
        assert [(hit.form, hit.offset) for hit in found(path, TEXT)] == [("utf-8", place)]


def test_folders_are_searched_to_the_bottom(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "c").write_text(TEXT)
    (tmp_path / "link").symlink_to(deep / "c")
    assert [hit.path for hit in found(tmp_path, TEXT)] == [deep / "c"]
    assert [hit.path for hit in found(deep / "c", TEXT)] == [deep / "c"]


def test_what_is_not_there_is_no_place_without_hits(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        found(tmp_path / "gone", TEXT)


def test_nothing_is_found_in_noise(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(random.Random(3).randbytes(3_000_000))
    assert found(path, NUMBER, TEXT, POLISH, "Janina1") == []


@given(st.binary(max_size=40), st.binary(min_size=8, max_size=40), st.binary(max_size=40))
def test_base64_is_found_whatever_stands_around(before: bytes, secret: bytes, after: bytes) -> None:
    needle = secret.hex()
    text = base64.b64encode(before + needle.encode() + after)
    assert any(form in text for name, form in forms(needle, ascii_septets).items() if name.endswith(" utf-8"))
