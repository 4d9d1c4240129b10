"""Whose turn it is: fairness as a pure table of virtual times."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.queue.turns import SHARES, Turns
from modemd.values import Lane

T, B, S = Lane.TRANSACTIONAL, Lane.BULK, Lane.SYSTEM


def anyone(_lane: Lane, _account: int) -> bool:
    return True


def serve(turns: Turns, claims: int, segments: int = 1) -> Counter[tuple[Lane, int]]:
    """Give so many turns; who had how many."""
    had: Counter[tuple[Lane, int]] = Counter()
    for _ in range(claims):
        key = turns.pick(anyone)
        assert key is not None
        turns.charge(*key, segments)
        had[key] += 1
    return had


def test_two_accounts_with_work_alternate() -> None:
    turns = Turns()
    turns.wake(T, 1)
    turns.wake(T, 2)
    order = []
    for _ in range(6):
        key = turns.pick(anyone)
        assert key is not None
        turns.charge(*key, 1)
        order.append(key[1])
    assert order in ([1, 2, 1, 2, 1, 2], [2, 1, 2, 1, 2, 1])


def test_nobody_is_next_when_nobody_has_work() -> None:
    assert Turns().pick(anyone) is None


def test_an_account_that_arrives_during_a_long_campaign_goes_next() -> None:
    turns = Turns()
    turns.wake(T, 1)
    serve(turns, 100_000)
    turns.wake(T, 2)
    assert 2 in [key[1] for key in serve(turns, 2)]


def test_an_account_does_not_save_up_turns_while_idle() -> None:
    turns = Turns()
    turns.wake(T, 1)
    serve(turns, 1000)
    turns.wake(T, 2)
    had = serve(turns, 100)
    assert 49 <= had[T, 2] <= 51


def test_a_cancelled_campaign_does_not_set_its_account_back() -> None:
    turns = Turns()
    turns.wake(T, 1)
    turns.wake(T, 2)
    serve(turns, 10)
    turns.rest(T, 1)  # its other 100,000 messages were cancelled: they had no turn, so they cost none
    serve(turns, 500)
    turns.wake(T, 1)
    assert 49 <= serve(turns, 100)[T, 1] <= 51


def test_an_account_does_not_pay_later_for_the_turns_it_had_while_nobody_else_waited() -> None:
    turns = Turns()
    turns.wake(T, 1)
    serve(turns, 100_000)
    turns.rest(T, 1)
    turns.wake(T, 2)
    serve(turns, 5)
    turns.wake(T, 1)
    assert turns.pick(anyone) == (T, 1)
    assert 49 <= serve(turns, 100)[T, 1] <= 51


@pytest.mark.parametrize("newcomer", [0, 5, 9])
def test_a_newcomer_goes_before_everybody_who_had_a_turn_whatever_its_number(newcomer: int) -> None:
    turns = Turns()
    for account in (1, 6, 7):
        turns.wake(T, account)
    serve(turns, 100)
    turns.wake(T, newcomer)
    assert turns.pick(anyone) == (T, newcomer)


def test_a_restart_forgets_who_was_ahead_rather_than_let_somebody_catch_up_for_hours() -> None:
    turns = Turns({(T, 1): 100_000_000, (T, 2): 7000})
    turns.wake(T, 1)
    turns.wake(T, 2)
    assert 49 <= serve(turns, 100)[T, 1] <= 51


def test_a_turn_that_was_not_used_costs_nothing() -> None:
    turns = Turns()
    turns.wake(T, 1)
    turns.wake(T, 2)
    turns.charge(T, 1, 9)
    turns.refund(T, 1, 9)
    assert turns.pick(anyone) == (T, 1)


def test_long_messages_cost_as_many_turns_as_they_have_segments() -> None:
    turns = Turns()
    turns.wake(T, 1)
    turns.wake(T, 2)
    had: Counter[int] = Counter()
    for _ in range(300):
        key = turns.pick(anyone)
        assert key is not None
        segments = 5 if key[1] == 1 else 1
        turns.charge(*key, segments)
        had[key[1]] += segments
    assert abs(had[1] - had[2]) <= 5


def test_a_heavier_account_gets_its_share() -> None:
    turns = Turns()
    turns.wake(T, 1)
    turns.wake(T, 2)
    had: Counter[int] = Counter()
    for _ in range(400):
        key = turns.pick(anyone)
        assert key is not None
        turns.charge(*key, 1, weight=3 if key[1] == 1 else 1)
        had[key[1]] += 1
    assert 295 <= had[1] <= 305


def test_a_password_goes_before_everything() -> None:
    turns = Turns()
    turns.wake(B, 1)
    turns.wake(T, 2)
    serve(turns, 50)
    turns.wake(S, 3)
    assert turns.pick(anyone) == (S, 3)


def test_bulk_gets_every_twentieth_claim_beside_transactional_traffic() -> None:
    turns = Turns()
    turns.wake(B, 1)
    turns.wake(T, 2)
    assert serve(turns, 400)[B, 1] == 20


def test_an_endless_stream_of_passwords_starves_neither_transactional_nor_bulk() -> None:
    turns = Turns()
    for lane in Lane:
        turns.wake(lane, 1)
    had = serve(turns, 400)
    assert (had[S, 1], had[T, 1], had[B, 1]) == (283, 98, 19)


def test_a_few_passwords_never_wait_for_what_the_other_lanes_are_owed() -> None:
    turns = Turns()
    turns.wake(B, 1)
    turns.wake(T, 2)
    serve(turns, 19)
    turns.wake(S, 3)
    assert list(serve(turns, 4)) == [(S, 3)], "though bulk was owed the very next claim"
    turns.rest(S, 3)
    assert turns.pick(anyone) == (B, 1), "and gets it afterwards"


def test_a_lane_of_which_nothing_can_go_saves_up_no_more_than_three_claims() -> None:
    turns = Turns()
    turns.wake(B, 1)
    turns.wake(T, 2)
    for _ in range(1000):
        assert turns.pick(lambda lane, _: lane is T) == (T, 2)
        turns.charge(T, 2, 1)
    assert serve(turns, 20)[B, 1] <= 4


def test_a_lane_that_was_idle_is_owed_nothing() -> None:
    turns = Turns()
    turns.wake(T, 2)
    turns.wake(B, 1)
    serve(turns, 19)
    turns.rest(B, 1)
    turns.wake(B, 1)
    assert serve(turns, 19)[B, 1] == 0


@given(
    st.sets(st.sampled_from(Lane), min_size=1),
    st.lists(st.tuples(st.sampled_from(Lane), st.booleans(), st.integers(1, 30)), max_size=30),
    st.integers(1, 4),
)
def test_whatever_the_mix_of_lanes_one_with_work_gets_its_share(
    always: set[Lane], changes: list[tuple[Lane, bool, int]], accounts: int
) -> None:
    """Some lanes have work all the time, others now and then; messages of any length, one account or several."""
    turns = Turns()
    for lane in always:
        for account in range(accounts):
            turns.wake(lane, account)
    had, claims = dict.fromkeys(Lane, 0), 0
    for lane, works, count in [*changes, (min(always), True, 30)]:
        if works:
            turns.wake(lane, 99)
        else:
            turns.rest(lane, 99)
        for _ in range(count):
            key = turns.pick(anyone)
            assert key is not None
            turns.charge(*key, 1 + count % 3)
            had[key[0]] += 1
            claims += 1
            for each in always & set(SHARES):
                assert had[each] >= claims // SHARES[each] - 2, f"{each.name} had {had[each]} of {claims}"


def test_bulk_has_everything_when_there_is_nothing_else() -> None:
    turns = Turns()
    turns.wake(B, 1)
    assert serve(turns, 10)[B, 1] == 10


def test_an_account_with_nothing_in_hand_is_passed_over_and_not_forgotten() -> None:
    turns = Turns()
    turns.wake(T, 1)
    turns.wake(T, 2)
    assert turns.pick(lambda _lane, account: account == 2) == (T, 2)
    assert {key[1] for key in turns.upcoming(10)} == {1, 2}
    turns.charge(T, 2, 1)
    assert turns.pick(anyone) == (T, 1)


def test_what_is_upcoming_holds_somebody_of_each_lane_so_that_bulk_is_ready_when_its_turn_comes() -> None:
    turns = Turns()
    for account in range(50):
        turns.wake(T, account)
    turns.wake(B, 7)
    turns.wake(S, 8)
    upcoming = turns.upcoming(10)
    assert len(upcoming) == 10
    assert upcoming[0] == (S, 8)
    assert upcoming[-1] == (B, 7)
    assert turns.upcoming(1) == [(S, 8), (T, 0), (B, 7)]


def test_changes_are_handed_over_once() -> None:
    turns = Turns({(T, 1): 5000})
    turns.wake(T, 1)
    turns.charge(T, 1, 2)
    assert turns.take_changes() == {(T, 1): 7000}
    assert turns.take_changes() == {}


moves = st.lists(
    st.one_of(
        st.tuples(st.just("wake"), st.sampled_from(Lane), st.integers(1, 5)),
        st.tuples(st.just("rest"), st.sampled_from(Lane), st.integers(1, 5)),
        st.tuples(st.just("serve"), st.just(T), st.integers(1, 9)),
    ),
    max_size=80,
)


@given(moves)
def test_whatever_happens_exactly_those_with_work_are_in_the_order(history: list[tuple[str, Lane, int]]) -> None:
    turns, working = Turns(), set()
    for what, lane, number in history:
        if what == "wake":
            turns.wake(lane, number)
            working.add((lane, number))
        elif what == "rest":
            turns.rest(lane, number)
            working.discard((lane, number))
        elif (key := turns.pick(anyone)) is not None:
            turns.charge(*key, number)
        assert set(turns.upcoming(100)) == working
        assert len(turns.upcoming(100)) == len(working)
        assert (turns.pick(anyone) is None) == (not working)


@given(st.lists(st.integers(1, 6), min_size=2, max_size=200), st.integers(2, 6))
def test_no_two_accounts_with_work_drift_apart_by_more_than_one_message(sizes: list[int], accounts: int) -> None:
    turns = Turns()
    for account in range(accounts):
        turns.wake(T, account)
    had = dict.fromkeys(range(accounts), 0)
    for size in sizes:
        key = turns.pick(anyone)
        assert key is not None
        turns.charge(*key, size)
        had[key[1]] += size
    assert max(had.values()) - min(had.values()) <= max(sizes)


def test_an_account_that_is_gone_has_no_turn_and_leaves_nothing_to_write_down() -> None:
    turns = Turns({(Lane.BULK, 7): 5})
    turns.wake(Lane.TRANSACTIONAL, 7)
    turns.wake(Lane.TRANSACTIONAL, 8)
    turns.charge(Lane.TRANSACTIONAL, 7, 3)
    turns.forget(7)
    turns.refund(Lane.TRANSACTIONAL, 7, 3)
    turns.wake(Lane.BULK, 7)
    assert turns.pick(lambda lane, account: True) == (Lane.TRANSACTIONAL, 8)
    assert {account for _, account in turns.take_changes()} == {8}
    assert turns.gone(7)
    assert not turns.gone(8)
