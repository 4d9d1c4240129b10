"""The journeys' own eyes see what they are there to see."""

from __future__ import annotations

import pytest
from journey import MISHAPS, Private

from modemd.at import pdu
from modemd.values import Sms


@pytest.mark.parametrize(
    "log",
    [
        'sent to="+48600100200"',
        "600100200",
        "text=Hello",
        f"port > {pdu.segments(Sms('+48600100200', 'x'), reference=0)[0].pdu}",
        f"port > {pdu.segments(Sms('+4860010020', 'x'), reference=0)[0].pdu}",
        f"pdu={pdu.segments(Sms('+48111222333', 'Grüße 👋'), reference=0)[0].pdu}",
    ],
)
def test_a_private_word_is_found_in_every_spelling(log: str) -> None:
    private = Private({"+48600100200", "+4860010020"}, {"Hello", "Grüße 👋"})
    assert private.found_in(f"12:00 event {log} modem=modem0\n".encode())


def test_ids_and_times_are_not_taken_for_numbers() -> None:
    private = Private({"+48600100200"}, {"Hello"})
    assert not private.found_in(b"2026-11-22T16:54:31.158Z INFO message=m_6h08bj800n5g0 imei=350000000000001")


def test_an_unexpected_error_in_a_log_is_seen() -> None:
    assert MISHAPS.search("x\nTraceback (most recent call last):\n")
    assert MISHAPS.search("2026 ERROR   loop.error says=x")
    assert not MISHAPS.search("2026 WARNING modem.failed error=PortLost(port_lost)")
