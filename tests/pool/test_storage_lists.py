"""What modems write about their storages, in every form that has been seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.pool import storage
from modemd.pool.storage import Stored


@pytest.mark.parametrize(
    ("answer", "lists"),
    [
        ('+CPMS: ("ME","MT","SM","SR"),("ME","MT","SM","SR"),("ME","MT","SM","SR")', [{"ME", "MT", "SM", "SR"}] * 3),
        ('+CPMS:("ME", "SM"), ("ME", "SM"),("SM")', [{"ME", "SM"}, {"ME", "SM"}, {"SM"}]),
        ('+CPMS: "ME","MT","SM"', [{"ME", "MT", "SM"}] * 3),
        ('+CPMS: "MT","SM","BM","ME","SR", "MT","SM","BM","ME","SR" ', [{"MT", "SM", "BM", "ME", "SR"}] * 3),
        ('+CPMS: (("SM","BM","SR"),("SM"))', [{"SM", "BM", "SR"}, {"SM"}, {"SM"}]),
        ('+CPMS: ("SM_P","ME_P","MT"),("SM","ME"),("SM")', [{"SM", "ME", "MT"}, {"SM", "ME"}, {"SM"}]),
        ('+CPMS: ("ME","MT"),"ME",("SM")', [{"ME", "MT"}, {"ME"}, {"SM"}]),
        ('+CPMS: (ME", "SR"),("ME"),("ME")', [{"ME", "SR"}, {"ME"}, {"ME"}]),
        ("+CPMS: (),(),()", [set(), set(), set()]),
        ("+CPMS: ", [set()] * 3),
    ],
)
def test_lists_of_storages(answer: str, lists: list[set[str]]) -> None:
    assert storage.listed(answer) == lists


def test_three_names_are_tried_then_two_then_one() -> None:
    wavecom = '+CPMS: (("SM","BM","SR"),("SM"))'
    assert list(storage.preferences(wavecom)) == [("SM", "SM", "SM"), ("SM", "SM"), ("SM",)]
    assert next(storage.preferences('+CPMS: ("ME","MT"),("ME"),("ME","SM")')) == ("ME", "ME", "SM")


def test_a_modem_that_lists_nothing_is_given_the_sim() -> None:
    assert next(storage.preferences("")) == ("SM", "SM", "SM")
    assert storage.readable("", ("SM", "SM", "SM")) == ("SM",)


def test_a_modem_that_lists_empty_storages_cannot_receive() -> None:
    assert storage.cannot_receive("+CPMS: (),(),()")
    assert not storage.cannot_receive("")
    assert not storage.cannot_receive('+CPMS: ("SM")')


def test_sim_modem_and_reports_are_read() -> None:
    assert storage.readable('+CPMS: ("ME","MT","SM","SR"),("ME"),("ME")', ("SM",)) == ("SM", "ME", "SR")


@pytest.mark.parametrize(
    ("answer", "use"),
    [
        ('+CPMS: "SM",14,50,"SM",14,50,"SM",14,50', (14, 50)),
        ("+CPMS: 14,50,14,50", (14, 50)),
        ('+CPMS: "ME",0,23,"ME",0,23,"SM",3,20', (3, 20)),
        ("+CPMS:", (0, 0)),
    ],
)
def test_how_full_a_storage_is(answer: str, use: tuple[int, int]) -> None:
    assert storage.use(answer) == use


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('+CMTI: "SM",3', ("SM", 3)),
        ('+CMTI: "SM", 0', ("SM", 0)),
        ('+CDSI: "SR",50', ("SR", 50)),
        ("+CMTI: ME,7", ("ME", 7)),
        ('+CMTI: "SM_P",7', ("SM", 7)),
        ("+CMTI: ,", None),
        ("+CMT: ,23", None),
    ],
)
def test_announcements_name_storage_and_index(line: str, place: tuple[str, int] | None) -> None:
    assert storage.announced(line) == place


def test_a_listing_gives_each_message_and_no_empty_places() -> None:
    lines = ["+CMGL: 0,1,,4", "00AABB", "+CMGL: 3,0,,20", "FFFFFFFF", "+CMGL: 4,1,,9", "garbage!", "+CMGL: 9,1,,9"]
    assert list(storage.messages(lines)) == [Stored(0, "00AABB"), Stored(4, ""), Stored(9, "")]


@given(st.lists(st.text(max_size=40), max_size=10), st.text(max_size=60))
def test_no_answer_breaks_the_reading(lines: list[str], answer: str) -> None:
    list(storage.messages(lines))
    assert len(list(storage.preferences(answer))) == 3
    storage.use(answer)
    storage.announced(answer)
