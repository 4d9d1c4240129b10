"""Alphabets and TPDUs, against an independent library where it can, against the standard's tables where it cannot."""

from __future__ import annotations

import contextlib

import pytest
from gsmmodem.pdu import decodeSmsPdu, encodeSmsSubmitPdu  # type: ignore[import-untyped]  # ships no types
from hw_sim import alphabet, tpdu
from hw_sim.phone import joined
from hypothesis import given
from hypothesis import strategies as st

GSM = st.text(st.sampled_from([character for character in alphabet.BASIC if character != "\x1b"]), max_size=160)
WHAT_IT_READS = st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF, exclude_characters="§")
"""The other library knows no surrogate pairs, and shows septet 5F as a backtick."""
NUMBERS = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)


def octets_of(pdu: object) -> bytes:
    octets = bytes.fromhex(str(pdu))
    return octets[octets[0] + 1 :]


@given(number=NUMBERS, text=GSM, reference=st.integers(0, 255))
def test_it_reads_what_another_library_writes(number: str, text: str, reference: int) -> None:
    segments = [
        tpdu.read_submit(octets_of(pdu))
        for pdu in encodeSmsSubmitPdu(number, text, reference, requestStatusReport=True)
    ]
    assert {segment.to for segment in segments} == {number}
    assert "".join(segment.text for segment in segments) == text
    assert [segment.part for segment in segments] == list(range(1, len(segments) + 1))
    assert all(segment.wants_report for segment in segments)


@given(
    number=NUMBERS,
    text=st.text(WHAT_IT_READS, min_size=1, max_size=300),
)
def test_another_library_reads_the_delivers_it_writes(number: str, text: str) -> None:
    delivers = tpdu.write_delivers(number, text, sent=1_700_000_000, zone=4, ref=7)
    messages = [decodeSmsPdu("00" + octets.hex()) for octets in delivers]
    assert {message["number"] for message in messages} == {number}
    assert "".join(message["text"] for message in messages) == text


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_what_a_modem_is_sent_it_can_show_again_and_no_segment_cuts_a_character(text: str) -> None:
    delivers = [tpdu.read_deliver(octets) for octets in tpdu.write_delivers("+48600700800", text, sent=0)]
    assert "".join(deliver.text for deliver in delivers) == text


@given(
    septets=st.binary(max_size=160).map(lambda octets: bytes(octet & 0x7F for octet in octets)), fill=st.integers(0, 6)
)
def test_septets_survive_packing_after_any_fill_bits(septets: bytes, fill: int) -> None:
    assert alphabet.unpack(alphabet.pack(septets, fill), len(septets), fill) == septets


def test_emoji_are_read_and_a_pair_cut_in_two_is_whole_again_on_the_phone() -> None:
    whole = "ab😀".encode("utf-16-be")
    header = bytes((5, 0, 3, 9, 2))
    texts = []
    for part, units in ((1, whole[:6]), (2, whole[6:])):
        data = bytes((len(units) + 6,)) + header + bytes((part,)) + units
        submit = tpdu.read_submit(bytes.fromhex("41000B918405214365F70008") + data)
        assert (submit.ref, submit.part, submit.parts) == (9, part, 2)
        texts.append(submit.text)
    assert texts[0] == "ab\ud83d"
    assert joined(texts) == "ab😀"


def test_a_16_bit_reference_is_read() -> None:
    data = bytes((16, 6, 8, 4, 0x12, 0x34, 3, 2)) + alphabet.pack(b"ABCDEFGH")
    submit = tpdu.read_submit(bytes.fromhex("41000B918405214365F70000") + data)
    assert (submit.ref, submit.part, submit.parts, submit.text) == (0x1234, 2, 3, "ABCDEFGH")


@pytest.mark.parametrize(
    ("header", "septets", "text"),
    [
        ("03240101", b"\x1bG\x1bsa", "Ğşa"),
        ("03240102", b"\x1b\x09", "ç"),
        ("03240103", b"\x1b\x61", "Â"),
        ("03250101", b"\x07\x40", "ıİ"),
        ("03250103", b"\x60\x09", "~ç"),
        ("03240109", b"\x1b\x65a", "€a"),
    ],
)
def test_national_tables_are_read_and_unknown_ones_shown_as_the_default(header: str, septets: bytes, text: str) -> None:
    octets = bytes.fromhex(header)
    fill = -(len(octets)) * 8 % 7
    data = octets + alphabet.pack(septets, fill)
    length = (len(octets) * 8 + fill) // 7 + len(septets)
    submit = tpdu.read_submit(bytes.fromhex("41000B918405214365F70000") + bytes((length,)) + data)
    assert submit.text == text


@pytest.mark.parametrize(
    ("dcs", "coding"),
    [
        *((0x00, "gsm7"), (0x04, "data"), (0x08, "ucs2"), (0x10, "gsm7"), (0x18, "ucs2"), (0x48, "ucs2")),
        *((0x88, "gsm7"), (0xC8, "gsm7"), (0xD0, "gsm7"), (0xE0, "ucs2"), (0xF0, "gsm7"), (0xF5, "data")),
    ],
)
def test_the_alphabet_follows_the_data_coding_scheme(dcs: int, coding: str) -> None:
    assert tpdu.coding_of(dcs).value == coding


@pytest.mark.parametrize(
    "number", ["+48501234567", "112", "*100#", "+4850123456", "1", "12345678901234567890", "T-Mobile"]
)
def test_addresses_survive(number: str) -> None:
    field = tpdu.write_number(number)
    assert tpdu.read_number(field[2:], field[1], field[0]) == number


def test_time_stamps_carry_their_zone() -> None:
    assert tpdu.write_time(0, 4).hex() == "07101010000040"
    assert tpdu.write_time(0, -20).hex() == "9621139100000a"


@given(octets=st.binary(max_size=200))
def test_no_octets_whatever_break_it_otherwise_than_by_bad_tpdu(octets: bytes) -> None:
    with contextlib.suppress(tpdu.BadTpdu):
        assert tpdu.read_submit(octets).parts >= 1
