"""What modems hand over: whole, odd, and half broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.at.pdu import (
    Address,
    Alphabet,
    ChainKey,
    Concat,
    DataCoding,
    Deliver,
    Delivery,
    Enhanced,
    Header,
    Language,
    MessageClass,
    Ports,
    Stamp,
    StatusReport,
    Submit,
    Tpdu,
    UserData,
    Waiting,
    chain_key,
    is_empty,
    join,
    read,
    status_meaning,
    write,
)
from modemd.at.pdu.address import write_address
from modemd.at.pdu.dcs import read_coding
from modemd.at.pdu.timestamp import read_stamp, write_stamp
from modemd.at.pdu.validity import relative, relative_seconds
from modemd.clock import SECOND, rfc3339
from modemd.errors import PduError

SMSC = "0791843906010010"
DELIVER = f"{SMSC}040B918421436587F90000523072410314800AE8329BFD4697D9EC37"
REPORT = f"{SMSC}06170B918421436587F9523072410314805230724123048000"


def deliver(pdu: str, length: int | None = None) -> Deliver:
    tpdu = read(pdu, length)
    assert isinstance(tpdu, Deliver)
    return tpdu


def report(pdu: str) -> StatusReport:
    tpdu = read(pdu)
    assert isinstance(tpdu, StatusReport)
    return tpdu


def moment(stamp: Stamp | None) -> str | None:
    return rfc3339(stamp.moment) if stamp else None


def test_a_message_says_who_sent_what_and_when() -> None:
    found = deliver(DELIVER)
    assert (found.smsc, found.sender.text, found.text) == ("+489360100001", "+48123456789", "hellohello")
    assert moment(found.sent) == "2025-03-27T12:30:41.000Z"


def test_a_report_says_what_became_of_which_message() -> None:
    found = report(REPORT)
    assert (found.reference, found.recipient.text, found.status) == (0x17, "+48123456789", 0)
    assert found.meaning.delivery is Delivery.DELIVERED
    assert moment(found.accepted) == "2025-03-27T12:30:41.000Z"
    assert moment(found.discharged) == "2025-03-27T12:32:40.000Z"


def test_a_message_that_was_stored_unsent_is_read_as_what_it_is() -> None:
    found = read("0011000B918421436587F90000A70141")
    assert isinstance(found, Submit)
    assert (found.to.text, found.body.text, found.validity) == ("+48123456789", "A", 86_400)


def test_a_type_that_is_reserved_is_read_as_a_message() -> None:
    assert deliver(DELIVER.replace(f"{SMSC}04", f"{SMSC}07")).text == "hellohello"


@pytest.mark.parametrize("pdu", [DELIVER, DELIVER.lower(), f" {DELIVER}\r"])
def test_hex_is_read_in_either_case(pdu: str) -> None:
    assert deliver(pdu).text == "hellohello"


def test_a_modem_that_leaves_out_the_service_centre_is_understood_by_its_length() -> None:
    bare = DELIVER.removeprefix(SMSC)
    assert deliver(bare, len(bare) // 2).text == "hellohello"
    assert deliver(DELIVER, len(bare) // 2).text == "hellohello"
    assert deliver(f"00{bare}", len(bare) // 2).text == "hellohello"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("0B918421436587F9", "+48123456789"),
        ("0A918421436587", "+4812345678"),
        ("0481 1786", "7168"),
        ("0581 1A00FB", "*100#"),
        ("0181 F1", "1"),
        ("0AA1 1092997856", "0129998765"),
        ("00 81", ""),
        ("06D0 61F118", "abc"),
        ("06D1 61F118", "abc"),
        ("0ED0 4669D0397C26A7", "FRANCOIS"),
        ("0ED0 CDBC30EC5ECF01", "MyBanks"),
        ("0DD0 CDBC30EC5ECF01", "MyBanks"),
        ("14D0 41E19058341E9149E512", "ABCDEFGHIJK"),
        ("14D0 E10D6FE3DBA036A94D19", "a[]{}€"),
    ],
)
def test_addresses_of_every_kind(field: str, text: str) -> None:
    assert deliver(f"0004{field}0000523072410314800141".replace(" ", "")).sender.text == text


def test_a_surrogate_pair_cut_between_segments_is_whole_once_they_are_joined() -> None:
    first, second = (
        deliver(f"00440B918421436587F9000852307241031480{length:02X}0500030902{number:02X}{units}")
        for number, units, length in ((1, "0041D83D", 10), (2, "DE000042", 10))
    )
    assert chain_key(first) == chain_key(second) == ChainKey("+48123456789", 9, 2, wide=False)
    assert join([first, second]) == "A😀B"


def test_an_escape_cut_from_its_character_is_whole_once_they_are_joined() -> None:
    bodies = [UserData(units, header=Header(Concat(9, 2, number))) for number, units in enumerate((b"a\x1b", b"eb"), 1)]
    assert join([Deliver(Address.of("1"), body) for body in bodies]) == "a€b"


def test_segments_in_several_alphabets_are_joined_as_well() -> None:
    bodies = [
        UserData(b"abc"),
        UserData("ż".encode("utf-16-be"), Alphabet.UCS2),
        UserData(b"\x0c", header=Header(locking=Language.TURKISH)),
        UserData(b"\x0c"),
    ]
    assert join([Deliver(Address.of("1"), body) for body in bodies]) == "abcżğø"


def test_chains_are_told_apart_by_sender_reference_width_and_total() -> None:
    keys = {
        chain_key(Deliver(Address.of(sender), UserData(b"", header=Header(Concat(reference, total, 1, wide)))))
        for sender in ("+481", "+482")
        for reference in (1, 2)
        for total in (2, 3)
        for wide in (True, False)
    }
    assert len(keys) == 16
    assert None not in keys


@pytest.mark.parametrize("element", ["0003090200", "0003090203", "0003090001", "00020902", "0003090101"])
def test_an_impossible_concatenation_leaves_a_message_by_itself(element: str) -> None:
    length = len(element) // 2
    found = deliver(f"00440B918421436587F9000452307241031480{length + 2:02X}{length:02X}{element}41")
    assert chain_key(found) is None
    assert found.body.units == b"A"


def test_elements_that_mean_nothing_here_are_kept() -> None:
    found = deliver("00440B918421436587F900045230724103148008067001017101FF41")
    assert found.body.header.others == ((0x70, b"\x01"), (0x71, b"\xff"))
    assert (found.body.units, found.body.complete) == (b"A", True)


@pytest.mark.parametrize("element", ["250102", "250104", "24010D"])
def test_a_national_table_that_is_not_known_shows_the_default_characters(element: str) -> None:
    assert deliver(f"00440B918421436587F90000523072410314800603{element}6000").text == "ø"


# --- half broken ones


@pytest.mark.parametrize(
    "optional", ["", "00", "0100", "03", "0300", "030000", "07000004D4F29C0E", "FF", "FFFFFFFFFFFF"]
)
def test_a_report_is_read_whatever_follows_its_status(optional: str) -> None:
    found = report(REPORT + optional)
    assert (found.reference, found.recipient.text, found.status) == (0x17, "+48123456789", 0)


def test_a_report_may_carry_text() -> None:
    found = report(f"{REPORT}07000004D4F29C0E")
    assert found.body is not None
    assert found.body.text == "Test"


def test_a_report_with_an_address_within_the_address_is_read_as_zte_means_it() -> None:
    found = report("00061C0F910B488421436587F9523072410314805230724123048000")
    assert (found.reference, found.recipient.text, found.status) == (0x1C, "+48123456789", 0)


def test_a_recipient_with_a_letter_in_it_is_left_alone_otherwise() -> None:
    found = report("00061C0591 1A00FB 52307241031480 52307241230480 00".replace(" ", ""))
    assert found.recipient.text == "+*100#"


@pytest.mark.parametrize(
    "stamp", ["00000000000000", "99999999999999", "FFFFFFFFFFFFFF", "52320041031480", "A2307241031480"]
)
def test_a_date_that_is_none_does_not_cost_the_message(stamp: str) -> None:
    found = deliver(DELIVER.replace("52307241031480", stamp))
    assert found.sent is None
    assert found.text == "hellohello"


@pytest.mark.parametrize(("zone", "quarters"), [("80", 8), ("08", -0), ("8A", -28), ("00", 0), ("F0", 0), ("23", 32)])
def test_the_zone_has_its_sign_in_the_lower_half(zone: str, quarters: int) -> None:
    stamp = read_stamp(bytes.fromhex(f"523072410314{zone}"))
    assert stamp is not None
    assert stamp.zone == quarters


def test_years_are_of_this_century() -> None:
    stamp = read_stamp(bytes.fromhex("99217132959500"))
    assert stamp is not None
    assert rfc3339(stamp.moment) == "2099-12-17T23:59:59.000Z"


def test_less_user_data_than_announced_is_taken_for_what_it_is() -> None:
    found = deliver(DELIVER[:-8])
    assert found.text == "hellohello"[: (9 - 4) * 8 // 7]
    assert not found.body.complete


@pytest.mark.parametrize("user_data", ["0305000309", "0A0A000309020141", "0504000309FF"])
def test_a_header_that_is_cut_off_is_ignored_but_costs_nothing_else(user_data: str) -> None:
    found = deliver(f"00440B918421436587F9000452307241031480{user_data}")
    assert not found.body.header
    assert not found.body.complete
    assert chain_key(found) is None


@pytest.mark.parametrize("record", ["FF" * 176, "ff" * 20, "", "00" * 30, "FFFFF\r\n"])
def test_an_empty_slot_is_known_as_one(record: str) -> None:
    assert is_empty(record)
    with pytest.raises(PduError, match="an empty record"):
        read(record)


def test_what_is_no_hex_is_refused_where_it_stops_being_hex() -> None:
    with pytest.raises(PduError) as error:
        read("0791OK")
    assert (error.value.field, error.value.octet) == ("PDU", 2)


FIELDS_OF_A_MESSAGE = [
    (0, "first octet", 0), (1, "TP-OA", 1), (2, "TP-OA", 2), (8, "TP-OA", 3), (9, "TP-PID", 9), (10, "TP-DCS", 10),
    (11, "TP-SCTS", 11), (17, "TP-SCTS", 11), (18, "TP-UDL", 18),
]  # fmt: skip


@pytest.mark.parametrize(("octets", "field", "at"), FIELDS_OF_A_MESSAGE)
def test_a_message_that_is_cut_off_names_the_field_and_the_octet(octets: int, field: str, at: int) -> None:
    with pytest.raises(PduError) as error:
        read(DELIVER[: len(SMSC) + 2 * octets])
    assert (error.value.field, error.value.octet) == (field, at)


FIELDS_OF_A_REPORT = [(1, "TP-MR", 1), (2, "TP-RA", 2), (10, "TP-SCTS", 10), (20, "TP-DT", 17), (24, "TP-ST", 24)]


@pytest.mark.parametrize(("octets", "field", "at"), FIELDS_OF_A_REPORT)
def test_a_report_that_is_cut_off_names_the_field_and_the_octet(octets: int, field: str, at: int) -> None:
    with pytest.raises(PduError) as error:
        read(REPORT[: len(SMSC) + 2 * octets])
    assert (error.value.field, error.value.octet) == (field, at)


def test_an_address_longer_than_can_be_is_named() -> None:
    with pytest.raises(PduError) as error:
        read("000015918421436587F900000000000000000000000000000000")
    assert (error.value.field, error.value.octet) == ("TP-OA", 1)


@pytest.mark.parametrize("octets", [1, 4, 7])
def test_a_service_centre_that_is_cut_off_is_named(octets: int) -> None:
    with pytest.raises(PduError) as error:
        read(DELIVER[: 2 * octets])
    assert error.value.field == "SCA"


# --- what modems write and what is read is the same

DIGITS = st.text(alphabet="0123456789", max_size=20)
NAMES = st.text(alphabet="ABCabc 019", min_size=1, max_size=11)
ADDRESSES = st.one_of(
    st.builds(Address, DIGITS, st.sampled_from([0, 1, 2, 3, 4, 6]), st.integers(0, 15)), st.builds(Address.named, NAMES)
)
STAMPS = st.builds(
    lambda second, zone: Stamp(second * SECOND, zone), st.integers(946_800_000, 4_102_000_000), st.integers(-79, 79)
)
OCTET = st.integers(0, 255)
CONCATS = st.builds(lambda reference, total, number: Concat(reference, max(total, number), number), OCTET,
                    st.integers(1, 255), st.integers(1, 255))  # fmt: skip
HEADERS = st.builds(
    Header,
    st.none() | CONCATS,
    st.none() | st.builds(Ports, st.integers(0, 65535), st.integers(0, 65535)),
    st.none() | st.integers(0, 13),
    st.none() | st.integers(0, 13),
    st.lists(st.tuples(st.integers(0x70, 0x7F), st.binary(max_size=9)), max_size=3).map(tuple),
)
CODINGS = st.one_of(
    st.builds(DataCoding, st.sampled_from(Alphabet), st.none() | st.sampled_from(MessageClass),
              auto_delete=st.booleans()),
    st.builds(DataCoding, st.just(Alphabet.GSM7), waiting=st.sampled_from(Waiting), active=st.booleans(),
              store=st.booleans()),
    st.builds(DataCoding, st.just(Alphabet.UCS2), waiting=st.sampled_from(Waiting), active=st.booleans()),
)  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn, coding: DataCoding) -> UserData:
    units = draw(st.binary(max_size=80))
    if coding.alphabet is Alphabet.GSM7:
        units = bytes(unit & 0x7F for unit in units)
    return UserData(units, coding.alphabet, draw(HEADERS))


FLAG = st.booleans()
VALIDITIES = st.one_of(
    st.none(), STAMPS, OCTET.map(relative_seconds), st.builds(Enhanced, st.none() | st.integers(1, 359_999), FLAG)
)
OPTIONAL = st.sampled_from(["nothing", "protocol", "coding", "body"])


@st.composite
def tpdus(draw: st.DrawFn) -> Tpdu:
    coding = draw(CODINGS)
    address, body = draw(ADDRESSES), draw(bodies(coding))
    kind = draw(st.sampled_from([Deliver, Submit, StatusReport]))
    if kind is Deliver:
        return Deliver(address, body, coding, draw(STAMPS | st.none()), draw(OCTET), more=draw(FLAG), loop=draw(FLAG),
                       report_indication=draw(FLAG), reply_path=draw(FLAG))  # fmt: skip
    if kind is Submit:
        return Submit(address, body, coding, draw(VALIDITIES), draw(OCTET), draw(OCTET), report=draw(FLAG),
                      reject_duplicates=draw(FLAG), reply_path=draw(FLAG))  # fmt: skip
    last = draw(OPTIONAL)
    return StatusReport(
        draw(OCTET),
        address,
        draw(OCTET),
        draw(STAMPS | st.none()),
        draw(STAMPS | st.none()),
        draw(OCTET) if last != "nothing" else None,
        coding if last in ("coding", "body") else None,
        body if last == "body" else None,
        more=draw(FLAG),
        loop=draw(FLAG),
        command=draw(FLAG),
    )


@given(tpdus())
def test_every_tpdu_comes_back_as_it_was(tpdu: Tpdu) -> None:
    found = read(write(tpdu))
    assert found == tpdu
    assert isinstance(text_of(found), str)


def refusal(pdu: str, length: int | None = None) -> PduError | None:
    try:
        text_of(read(pdu, length))
    except PduError as error:
        return error
    return None


@given(tpdus(), st.integers(0, 400))
def test_a_tpdu_that_is_cut_off_anywhere_is_read_in_part_or_refused_by_field(tpdu: Tpdu, at: int) -> None:
    pdu = write(tpdu)[: 2 * at]
    error = refusal(pdu)
    assert error is None or (error.field and 0 <= error.octet <= len(pdu) // 2)


@given(st.binary(max_size=200), st.none() | st.integers(0, 200))
def test_noise_is_read_or_refused_but_never_breaks_the_reader(noise: bytes, length: int | None) -> None:
    error = refusal(noise.hex(), length)
    assert error is None or (error.field and 0 <= error.octet <= len(noise))


@given(st.sampled_from(["04", "44", "01", "51", "59", "02", "46", "03"]), ADDRESSES, st.binary(max_size=170))
def test_noise_behind_a_plausible_start_never_breaks_the_reader(first: str, address: Address, noise: bytes) -> None:
    reference = "00" if int(first, 16) & 3 in (1, 2) else ""
    error = refusal("00" + first + reference + write_address(address).hex() + noise.hex())
    assert error is None or error.field.startswith("TP-")


@given(st.text(max_size=40))
def test_any_line_is_read_or_refused_without_repeating_it(line: str) -> None:
    error = refusal(line)
    said = str(refusal("?"))  # words of ours that a short line may happen to be
    assert error is None or len(line) < 6 or line not in str(error) or line in said


def text_of(tpdu: Tpdu) -> str:
    if isinstance(tpdu, Deliver):
        return join([tpdu])
    if isinstance(tpdu, Submit):
        return tpdu.body.text
    return tpdu.meaning.words


@pytest.mark.parametrize(
    ("address", "body", "field"),
    [
        (Address("1" * 21), UserData(b""), "address"),
        (Address("+1"), UserData(b""), "address"),
        (Address.named("twelve chars"), UserData(b""), "address"),
        (Address.named("ż"), UserData(b""), "address"),
        (Address("1"), UserData(b"", header=Header(others=((0x70, bytes(138)),))), "UDH"),
    ],
)
def test_what_no_tpdu_can_carry_is_refused_by_field(address: Address, body: UserData, field: str) -> None:
    with pytest.raises(PduError) as error:
        write(Deliver(address, body))
    assert error.value.field == field


@pytest.mark.parametrize("smsc", ["", "+48123456789", "+4812345678", "1234"])
def test_the_service_centre_comes_back(smsc: str) -> None:
    assert deliver(write(Deliver(Address("1"), UserData(b"x")), smsc)).smsc == smsc


@given(st.one_of(st.none(), STAMPS))
def test_time_stamps_survive(stamp: Stamp | None) -> None:
    assert read_stamp(write_stamp(stamp)) == stamp


@pytest.mark.parametrize("stamp", [Stamp(0), Stamp(4_102_444_800 * SECOND), Stamp(1_743_078_641 * SECOND, 80)])
def test_a_time_no_stamp_can_say_is_refused(stamp: Stamp) -> None:
    with pytest.raises(PduError) as error:
        write_stamp(stamp)
    assert error.value.field == "timestamp"


@given(OCTET)
def test_every_data_coding_has_a_meaning_that_writes_back_to_the_same_meaning(octet: int) -> None:
    coding = read_coding(octet)
    assert read_coding(coding.octet()) == coding


@pytest.mark.parametrize(
    ("octet", "coding"),
    [
        (0x00, DataCoding()), (0x04, DataCoding(Alphabet.DATA)), (0x08, DataCoding(Alphabet.UCS2)),
        (0x10, DataCoding(message_class=MessageClass.FLASH)), (0x18, DataCoding(Alphabet.UCS2, MessageClass.FLASH)),
        (0xF0, DataCoding(message_class=MessageClass.FLASH)), (0xF5, DataCoding(Alphabet.DATA, MessageClass.ME)),
        (0x48, DataCoding(Alphabet.UCS2, auto_delete=True)), (0x20, DataCoding(compressed=True)),
        (0x80, DataCoding()), (0xB7, DataCoding()),
        (0xC8, DataCoding(waiting=Waiting.VOICEMAIL, active=True, store=False)),
        (0xD2, DataCoding(waiting=Waiting.EMAIL)), (0xE9, DataCoding(Alphabet.UCS2, waiting=Waiting.FAX, active=True)),
    ],
)  # fmt: skip
def test_data_codings_by_the_table(octet: int, coding: DataCoding) -> None:
    assert read_coding(octet) == coding


def test_a_waiting_indication_of_data_cannot_be_written() -> None:
    with pytest.raises(PduError) as error:
        DataCoding(Alphabet.DATA, waiting=Waiting.FAX).octet()
    assert error.value.field == "TP-DCS"


def test_compressed_text_is_handed_on_as_octets() -> None:
    found = deliver("00040B918421436587F90020523072410314800241FE")
    assert (found.text, found.body.units) == ("", b"A\xfe")


# --- validity


@pytest.mark.parametrize(
    ("seconds", "octet"),
    [
        (1, 0), (300, 0), (599, 0), (600, 1), (43_200, 143), (43_201, 143), (45_000, 144), (86_400, 167),
        (86_401, 167), (172_799, 167), (172_800, 168), (30 * 86_400, 196), (35 * 86_400 - 1, 196), (35 * 86_400, 197),
        (63 * 604_800, 255), (10**9, 255),
    ],
)  # fmt: skip
def test_a_validity_is_rounded_down_to_what_the_octet_can_say(seconds: int, octet: int) -> None:
    assert relative(seconds) == octet


@given(st.integers(300, 63 * 604_800))
def test_no_octet_says_a_longer_validity_that_would_still_be_short_enough(seconds: int) -> None:
    octet = relative(seconds)
    assert relative_seconds(octet) <= seconds
    assert octet == 255 or relative_seconds(octet + 1) > seconds


# --- TP-Status


@pytest.mark.parametrize(
    ("statuses", "delivery"),
    [
        ([0x00], Delivery.DELIVERED),
        ([0x01, 0x02, 0x03, 0x0F, 0x10, 0x1F], Delivery.UNCONFIRMED),
        ([0x20, 0x25, 0x26, 0x30, 0x3F], Delivery.PENDING),
        ([0x40, 0x45, 0x47, 0x49, 0x4A, 0x5F], Delivery.UNDELIVERED),
        ([0x46], Delivery.EXPIRED),
        ([0x60, 0x65, 0x66, 0x7F, 0x80, 0xFF], Delivery.UNDELIVERED),
    ],
)
def test_a_status_belongs_to_a_class(statuses: list[int], delivery: Delivery) -> None:
    for status in statuses:
        assert status_meaning(status).delivery is delivery, hex(status)


def test_every_status_has_words() -> None:
    assert all(status_meaning(status).words for status in range(256))
    assert status_meaning(0xC0) == status_meaning(0x63)
