"""What holds for every call, whoever submits."""

from __future__ import annotations

from modemd.accounts.bounds import LIFE_S, Bounds
from modemd.queue.usage import Spending
from modemd.values import Lane


def spending(account: int, segments: int) -> Spending | None:
    """Of one account, whose day has room for a hundred."""
    return Spending(segments, (0, 1), (0, 2), 100, 0) if account == 7 else None


def test_a_call_takes_its_segments_of_its_own_account() -> None:
    bounds = Bounds(spending=spending)
    for lane in (Lane.TRANSACTIONAL, Lane.BULK):
        assert bounds.of(7, lane, 3) == Spending(3, (0, 1), (0, 2), 100, 0)
        assert bounds.of(8, lane, 3) is None


def test_what_the_service_itself_sends_takes_nothing() -> None:
    assert Bounds(spending=spending).of(7, Lane.SYSTEM, 3) is None


def test_unless_something_is_set_nothing_is_limited_and_a_message_lives_for_two_days() -> None:
    assert Bounds().of(7, Lane.BULK, 1_000_000) is None
    assert Bounds().life_s == LIFE_S == 2 * 24 * 3600
