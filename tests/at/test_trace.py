"""The trace shows the shape of a dialogue and nothing personal, however slowly the octets come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger
from playbook import Bench, Play

from modemd.at import commands
from modemd.at.serial import open_port
from modemd.at.trace import Traced, masked


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("AT+CMGS=19", "AT+CMGS=19"),
        ("+CMGS: 17", "+CMGS: 17"),
        ("OK", "OK"),
        ("+CMS ERROR: 38", "+CMS ERROR: 38"),
        ('AT+CPIN="1234"', "AT+CPIN=<6>"),
        ('+CSCA: "+48790998250",145', "+CSCA: <14>,145"),
        ("0011000B918406214365F70000AA05E8329BFD06", "<40 characters>"),
        ("490154203237518", "<15 characters>"),
        ("+CCID: 8948010000000000001", "+CCID: <19>"),
        ("Dear customer, your code is 4711", "<32 characters>"),
        ('+CUSD: 0,"Your balance is 12 EUR",15', "+CUSD: 0,<24>,15"),
        ('+CUSD: 0,"unfinished 4711', "+CUSD: 0,<16>"),
    ],
)
def test_only_the_shape_of_a_line_is_shown(line: str, shown: str) -> None:
    assert masked(line) == shown


@given(
    st.from_regex(r"\+?[0-9]{4,20}", fullmatch=True), st.sampled_from(["+CMT: ", "AT+CUSD=1,", "", "+X: 1,", "RING "])
)
def test_no_number_shows(number: str, before: str) -> None:
    assert number.lstrip("+") not in masked(before + number)


async def test_a_number_that_comes_octet_by_octet_is_masked_too() -> None:
    modem = Play('> AT+CSCA?\n< +CSCA: "+48790998250",145\n< OK', slice_octets=1)
    lines: list[str] = []
    sink = logger.add(lines.append, level="DEBUG", format="{message}")
    try:
        bench = Bench(Traced(await open_port(modem.pty.path), lambda: "modem0"))
        await bench.link.ask(commands.SMSC)
        await bench.close()
    finally:
        logger.remove(sink)
        modem.pty.unplug()
    shown = "".join(lines)
    assert "+CSCA: <14>,145" in shown
    assert "4879" not in shown
    assert "at.said" in shown
