"""The parser: every line goes to exactly one place, however the bytes are cut and whatever lies between them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.at import commands
from modemd.at.buffer import LONGEST_LINE, LineBuffer
from modemd.at.commands import Command
from modemd.at.events import Echo, Event, Final, Line, Prompt, Unsolicited
from modemd.at.parser import Parser

PDU = "0011000B918406214365F70000AA05E8329BFD06"
REPORT = "07918497908952F006160B918406214365F7622190000000806221900000008000"
CMGS = commands.submit(19)


def asked(command: Command) -> Parser:
    parser = Parser()
    parser.asked(command)
    return parser


def sent() -> Parser:
    parser = Parser()
    parser.sent(CMGS)
    return parser


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r\n", "\n\r"])
def test_any_line_end_ends_a_line(end: str) -> None:
    parser = asked(commands.SIGNAL)
    assert parser.feed(f"{end}+CSQ: 18,0{end}{end}OK{end}".encode()) == [Line("+CSQ: 18,0"), Final("ok")]


def test_nuls_and_noise_before_a_line_are_dropped() -> None:
    parser = asked(commands.SIGNAL)
    assert parser.feed(b"\0\0\xff\xfe\r\n\0+CSQ: 1\08,0\r\nOK\r\n") == [Line("+CSQ: 18,0"), Final("ok")]


@pytest.mark.parametrize(
    ("line", "final"),
    [
        ("OK", Final("ok")),
        ("ERROR", Final("error")),
        ("+CME ERROR: 14", Final("cme", 14)),
        ("+CMS ERROR:538", Final("cms", 538)),
        ("+CMS ERROR: 500", Final("cms", 500)),
        ("+CME ERROR: SIM not inserted", Final("cme", None, "SIM not inserted")),
        ("COMMAND NOT SUPPORT", Final("error", None, "COMMAND NOT SUPPORT")),
        ("TOO MANY PARAMETERS", Final("error", None, "TOO MANY PARAMETERS")),
        ("NA", Final("error", None, "NA")),
        ("MODEM ERROR: 5", Final("error", 5)),
    ],
)
def test_every_known_final_result_ends_a_command(line: str, final: Final) -> None:
    assert asked(commands.KEEP_LINK).feed(f"\r\n{line}\r\n".encode()) == [final]


def test_a_text_that_contains_ok_or_error_ends_nothing() -> None:
    assert asked(commands.MAKER).feed(b"\r\nOKI ERROR Corp\r\n") == [Line("OKI ERROR Corp")]


def test_only_the_command_in_flight_makes_a_line_an_answer() -> None:
    line = b"\r\n+CSQ: 18,0\r\n"
    assert asked(commands.SIGNAL).feed(line) == [Line("+CSQ: 18,0")]
    assert asked(commands.OPERATOR).feed(line) == [Unsolicited("+CSQ: 18,0")]
    assert Parser().feed(line) == [Unsolicited("+CSQ: 18,0")]


@pytest.mark.parametrize(
    "line",
    ['+CREG: 2,5,"792D","04947221"', "+CREG: 2,1,4CA,81DE445", "+CREG: 0,0", '+CREG: 0,1,"5E25","605F",2'],
)
def test_a_registration_with_two_numbers_answers(line: str) -> None:
    assert asked(commands.CIRCUIT_REGISTRATION).feed(f"{line}\r\n".encode()) == [Line(line)]


@pytest.mark.parametrize("line", ["+CREG: 5", '+CREG: 5,"792D","04947221"', '+CREG: 1,"4CA","81DE445"'])
def test_a_registration_that_begins_with_its_state_is_unsolicited(line: str) -> None:
    assert asked(commands.CIRCUIT_REGISTRATION).feed(f"{line}\r\n".encode()) == [Unsolicited(line)]


@pytest.mark.parametrize("line", ["RING", "RDY", "^RSSI:18", '+CMTI: "SM",3', "*PSUTTZ: 1", "SMS Ready", "$X: 1"])
def test_unsolicited_lines_are_not_taken_for_a_makers_name(line: str) -> None:
    assert asked(commands.MAKER).feed(f"\r\n{line}\r\nQuectel\r\nOK\r\n".encode()) == [
        Unsolicited(line),
        Line("Quectel"),
        Final("ok"),
    ]


def test_lines_after_the_final_result_belong_to_nobody() -> None:
    assert asked(commands.MAKER).feed(b"Quectel\r\nOK\r\nQuectel\r\n") == [
        Line("Quectel"),
        Final("ok"),
        Unsolicited("Quectel"),
    ]


def test_an_echo_is_told_apart_from_an_answer() -> None:
    assert asked(commands.SIGNAL).feed(b"AT+CSQ\r\r\n+CSQ: 9,0\r\n\r\nOK\r\n") == [
        Echo("AT+CSQ"),
        Line("+CSQ: 9,0"),
        Final("ok"),
    ]


def test_an_echo_that_lost_its_beginning_is_one_still() -> None:
    assert sent().feed(b"+CMGS=19\r\r\n> ") == [Echo("+CMGS=19"), Prompt()]


@pytest.mark.parametrize("prompt", [b"\r\n> ", b"> ", b">", b"\r\n>", b"\0\xff> ", b"AT+CMGS=19\r> "])
def test_a_prompt_is_seen_though_no_line_end_follows_it(prompt: bytes) -> None:
    assert sent().feed(prompt)[-1] == Prompt()


def test_a_prompt_is_told_once_however_often_the_modem_gives_it() -> None:
    parser = sent()
    events = parser.feed(b"\r\n> ")
    parser.submitted(PDU)
    events += parser.feed(b"\r\n> \r\n> \r\n+CMGS: 7\r\n\r\nOK\r\n")
    assert events == [Prompt(), Line("+CMGS: 7"), Final("ok")]


def test_a_prompt_that_nobody_awaits_is_told() -> None:
    assert Parser().feed(b"\r\n> ") == [Prompt()]


def test_ok_before_the_prompt_ends_nothing() -> None:
    assert sent().feed(b"\r\nOK\r\n\r\n> ") == [Unsolicited("OK"), Prompt()]


def test_an_error_instead_of_the_prompt_ends_the_command() -> None:
    assert sent().feed(b"\r\n+CMS ERROR: 304\r\n") == [Final("cms", 304)]


def test_the_echo_of_the_pdu_is_dropped_also_in_pieces() -> None:
    parser = sent()
    parser.feed(b"\r\n> ")
    parser.submitted(PDU)
    wrapped = f"{PDU[:10]}\r\n> {PDU[10:30]}\r\n> {PDU[30:]}\x1a\r\n+CMGS: 9\r\nOK\r\n"
    assert [event for event in parser.feed(wrapped.encode()) if not isinstance(event, Echo)] == [
        Line("+CMGS: 9"),
        Final("ok"),
    ]


@pytest.mark.parametrize("header", ["+CDS: 25", "+CDS: ,25", "+CDS:25"])
def test_a_report_is_one_event_with_its_pdu(header: str) -> None:
    assert Parser().feed(f"\r\n{header}\r\n{REPORT}\r\n".encode()) == [Unsolicited(header, REPORT)]


def test_a_report_keeps_its_pdu_when_other_lines_come_between() -> None:
    parser = asked(commands.SIGNAL)
    data = f"\r\n+CDS: 25\r\n\r\n^RSSI:18\r\n+CSQ: 1,0\r\nOK\r\n{REPORT}\r\n"
    assert parser.feed(data.encode()) == [
        Unsolicited("^RSSI:18"),
        Line("+CSQ: 1,0"),
        Final("ok"),
        Unsolicited("+CDS: 25", REPORT),
    ]


def test_a_report_within_a_listing_does_not_take_the_listings_pdu() -> None:
    deliver = "07918497908952F0040B918406214365F700006221900000008002C834"
    parser = asked(commands.LIST_ALL)
    data = f"+CMGL: 1,0,,21\r\n+CDS: 25\r\n{REPORT}\r\n{deliver}\r\nOK\r\n"
    assert parser.feed(data.encode()) == [
        Line("+CMGL: 1,0,,21"),
        Unsolicited("+CDS: 25", REPORT),
        Line(deliver),
        Final("ok"),
    ]


def test_a_half_broken_report_goes_with_its_header() -> None:
    assert Parser().feed(b"+CDS: 25\r\n0791849790\r\n") == [Unsolicited("+CDS: 25", "0791849790")]


def test_a_serial_number_is_not_taken_for_a_lost_reports_pdu() -> None:
    parser = asked(commands.iccid("AT+CCID"))
    assert parser.feed(b"+CDS: 25\r\n89480100000000000018\r\nOK\r\n") == [
        Line("89480100000000000018"),
        Final("ok"),
    ]


def test_a_line_without_end_does_not_grow_memory() -> None:
    buffer = LineBuffer()
    for _ in range(200):
        assert buffer.feed(b"x" * 1000) == []
        assert len(buffer.unfinished) <= LONGEST_LINE
    assert buffer.feed(b"\r\nOK\r\n") == [b"OK"]
    assert buffer.overlong == 1


def test_an_overlong_line_in_one_piece_is_dropped_whole() -> None:
    buffer = LineBuffer()
    assert buffer.feed(b"x" * (LONGEST_LINE + 1) + b"\r\nOK\r\n") == [b"OK"]
    assert buffer.overlong == 1


# --- properties -------------------------------------------------------------------------------------------------

DIALOGUES: list[tuple[Command, bytes, list[Event]]] = [
    (commands.SIGNAL, b"\r\n+CSQ: 18,0\r\n\r\nOK\r\n", [Line("+CSQ: 18,0"), Final("ok")]),
    (commands.MAKER, b"\r\nQuectel\r\n\r\nOK\r\n", [Line("Quectel"), Final("ok")]),
    (commands.MODEL, b"AT+CGMM\r\r\nE173\r\r\n\r\nOK\r\n", [Echo("AT+CGMM"), Line("E173"), Final("ok")]),
    (commands.CIRCUIT_REGISTRATION, b'\r\n+CREG: 2,1,"4CA","81DE445"\r\n\r\nOK\r\n', [
        Line('+CREG: 2,1,"4CA","81DE445"'), Final("ok")]),
    (commands.PIN_STATE, b"\r\n+CME ERROR: 14\r\n", [Final("cme", 14)]),
    (commands.LIST_ALL, f"\r\n+CMGL: 1,1,,25\r\n{REPORT}\r\n\r\nOK\r\n".encode(), [
        Line("+CMGL: 1,1,,25"), Line(REPORT), Final("ok")]),
    (commands.REVISION, b"\r\nCOMMAND NOT SUPPORT\r\n", [Final("error", None, "COMMAND NOT SUPPORT")]),
]  # fmt: skip
UNASKED: list[tuple[bytes, Event]] = [
    (b"\r\n^RSSI:18\r\n", Unsolicited("^RSSI:18")),
    (b'\r\n+CMTI: "SM",3\r\n', Unsolicited('+CMTI: "SM",3')),
    (b"\r\nRING\r\n", Unsolicited("RING")),
    (b"\r\n+CREG: 5\r\n", Unsolicited("+CREG: 5")),
    (b'\r\n+CDSI: "SR",50\r\n', Unsolicited('+CDSI: "SR",50')),
    (f"\r\n+CDS: ,25\r\n{REPORT}\r\n".encode(), Unsolicited("+CDS: ,25", REPORT)),
    (b'\r\n+ZDONR: "Net",1\r\n', Unsolicited('+ZDONR: "Net",1')),
]
cuts = st.lists(st.integers(0, 400), max_size=12)


def slices(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in at)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def told(parser: Parser, data: bytes, at: list[int]) -> list[Event]:
    return [event for piece in slices(data, at) for event in parser.feed(piece)]


@given(st.sampled_from(DIALOGUES), cuts)
def test_slices_change_nothing(dialogue: tuple[Command, bytes, list[Event]], at: list[int]) -> None:
    command, data, events = dialogue
    assert told(asked(command), data, at) == events


@given(st.sampled_from(DIALOGUES), st.lists(st.tuples(st.sampled_from(UNASKED), st.integers(0, 9)), max_size=5), cuts)
def test_unsolicited_codes_between_any_two_lines_change_no_answer(
    dialogue: tuple[Command, bytes, list[Event]], unasked: list[tuple[tuple[bytes, Event], int]], at: list[int]
) -> None:
    command, data, events = dialogue
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    for (code, _), place in unasked:
        lines.insert(place % (len(lines) + 1), code)
    heard = told(asked(command), b"\r\n".join(lines), at)
    assert [event for event in heard if not isinstance(event, Unsolicited)] == events
    assert sorted(event for event in heard if isinstance(event, Unsolicited)) == sorted(
        code for (_, code), _ in unasked
    )


@given(st.lists(st.sampled_from(UNASKED), max_size=4), st.booleans(), st.integers(0, 255), cuts, cuts)
def test_a_message_is_one_prompt_one_reference_one_final_result(
    unasked: list[tuple[bytes, Event]], echo: bool, reference: int, first: list[int], second: list[int]
) -> None:
    noise = b"".join(code for code, _ in unasked)
    parser = sent()
    before = told(parser, (b"AT+CMGS=19\r" if echo else b"") + noise + b"\r\n> ", first)
    parser.submitted(PDU)
    answer = noise + f"\r\n+CMGS: {reference}\r\n".encode() + noise + b"\r\nOK\r\n"
    after = told(parser, (PDU.encode() + b"\x1a" if echo else b"") + answer, second)
    strict = [event for event in before + after if not isinstance(event, Unsolicited | Echo)]
    assert strict == [Prompt(), Line(f"+CMGS: {reference}"), Final("ok")]
    assert len([event for event in before + after if isinstance(event, Unsolicited)]) == 3 * len(unasked)


@given(st.lists(st.binary(max_size=300), max_size=20), st.sampled_from([command for command, _, _ in DIALOGUES]))
def test_noise_raises_nothing_and_stays_bounded(pieces: list[bytes], command: Command) -> None:
    parser = asked(command)
    for piece in pieces:
        for event in parser.feed(piece):
            if isinstance(event, Final):
                parser.asked(command)
    assert len(parser._buffer.unfinished) <= LONGEST_LINE


@given(st.binary(max_size=200).filter(lambda noise: b">" not in noise), st.sampled_from(DIALOGUES))
def test_after_noise_and_a_line_end_the_next_dialogue_is_read_right(
    noise: bytes, dialogue: tuple[Command, bytes, list[Event]]
) -> None:
    command, data, events = dialogue
    parser = Parser()
    parser.feed(noise + b"\r\n")
    parser.asked(command)
    assert [event for event in parser.feed(data) if not isinstance(event, Unsolicited)] == events
