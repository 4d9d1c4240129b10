"""What is sent can be read: by our own decoder, by python-gsmmodem-new's, and segment by segment."""

from __future__ import annotations

import itertools

import regex  # type: ignore[import-untyped]  # its stubs are a package of their own
from gsmmodem import pdu as gsm  # type: ignore[import-untyped]  # it ships no annotations
from hypothesis import assume, example, given
from hypothesis import strategies as st

from modemd.at.pdu import (
    Address,
    Alphabet,
    DataCoding,
    Language,
    MessageClass,
    Options,
    Ports,
    Submit,
    count,
    data_segments,
    join,
    read,
    segments,
)
from modemd.at.pdu.deliver import Deliver
from modemd.at.pdu.encoding import encode
from modemd.at.pdu.primitives import DEFAULT_ALPHABET, EXTENSION
from modemd.at.pdu.validity import relative, relative_seconds
from modemd.values import Sms

GSM_CHARS = sorted((set(DEFAULT_ALPHABET) | set(EXTENSION.values())) - {"\x1b"})
TURKISH, PORTUGUESE, SPANISH = "ĞİŞçğış€ABC defé", "êçÔôÁáÃÕãõÂâúíó^|~`∞ºª ABC", "çÁÍÓÚáíóú abc"
CLUSTERS = ["e\u0301", "👨‍👩‍👧", "🇵🇱", "👍🏽", "\r\n", "한", "न्दी", "😀", "ż", "a", "\U0001f3f4\u200d☠️"]


