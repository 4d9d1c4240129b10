"""Counting in memory: limits, disguises, and the budgets of strangers."""

from __future__ import annotations

import pytest

from modemd.accounts.budgets import LEAST, PER_NETWORK, PER_NUMBER, PER_RANGE, Budgets, loopback
from modemd.accounts.limits import DAY, HOUR, Disguise, Limit
from modemd.clock import ManualClock

NETWORK = "198.51.100.0/24"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_limit_slides(clock: ManualClock) -> None:
    limit = Limit(2, 60, clock)
    limit.count(b"a")
    clock.advance(40)
    limit.count(b"a")
    assert limit.wait(b"a") == pytest.approx(20)
    assert limit.wait(b"b") == 0
    clock.advance(20)
    assert limit.wait(b"a") == 0
    limit.count(b"a")
    assert limit.wait(b"a") == pytest.approx(40)
    limit.forget(b"a")
    assert limit.wait(b"a") == 0


def test_a_limit_that_is_raised_counts_what_has_happened_before(clock: ManualClock) -> None:
    limit = Limit(1, 60, clock)
    limit.count()
    limit.most = 3
    limit.count()
    assert limit.wait() == 0
    limit.count()
    assert limit.wait() > 0


def test_a_limit_forgets_what_no_longer_counts(clock: ManualClock) -> None:
    limit = Limit(5, 60, clock)
    for kind in range(1000):
        limit.count(b"%d" % kind)
    clock.advance(61)
    limit.count(b"new")
    assert len(limit._moments) == 1


def test_a_disguise_lasts_a_day(clock: ManualClock) -> None:
    disguise = Disguise(clock)
    before = disguise("+48600100200")
    assert b"600100200" not in before
    assert disguise("+48600100200") == before != disguise("+48600100201")
    assert disguise("ab", "c") != disguise("a", "bc")
    clock.advance(DAY)
    assert disguise("+48600100200") != before


def test_a_number_gets_three_a_day(clock: ManualClock) -> None:
    budgets = Budgets(clock, lambda: 1e6)
    for _ in range(PER_NUMBER):
        assert budgets.refusal("+48600100200", NETWORK) is None
        budgets.spend("+48600100200", NETWORK)
    assert budgets.refusal("+48600100200", NETWORK) == "number"
    clock.advance(DAY)
    assert budgets.refusal("+48600100200", NETWORK) is None


def test_a_network_causes_five_an_hour_and_loopback_any(clock: ManualClock) -> None:
    budgets = Budgets(clock, lambda: 1e6)
    for place in range(PER_NETWORK):
        budgets.spend(f"+4860{place}100200", NETWORK)
        budgets.spend(f"+4861{place}100200", "127.0.0.0/24")
    assert budgets.refusal("+48700100200", NETWORK) == "network"
    assert budgets.refusal("+48700100200", "127.0.0.0/24") is None
    clock.advance(HOUR)
    assert budgets.refusal("+48700100200", NETWORK) is None


def test_a_range_of_a_thousand_numbers_gets_twenty_an_hour(clock: ManualClock) -> None:
    budgets = Budgets(clock, lambda: 1e6)
    for place in range(PER_RANGE):
        budgets.spend(f"+48600100{place:03}", f"198.51.{place}.0/24")
    assert budgets.refusal("+48600100999", NETWORK) == "range"
    assert budgets.refusal("+48600101000", NETWORK) is None


def test_all_strangers_together_get_a_twentieth_of_the_pool(clock: ManualClock) -> None:
    capacity = 1000.0
    budgets = Budgets(clock, lambda: capacity)
    for place in range(50):
        assert budgets.refusal(f"+486{place:05}200", f"198.51.{place}.0/24") is None
        budgets.spend(f"+486{place:05}200", f"198.51.{place}.0/24")
    assert budgets.refusal("+48700100200", NETWORK) == "all"
    capacity = 0.0
    clock.advance(HOUR)
    for place in range(LEAST):
        budgets.spend(f"+486{place:05}200", f"198.51.{place}.0/24")
    assert budgets.refusal("+48700100200", NETWORK) == "all"


@pytest.mark.parametrize(
    ("network", "own"),
    [("127.0.0.0/24", True), ("::/48", True), ("-", True), (NETWORK, False), ("2001:db8::/48", False)],
)
def test_loopback_is_known(network: str, own: bool) -> None:
    assert loopback(network) is own
