"""The sieve finds what looking for each pattern by itself would find, and does not get slower with their number."""

from __future__ import annotations

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from modemd.accounts.sieve import Sieve

FEW_OCTETS = st.lists(st.sampled_from([0, 1, 0x41]), min_size=1, max_size=12).map(bytes)
"""Patterns that overlap, repeat and contain each other."""


def one_by_one(window: bytes, patterns: list[bytes]) -> list[tuple[int, bytes]]:
    return sorted(
        (place, pattern)
        for pattern in set(patterns)
        for place in range(len(window))
        if window.startswith(pattern, place)
    )


@given(st.lists(FEW_OCTETS, max_size=8), st.lists(FEW_OCTETS, max_size=12).map(b"".join))
def test_it_finds_every_place_of_every_pattern(patterns: list[bytes], window: bytes) -> None:
    assert list(Sieve(patterns).find(window)) == one_by_one(window, patterns)


@given(st.binary(min_size=7, max_size=60), st.binary(max_size=40), st.binary(max_size=40))
def test_a_pattern_is_found_at_whatever_place_it_stands(pattern: bytes, before: bytes, after: bytes) -> None:
    assert (len(before), pattern) in Sieve([pattern]).find(before + pattern + after)


def test_windows_that_overlap_as_it_says_miss_nothing() -> None:
    pattern = b"kwiecisty jarmark"
    sieve = Sieve([pattern, b"short"])
    text = b"-" * 50 + pattern + b"-" * 50
    for cut in range(len(text)):
        found = [*sieve.find(text[:cut]), *sieve.find(text[max(0, cut - sieve.overlap) :])]
        assert any(one == pattern for _, one in found)


def test_hundreds_of_times_the_patterns_do_not_take_hundreds_of_times_as_long() -> None:
    noise = random.Random(5)
    window = noise.randbytes(1 << 20)

    def seconds(patterns: int) -> float:
        sieve = Sieve(noise.randbytes(20) for _ in range(patterns))
        taken = []
        for _ in range(3):
            start = time.process_time()
            assert list(sieve.find(window)) == []
            taken.append(time.process_time() - start)
        return min(taken)

    assert seconds(20_000) < 20 * seconds(40)


def test_a_page_of_zeros_is_no_trap() -> None:
    """A text of @ is zeros in septets, and so are the free pages of a database."""
    sieve = Sieve([b"hello" + bytes(20), b"\x00\x01" * 8])
    start = time.process_time()
    assert list(sieve.find(bytes(1 << 20))) == []
    assert time.process_time() - start < 0.5
