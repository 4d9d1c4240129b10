"""SMS-SUBMITs octet by octet, worked out by hand from TS 23.040 and TS 23.038."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemd.at.pdu import Alphabet, Language, MessageClass, Options, Ports, count, data_segments, segments
from modemd.clock import SECOND
from modemd.errors import InvalidField, PduError
from modemd.values import Sms

SMS = Sms("+48123456789", "A")
DA = "0B918421436587F9"
PLAIN = Options()


def pdus(sms: Sms, reference: int = 0, options: Options = PLAIN) -> list[str]:
    return [segment.pdu for segment in segments(sms, reference=reference, options=options)]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("hellohello", "00000AE8329BFD4697D9EC37"),
        ("A", "00000141"),
        ("@@@@@@@@", "00000800000000000000"),
        ("€", "0000029B32"),
        ("ż", "000802017C"),
        ("😀", "000804D83DDE00"),
        ("§`", "000804" "00A70060"),
    ],
)  # fmt: skip
def test_a_text_is_written_in_the_cheapest_alphabet(text: str, end: str) -> None:
    assert pdus(replace(SMS, text=text)) == [f"000100{DA}{end}"]


@pytest.mark.parametrize(
    ("sms", "first", "after_address"),
    [
        (SMS, "01", "0000"),
        (replace(SMS, report=True), "21", "0000"),
        (replace(SMS, flash=True), "01", "0010"),
        (replace(SMS, valid_for=86_400), "11", "0000A7"),
        (replace(SMS, valid_for=60, report=True, flash=True), "31", "001000"),
    ],
)
def test_each_wish_is_a_bit_or_an_octet(sms: Sms, first: str, after_address: str) -> None:
    assert pdus(sms) == [f"00{first}00{DA}{after_address}0141"]


@pytest.mark.parametrize(
    ("options", "first", "after_address"),
    [
        (Options(reject_duplicates=True), "05", "0000"),
        (Options(message_class=MessageClass.SIM), "01", "0012"),
        (Options(protocol=0x41), "01", "4100"),
    ],
)
def test_each_option_is_a_bit_or_an_octet(options: Options, first: str, after_address: str) -> None:
    assert pdus(SMS, options=options) == [f"00{first}00{DA}{after_address}0141"]


@pytest.mark.parametrize(
    ("to", "address"),
    [
        ("+48123456789", "0B918421436587F9"),
        ("+4812345678", "0A918421436587"),
        ("7168", "04811786"),
        ("1", "0181F1"),
        ("*100#", "05811A00FB"),
        ("+12345678901234567890", "149121436587092143658709"),
    ],
)
def test_numbers_are_swapped_semi_octets(to: str, address: str) -> None:
    assert pdus(replace(SMS, to=to)) == [f"000100{address}00000141"]


def test_the_length_counts_the_octets_after_the_service_centre() -> None:
    (segment,) = segments(SMS, reference=0)
    assert segment.length == len(segment.pdu) // 2 - 1


def test_a_long_text_shares_a_reference_and_counts_its_segments() -> None:
    first, second = segments(replace(SMS, text="x" * 161), reference=0x1FE)
    assert first.pdu.startswith(f"004100{DA}0000A0050003FE0201F0")
    assert second.pdu == f"004100{DA}00000F050003FE0202F0783C1E8FC7E301"
    assert [(s.number, s.total) for s in (first, second)] == [(1, 2), (2, 2)]


def test_a_wide_reference_takes_sixteen_bits() -> None:
    first, second = segments(replace(SMS, text="x" * 161), reference=0x1FE, options=Options(wide=True))
    assert first.pdu.startswith(f"004100{DA}0000A006080401FE0201")
    assert second.pdu == f"004100{DA}00001106080401FE0202783C1E8FC7E3F178"


def test_flash_and_concatenation_go_together() -> None:
    first, _ = pdus(replace(SMS, text="ż" * 71, flash=True))
    assert first.startswith(f"004100{DA}00188C050003000201017C")


def test_data_goes_to_a_port() -> None:
    (segment,) = data_segments(SMS, b"\x01\x02", reference=0, ports=Ports(2948, 9200))
    assert segment.pdu == f"004100{DA}0004090605040B8423F00102"


@pytest.mark.parametrize(
    ("size", "ports", "user_data_lengths"),
    [
        (140, None, [140]),
        (141, None, [140, 6 + 7]),
        (133, Ports(1), [140]),
        (134, Ports(1), [140, 12 + 6]),
        (135, Ports(1, wide=False), [140]),
        (136, Ports(1, wide=False), [140, 10 + 6]),
    ],
)
def test_data_is_cut_to_what_the_headers_leave(size: int, ports: Ports | None, user_data_lengths: list[int]) -> None:
    before = len(f"0100{DA}000400") // 2
    found = data_segments(SMS, bytes(size), reference=0, ports=ports)
    assert [segment.length - before for segment in found] == user_data_lengths


def test_a_port_that_does_not_fit_is_named() -> None:
    with pytest.raises(PduError) as error:
        data_segments(SMS, b"x", reference=0, ports=Ports(256, wide=False))
    assert error.value.field == "ports"


@pytest.mark.parametrize(
    "number", ["", "+", "abc+", "+48 123", "12345678901234567890123", "+48x", "٤٨", "Amazon", "+1*"]
)
def test_what_is_no_number_is_refused_by_field(number: str) -> None:
    with pytest.raises(InvalidField) as error:
        segments(replace(SMS, to=number), reference=0)
    assert error.value.field == "to"
    assert error.value.cure
    assert not number or number not in str(error.value)


@pytest.mark.parametrize("text", ["", "\ud83d", "a\ude00b", "x" * (153 * 255 + 1), "ż" * (67 * 255 + 1)])
def test_what_no_sms_can_carry_is_refused_by_field(text: str) -> None:
    for attempt in (lambda: segments(replace(SMS, text=text), reference=0), lambda: count(text)):
        with pytest.raises(InvalidField) as error:
            attempt()
        assert error.value.field == "text"
        assert error.value.cure
        assert error.value.__cause__ is None
        assert error.value.__context__ is None, "the context would carry the text"


@pytest.mark.parametrize(
    ("text", "alphabet", "parts", "used", "left"),
    [
        ("a" * 160, Alphabet.GSM7, 1, 160, 0),
        ("a" * 161, Alphabet.GSM7, 2, 161, 145),
        ("€" * 80, Alphabet.GSM7, 1, 160, 0),
        ("€" * 81, Alphabet.GSM7, 2, 162, 143),
        ("ż" * 70, Alphabet.UCS2, 1, 70, 0),
        ("ż" * 71, Alphabet.UCS2, 2, 71, 63),
        ("😀" * 35, Alphabet.UCS2, 1, 70, 0),
        ("😀" * 36, Alphabet.UCS2, 2, 72, 61),
        ("x" * (153 * 255), Alphabet.GSM7, 255, 153 * 255, 0),
        ("ż" * (67 * 255), Alphabet.UCS2, 255, 67 * 255, 0),
    ],
)
def test_a_count_says_what_the_segments_will_be(
    text: str, alphabet: Alphabet, parts: int, used: int, left: int
) -> None:
    found = count(text)
    assert (found.alphabet, found.parts, found.used, found.left) == (alphabet, parts, used, left)
    assert len(pdus(replace(SMS, text=text))) == parts


def test_national_tables_are_used_only_where_they_are_switched_on() -> None:
    text = "Şişli'de ğ" * 10
    assert count(text).alphabet is Alphabet.UCS2
    turkish = count(text, national=(Language.TURKISH,))
    assert (turkish.alphabet, turkish.parts) == (Alphabet.GSM7, 1)
    assert (turkish.single, turkish.locking) == (None, Language.TURKISH)
    assert count("plain text", national=(Language.TURKISH,)) == count("plain text")


def test_a_national_table_is_named_in_the_header() -> None:
    (pdu,) = pdus(replace(SMS, text="ğ"), options=Options(national=(Language.TURKISH,)))
    # a header of 4 octets is 5 septets with 3 fill bits; then 0Ch, which spans two octets
    assert pdu == f"004100{DA}000006032501016000"


def test_a_validity_may_be_a_moment() -> None:
    (segment,) = segments(replace(SMS, valid_for=5), reference=0, until=1_743_078_641 * SECOND)
    assert segment.pdu == f"001900{DA}0000523072210314000141"


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_validity_of_no_time_is_refused_by_field(seconds: int) -> None:
    with pytest.raises(InvalidField) as error:
        segments(replace(SMS, valid_for=seconds), reference=0)
    assert error.value.field == "valid_for"


def test_more_data_than_255_segments_is_refused_by_field() -> None:
    with pytest.raises(InvalidField) as error:
        data_segments(SMS, bytes(134 * 255 + 1), reference=0)
    assert error.value.field == "data"
    with pytest.raises(InvalidField) as error:
        data_segments(SMS, b"", reference=0)
    assert error.value.field == "data"