def texts(characters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of one to some dozens of segments: a few pieces, each repeated (hypothesis by itself keeps texts short)."""
    pieces = st.tuples(st.lists(characters, min_size=1, max_size=12).map("".join), st.integers(1, 50))
    return st.lists(pieces, min_size=1, max_size=4).map(lambda found: "".join(piece * times for piece, times in found))


GSM_TEXT = texts(st.sampled_from(GSM_CHARS))
UCS2_TEXT = texts(st.characters(exclude_categories=["Cs"]))
CLUSTER_TEXT = texts(st.sampled_from(CLUSTERS))
NATIONAL_TEXT = st.one_of(*(texts(st.sampled_from(chars)) for chars in (TURKISH, PORTUGUESE, SPANISH)))
TEXT = st.one_of(GSM_TEXT, UCS2_TEXT, CLUSTER_TEXT, NATIONAL_TEXT)
NUMBER = st.one_of(st.from_regex(r"\A\+[0-9]{1,20}\Z"), st.from_regex(r"\A[0-9*#abc]{1,20}\Z"), st.just("+48123456789"))
LANGUAGES = st.lists(st.sampled_from(Language), unique=True).map(tuple)


def submits(text: str, options: Options, reference: int = 7) -> list[Submit]:
    found = [read(s.pdu, s.length) for s in segments(Sms("+48123456789", text), reference=reference, options=options)]
    return [tpdu for tpdu in found if isinstance(tpdu, Submit)]


def text_of(parts: list[Submit]) -> str:
    return join([Deliver(part.to, part.body) for part in parts])


@given(TEXT, LANGUAGES, st.booleans())
def test_every_text_comes_back_unchanged(text: str, languages: tuple[Language, ...], wide: bool) -> None:
    parts = submits(text, Options(national=languages, wide=wide))
    assert text_of(parts) == text
    assert "".join(part.body.text for part in parts) == text, "each segment is readable by itself"


@given(
    NUMBER,
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(1, 10**9),
    st.none() | st.sampled_from(MessageClass),
    st.integers(0, 255),
)
def test_every_wish_comes_back(
    to: str, report: bool, flash: bool, valid_for: int | None, where: MessageClass | None, protocol: int
) -> None:
    sms = Sms(to, "ok", flash=flash, report=report, valid_for=valid_for)
    (segment,) = segments(sms, reference=0, options=Options(message_class=where, protocol=protocol))
    expected = MessageClass.FLASH if flash else where
    validity = None if valid_for is None else relative_seconds(relative(valid_for))
    tpdu = read(segment.pdu)
    assert isinstance(tpdu, Submit)
    assert (tpdu.to.text, tpdu.report, tpdu.validity, tpdu.protocol) == (to, report, validity, protocol)
    assert tpdu.coding == DataCoding(Alphabet.GSM7, expected)


@given(TEXT, LANGUAGES, st.booleans())
def test_the_count_is_what_will_be_sent(text: str, languages: tuple[Language, ...], wide: bool) -> None:
    options = Options(national=languages, wide=wide)
    parts, counted = submits(text, options), count(text, national=languages, wide=wide)
    width = 2 if counted.alphabet is Alphabet.UCS2 else 1
    assert counted.parts == len(parts)
    assert counted.used == sum(len(part.body.units) for part in parts) // width
    assert counted.alphabet is parts[0].body.alphabet
    assert parts[0].body.header.single == counted.single
    assert parts[0].body.header.locking == counted.locking


@given(TEXT, LANGUAGES)
def test_as_much_as_counted_to_be_left_still_fits(text: str, languages: tuple[Language, ...]) -> None:
    counted = count(text, national=languages)
    filler = "a" * counted.left
    assume(not text.endswith("\r"))
    assert count(text + filler, national=languages).parts == counted.parts
    assert count(text + filler + "a", national=languages).parts > counted.parts


@given(TEXT, st.booleans(), st.integers(0, 0xFFFF))
def test_segments_are_numbered_and_share_their_reference(text: str, wide: bool, reference: int) -> None:
    parts = submits(text, Options(wide=wide), reference)
    if len(parts) == 1:
        assert not parts[0].body.header
        return
    for number, part in enumerate(parts, 1):
        concat = part.body.header.concat
        assert concat is not None
        assert (concat.number, concat.total, concat.wide) == (number, len(parts), wide)
        assert concat.reference == (reference if wide else reference & 0xFF)


@given(TEXT, LANGUAGES, st.booleans())
def test_no_segment_is_longer_than_140_octets(text: str, languages: tuple[Language, ...], wide: bool) -> None:
    for part in submits(text, Options(national=languages, wide=wide)):
        assert len(part.body.octets()) <= 141
        assert part.body.complete


@given(st.one_of(GSM_TEXT, NATIONAL_TEXT), LANGUAGES)
@example("x" * 152 + "€" + "x" * 20, ())
@example("€" * 400, (Language.TURKISH,))
@example("x" * 152 + "\r\n" + "x" * 20, ())
def test_no_segment_ends_within_an_escape_or_a_line_end(text: str, languages: tuple[Language, ...]) -> None:
    parts = submits(text, Options(national=languages))
    for part, following in itertools.pairwise(parts):
        if part.body.alphabet is Alphabet.GSM7:
            assert part.body.units[-1] != 0x1B
            assert (part.body.units[-1], following.body.units[0]) != (0x0D, 0x0A)


@given(st.one_of(CLUSTER_TEXT, UCS2_TEXT))
@example("😀" * 36)
@example("x" * 66 + "ż" + "e\u0301" * 20)
def test_no_segment_ends_within_a_grapheme(text: str) -> None:
    parts = [part.body.text for part in submits(text, Options())]
    whole = regex.findall(r"\X", text)
    assume(all(len(cluster.encode("utf-16-be")) <= 132 for cluster in whole))
    boundaries = {sum(map(len, whole[:at])) for at in range(len(whole) + 1)}
    at = 0
    for part in parts:
        at += len(part)
        assert at in boundaries


@given(st.integers(1, 400), st.sampled_from("\u0301\u200d\U000e0020"))
def test_a_grapheme_longer_than_a_segment_is_cut_between_characters(length: int, joiner: str) -> None:
    text = "ż" + joiner * length
    parts = submits(text, Options())
    assert "".join(part.body.text for part in parts) == text
    assert all("\ufffd" not in part.body.text for part in parts), "no surrogate pair is cut"


@given(TEXT, LANGUAGES)
def test_the_alphabet_is_the_cheapest_that_is_allowed(text: str, languages: tuple[Language, ...]) -> None:
    encoded = encode(text, languages)
    if set(text) <= set(GSM_CHARS):
        assert (encoded.alphabet, bool(encoded.header)) == (Alphabet.GSM7, False)
    elif not languages:
        assert encoded.alphabet is Alphabet.UCS2
    assert count(text, national=languages).parts <= count(text).parts


@given(st.binary(min_size=1, max_size=1000), st.none() | st.builds(Ports, st.integers(0, 65535), st.integers(0, 65535)))
def test_data_comes_back_with_its_ports(data: bytes, ports: Ports | None) -> None:
    found = [read(s.pdu) for s in data_segments(Sms("+48123456789", ""), data, reference=1, ports=ports)]
    assert b"".join(tpdu.body.units for tpdu in found if isinstance(tpdu, Submit)) == data
    assert all(isinstance(tpdu, Submit) and tpdu.body.header.ports == ports for tpdu in found)


def second_opinion(pdu: str) -> dict[str, str]:
    decoded: dict[str, str] = gsm.decodeSmsPdu(pdu)
    return decoded


def as_gsmmodem_reads(text: str) -> str:
    """What its tables make of ``text``: a backtick for ``§``, and nothing for form feed."""
    return text.replace("§", "`").replace("\f", "")


@given(st.one_of(GSM_TEXT, UCS2_TEXT, CLUSTER_TEXT), NUMBER, st.booleans())
def test_python_gsmmodem_reads_what_we_write(text: str, to: str, flash: bool) -> None:
    # It knows no star, hash or letters in numbers, and no wide references (it drops a character after their header);
    # it loses a last septet of 0 that fills the octets. All else it reads as it was meant.
    assume(not set(to) & set("*#abc"))
    found = segments(Sms(to, text, flash=flash), reference=9)
    assume(
        not any(part.body.alphabet is Alphabet.GSM7 and part.body.units[-1] == 0 for part in submits(text, Options()))
    )
    read_back = [second_opinion(segment.pdu) for segment in found]
    assert {decoded["number"] for decoded in read_back} == {to}
    units = "".join(decoded["text"] for decoded in read_back).encode("utf-16-be", "surrogatepass")
    expected = text if count(text).alphabet is Alphabet.UCS2 else as_gsmmodem_reads(text)
    assert units.decode("utf-16-be") == expected


@given(GSM_TEXT | texts(st.characters(max_codepoint=0xD7FF)), st.booleans())
def test_we_read_what_python_gsmmodem_writes(text: str, report: bool) -> None:
    # It sends ÿ as form feed, a backtick as §, and ESC as it is; the first two are wrong, the last is no text.
    assume(not set(text) & set("ÿ`\x1b"))
    assume("§" not in text and "\f" not in text)
    pdus = gsm.encodeSmsSubmitPdu("+48123456789", text, reference=5, requestStatusReport=report)
    found = [read(str(pdu), pdu.tpduLength) for pdu in pdus]
    parts = [tpdu for tpdu in found if isinstance(tpdu, Submit)]
    assert text_of(parts) == text
    assert {part.to for part in parts} == {Address("48123456789", 1)}
    assert {part.report for part in parts} == {report}
