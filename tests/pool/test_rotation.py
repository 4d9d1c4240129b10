"""Which of the idle modems takes a message: the rules as a table, their order, and the turns of heavier SIMs."""

from __future__ import annotations

from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.pool.quota import Calendar, Limits, Meter, Recipients, Window
from modemd.pool.rotation import Grade, Rules, Seat, Wish, choose, grade, keeper, ranking

NOW = 1_800_000_000_000_000
A, B, C = "sim-a", "sim-b", "sim-c"
NUMBER = "+48601000001"
WISH = Wish(account=1, number=NUMBER)
BOUND = Rules(bound={1: frozenset({A}), 2: frozenset({A, B})})
HOME = Rules(home={"+48": frozenset({A}), "+48601": frozenset({B, C}), "+49": frozenset({A})})


def seats(*sims: str) -> list[Seat]:
    return [Seat(sim, turn=place) for place, sim in enumerate(sims)]


def doubted(sim: str) -> Seat:
    return Seat(sim, doubts=1)


def metered(sim: str, sent: int = 0, known: tuple[str, ...] = (), **limits: int) -> Seat:
    """A seat that has sent so many segments this minute, and to these recipients this month."""
    calendar = Calendar(ZoneInfo("UTC"))
    recipients = Recipients(Window(0, 2 * NOW), b"key") if "recipients_per_month" in limits else None
    meter = Meter(Limits(**limits), calendar, None, recipients)
    for number in known or (NUMBER,) * sent:
        meter.count(NOW, number)
    return Seat(sim, meter)


@pytest.mark.parametrize(
    ("wish", "idle", "rules", "chosen"),
    [
        (WISH, seats(A, B, C), Rules(), A),
        (WISH, seats(C, A), Rules(), C),
        (WISH, [], Rules(), None),
        # what one SIM has begun, no other goes on with
        (Wish(1, NUMBER, begun_on=B), seats(A, B), Rules(), B),
        (Wish(1, NUMBER, begun_on=B), seats(A, C), Rules(), None),
        # an account that is bound, and a SIM that is
        (Wish(1, NUMBER), seats(C, B, A), BOUND, A),
        (Wish(2, NUMBER), seats(C, B, A), BOUND, B),
        (Wish(3, NUMBER), seats(A, B, C), BOUND, C),
        (Wish(1, NUMBER), seats(B, C), BOUND, None),
        (Wish(3, NUMBER), seats(A, B), BOUND, None),
        (Wish(3, NUMBER, system=True), seats(A, B), BOUND, A),
        # not the SIM that has just refused it, if another is idle
        (Wish(1, NUMBER, tried=frozenset({A})), seats(A, B), Rules(), B),
        (Wish(1, NUMBER, tried=frozenset({A})), seats(A), Rules(), A),
        (Wish(1, NUMBER, tried=frozenset({A})), seats(A, B, C), BOUND, A),
        (Wish(1, NUMBER, tried=frozenset({A, B})), seats(A, B, C), Rules(), C),
        # not one in doubt, if another is idle; its turn is no argument
        (WISH, [doubted(A), *seats(B)], Rules(), B),
        (WISH, [doubted(A), *seats(B)], HOME, B),
        (WISH, [doubted(A)], Rules(), A),
        (Wish(1, NUMBER, tried=frozenset({B})), [doubted(A), *seats(B)], Rules(), A),
        # the number's own network, by the longest prefix; another one rather than none
        (Wish(1, NUMBER), seats(A, B, C), HOME, B),
        (Wish(1, "+48500000001"), seats(B, C, A), HOME, A),
        (Wish(1, "+33600000001"), seats(C, A, B), HOME, C),
        (Wish(1, NUMBER), seats(A), HOME, A),
        (Wish(1, NUMBER, tried=frozenset({B})), seats(A, B, C), HOME, C),
        # a SIM within its limits
        (WISH, [metered(A, 2, per_minute=2), metered(B, 1, per_minute=2)], Rules(), B),
        (Wish(1, NUMBER, 2), [metered(A, 1, per_minute=2), *seats(B)], Rules(), B),
        (Wish(1, NUMBER, 3), [metered(A, per_minute=2)], Rules(), None),
        (WISH, [metered(A, 2, per_minute=2)], Rules(), None),
        (Wish(1, NUMBER, system=True), [metered(A, 2, per_minute=2)], Rules(), None),
        (WISH, [metered(A, known=("+1", "+2"), recipients_per_month=2), *seats(B)], Rules(), B),
        # a recipient that a SIM has had already costs it nothing
        (WISH, [metered(A, recipients_per_month=9), metered(B, 1, recipients_per_month=9)], Rules(), B),
        (WISH, [metered(A, known=("+1", NUMBER), recipients_per_month=2)], Rules(), A),
        # but a limit is not worth another network's price
        (WISH, [metered(A, 1, recipients_per_month=9), metered(B, recipients_per_month=9)], HOME, B),
    ],
)
def test_the_sim_that_takes_a_message(wish: Wish, idle: list[Seat], rules: Rules, chosen: str | None) -> None:
    seat = choose(wish, idle, rules, NOW)[1]
    assert (seat.sim if seat else None) == chosen


@pytest.mark.parametrize(
    ("wish", "rules", "keeps", "expected"),
    [
        (WISH, Rules(), None, Grade.WELCOME),
        (WISH, Rules(), A, Grade.WELCOME),
        (WISH, Rules(), B, Grade.NEVER),
        (Wish(1, NUMBER, tried=frozenset({A})), Rules(), A, Grade.RATHER_NOT),
        (Wish(1, NUMBER), HOME, None, Grade.RATHER_NOT),
        (Wish(3, NUMBER), BOUND, None, Grade.NEVER),
    ],
)
def test_how_well_a_message_fits(wish: Wish, rules: Rules, keeps: str | None, expected: Grade) -> None:
    assert grade(wish, Seat(A), rules, NOW, keeps) is expected


sims = st.frozensets(st.sampled_from([f"sim{number}" for number in range(12)]), min_size=1)
tags = st.binary(min_size=16, max_size=16)


@given(tags, sims, st.data())
def test_a_recipient_keeps_his_sim_whichever_others_come_and_go(
    tag: bytes, there: frozenset[str], data: st.DataObject
) -> None:
    wish = Wish(1, NUMBER, tag=tag)
    first = keeper(wish, there, lambda _: True)
    assert first is not None
    fewer = data.draw(st.frozensets(st.sampled_from(sorted(there)))) | {first}
    assert keeper(wish, fewer, lambda _: True) == first
    assert keeper(wish, there, lambda sim: sim in fewer) == first
    assert sorted(ranking(tag, there)) == sorted(there)


def test_recipients_are_spread_over_the_sims() -> None:
    there = frozenset({A, B, C})
    had = Counter(keeper(Wish(1, NUMBER, tag=bytes([n // 256, n % 256])), there, lambda _: True) for n in range(3000))
    assert all(900 < count < 1100 for count in had.values())


def test_a_recipient_without_any_sim_waits() -> None:
    assert keeper(WISH, frozenset({A}), lambda _: False) is None
