"""Which of a device's ports is tried, and when none of them is believed to answer."""

from __future__ import annotations

from modemd.pool.candidates import ROUNDS, Candidates

PORTS = ["/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyUSB2"]


def test_the_first_is_tried_first_and_each_that_is_silent_gives_way_to_the_next() -> None:
    candidates = Candidates(PORTS)
    tried = []
    for _ in range(4):
        tried.append(candidates.in_turn("")[0])
        assert candidates.failed()
    assert tried == [*PORTS, PORTS[0]]


def test_one_that_cannot_be_opened_gives_way_to_all_others() -> None:
    candidates = Candidates(PORTS)
    candidates.failed()
    assert candidates.in_turn(PORTS[0]) == [PORTS[1], PORTS[2], PORTS[0]]


def test_after_some_rounds_the_modem_is_blamed() -> None:
    candidates = Candidates(PORTS)
    assert all(candidates.failed() for _ in range(ROUNDS * len(PORTS)))
    assert not candidates.failed()


def test_the_one_that_has_answered_is_kept_whatever_happens_later() -> None:
    candidates = Candidates(PORTS)
    candidates.proven = True
    assert not candidates.failed()
    assert candidates.in_turn(PORTS[1]) == [PORTS[1]]


def test_a_single_port_needs_no_proof() -> None:
    candidates = Candidates(PORTS[:1])
    assert candidates.proven
    assert candidates.in_turn("") == PORTS[:1]


def test_ports_that_come_later_are_news_and_the_same_number_of_others_is_none() -> None:
    candidates = Candidates(PORTS[:1])
    assert candidates.offered(PORTS)
    assert not candidates.offered([*PORTS[1:], "/dev/ttyUSB3"])
    assert candidates.in_turn("/dev/ttyUSB9") == [*PORTS[1:], "/dev/ttyUSB3"]
