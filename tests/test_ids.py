"""Ids sort by time, never repeat, and read back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modemd.clock import ManualClock
from modemd.ids import IdSource, decode, encode


@given(st.integers(0, (1 << 63) - 1))
def test_an_id_reads_back_as_what_it_was(number: int) -> None:
    assert decode("m", encode("m", number)) == number


@given(st.text(max_size=20))
def test_any_other_text_is_no_id(text: str) -> None:
    number = decode("m", text)
    assert number is None or encode("m", number) == text


def test_ids_ascend_even_when_the_clock_goes_back() -> None:
    clock = ManualClock()
    source = IdSource(clock)
    ids = [source.next() for _ in range(1000)]
    clock.advance(-3600)
    ids += source.many(1000)
    assert ids == sorted(set(ids))


def test_later_ids_sort_after_earlier_ones_as_text_too() -> None:
    clock = ManualClock()
    first = encode("m", IdSource(clock).next())
    clock.advance(1)
    assert first < encode("m", IdSource(clock).next())


def test_an_id_of_another_kind_is_not_taken() -> None:
    assert decode("b", encode("m", 7)) is None
