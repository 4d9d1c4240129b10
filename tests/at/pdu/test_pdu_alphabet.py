"""The alphabets septet by septet (TS 23.038 6.2.1, A.2, A.3), and how septets are packed (6.1.2.1)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modemd.at.pdu.alphabet import DEFAULT, LOCKING_SHIFT, SINGLE_SHIFT, Language, tables
from modemd.at.pdu.primitives import DEFAULT_ALPHABET, EXTENSION, from_semi_octets, pack, to_semi_octets, unpack

ROWS = (
    "@£$¥èéùìòÇ\nØø\rÅå",
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ",
    " !\"#¤%&'()*+,-./",
    "0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZÄÖÑÜ§",
    "¿abcdefghijklmno",
    "pqrstuvwxyzäöñüà",
)
"""The table of TS 23.038 6.2.1, typed in again by row, so that nobody's mistake is copied."""

SEPTETS = st.binary(max_size=200).map(lambda octets: bytes(octet & 0x7F for octet in octets))


def test_the_default_alphabet_is_that_of_the_standard() -> None:
    assert "".join(ROWS) == DEFAULT_ALPHABET
    assert len(set(DEFAULT_ALPHABET)) == 128


def test_the_extension_is_that_of_the_standard() -> None:
    assert EXTENSION == {
        0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"
    }  # fmt: skip


@pytest.mark.parametrize("char", ["`", "\t", "ç", "“", "–", "…", "\u00a0", "ż", "ÿ", "\x1b", "\0", "Α", "Ω".lower()])
def test_what_looks_like_gsm_but_is_not_is_not_taken(char: str) -> None:
    assert DEFAULT.encode(char) is None


@pytest.mark.parametrize(
    ("language", "septet", "char"),
    [
        (Language.TURKISH, 0x47, "Ğ"), (Language.TURKISH, 0x69, "ı"), (Language.TURKISH, 0x65, "€"),
        (Language.SPANISH, 0x09, "ç"), (Language.SPANISH, 0x75, "ú"), (Language.SPANISH, 0x14, "^"),
        (Language.PORTUGUESE, 0x05, "ê"), (Language.PORTUGUESE, 0x7F, "â"), (Language.PORTUGUESE, 0x3D, "~"),
    ],
)  # fmt: skip
def test_a_single_shift_table_replaces_the_extension(language: Language, septet: int, char: str) -> None:
    assert tables(single=language).decode(bytes((0x1B, septet))) == char


@pytest.mark.parametrize(
    ("language", "septet", "char"),
    [
        (Language.TURKISH, 0x04, "€"), (Language.TURKISH, 0x60, "ç"), (Language.TURKISH, 0x05, "é"),
        (Language.PORTUGUESE, 0x15, "∞"), (Language.PORTUGUESE, 0x7D, "`"), (Language.PORTUGUESE, 0x24, "º"),
        (Language.PORTUGUESE, 0x5F, "§"), (Language.PORTUGUESE, 0x1F, "É"),
    ],
)  # fmt: skip
def test_a_locking_shift_table_replaces_the_default_alphabet(language: Language, septet: int, char: str) -> None:
    assert tables(locking=language).decode(bytes((septet,))) == char


def test_no_table_says_one_thing_in_two_ways() -> None:
    for basic in LOCKING_SHIFT.values():
        assert len(basic) == len(set(basic)) == 128
    for shifted in SINGLE_SHIFT.values():
        assert len(shifted) == len(set(shifted.values()))
        assert 0x1B not in shifted


@pytest.mark.parametrize(
    ("septets", "text"),
    [("1B28", "{"), ("1B41", "A"), ("1B1B", " "), ("411B", "A "), ("1B", " "), ("1B1B28", " ("), ("1B0A41", "\fA")],
)
def test_an_escape_that_means_nothing_shows_the_default_character_or_a_blank(septets: str, text: str) -> None:
    assert DEFAULT.decode(bytes.fromhex(septets)) == text


@given(st.text(alphabet=sorted(set("".join(ROWS) + "^{}\\[~]|€\f") - {"\x1b"})))
def test_text_of_the_default_alphabet_survives(text: str) -> None:
    septets = DEFAULT.encode(text)
    assert septets is not None
    assert DEFAULT.decode(septets) == text


@given(SEPTETS, st.integers(0, 6))
def test_packing_is_seven_bits_each_from_the_lowest_up(septets: bytes, fill_bits: int) -> None:
    stream = sum(septet << 7 * at for at, septet in enumerate(septets)) << fill_bits
    assert pack(septets, fill_bits) == stream.to_bytes((fill_bits + 7 * len(septets) + 7) // 8, "little")


@given(SEPTETS, st.binary(max_size=3))
@example(bytes(8), b"")
@example(b"abcdefg\0", b"\0")
def test_unpacking_takes_as_many_septets_as_there_are(septets: bytes, rubbish: bytes) -> None:
    assert unpack(pack(septets) + rubbish, len(septets)) == septets
    assert len(unpack(pack(septets), 999)) in (len(septets), len(septets) + 1)


@given(st.binary(max_size=30), st.integers(0, 300))
def test_unpacking_anything_gives_septets(octets: bytes, count: int) -> None:
    found = unpack(octets, count)
    assert len(found) == min(count, len(octets) * 8 // 7)
    assert all(septet < 0x80 for septet in found)


@given(st.text(alphabet="0123456789*#abc", max_size=20))
def test_digits_survive_semi_octets(digits: str) -> None:
    assert from_semi_octets(to_semi_octets(digits)) == digits
