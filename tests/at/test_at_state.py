"""The table of the dialogue's states keeps its promises, whatever the modem does."""

from __future__ import annotations

import pytest

from modemd.at.state import TABLE, IllegalMove, Move, State, step


def test_after_ctrl_z_only_a_final_result_or_the_loss_of_the_link_goes_on() -> None:
    assert {move for state, move in TABLE if state is State.SUBMITTED} == {Move.FINAL, Move.LOSE}


def test_ctrl_z_is_reached_by_way_of_the_prompt_alone() -> None:
    assert {state for (state, _), after in TABLE.items() if after is State.SUBMITTED} == {State.PROMPTED}
    assert {state for (state, _), after in TABLE.items() if after is State.PROMPTED} == {State.PROMPTING}


def test_a_lost_dialogue_stays_lost() -> None:
    assert {after for (state, _), after in TABLE.items() if state is State.LOST} == {State.LOST}


def test_a_new_exchange_begins_only_when_nothing_is_in_flight() -> None:
    assert {state for state, move in TABLE if move in {Move.ASK, Move.SEND}} == {State.IDLE}


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_lost(state: State) -> None:
    assert step(state, Move.LOSE) is State.LOST


def test_what_the_table_lacks_is_an_error_of_ours() -> None:
    with pytest.raises(IllegalMove, match="SUBMIT while IDLE"):
        step(State.IDLE, Move.SUBMIT)
