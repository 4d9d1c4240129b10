"""What follows an attempt that did not succeed, as the table in retry.py says."""

from __future__ import annotations

import pytest

from modemd.clock import SECOND
from modemd.queue.retry import (
    FIRST_DELAY,
    HAND_BACK_DELAY,
    LONGEST_DELAY,
    PARTIAL_TRIES,
    SETTLING_TIME,
    Facts,
    decide,
    delay,
)
from modemd.queue.states import IfUncertain, State
from modemd.values import Fault, Outcome, Verdict

NOW = 1_000_000 * SECOND


def facts(**changes: object) -> Facts:
    usual: dict[str, object] = {
        "refused": 0, "refusals": 0, "sent_parts": 0, "expires": NOW + 3600 * SECOND,
        "if_uncertain": IfUncertain.HOLD, "sims_alike": 1, "due": NOW - 60 * SECOND,
    }  # fmt: skip
    return Facts(**(usual | changes))  # type: ignore[arg-type]  # a table of mixed columns


def half() -> float:
    return 0.5


@pytest.mark.parametrize(
    ("verdict", "fault", "changes", "state"),
    [
        (Verdict.UNSENT, Fault.MESSAGE, {}, State.FAILED),
        (Verdict.UNSENT, Fault.DRIVER, {}, State.FAILED),
        (Verdict.UNSENT, Fault.MODEM, {}, State.QUEUED),
        (Verdict.UNSENT, None, {}, State.QUEUED),
        (Verdict.REFUSED, Fault.MESSAGE, {}, State.FAILED),
        (Verdict.REFUSED, Fault.DRIVER, {}, State.FAILED),
        (Verdict.REFUSED, Fault.NETWORK, {}, State.QUEUED),
        (Verdict.REFUSED, Fault.SIM, {}, State.QUEUED),
        (Verdict.REFUSED, Fault.MODEM, {}, State.QUEUED),
        (Verdict.REFUSED, Fault.SIM, {"sims_alike": 3}, State.FAILED),
        (Verdict.REFUSED, Fault.MODEM, {"sims_alike": 3}, State.FAILED),
        (Verdict.REFUSED, Fault.SIM, {"sims_alike": 3, "in_doubt": True}, State.QUEUED),
        (Verdict.REFUSED, Fault.NETWORK, {"sims_alike": 9}, State.QUEUED),
        (Verdict.REFUSED, Fault.NETWORK, {"expires": NOW}, State.EXPIRED),
        (Verdict.REFUSED, Fault.NETWORK, {"expires": None}, State.QUEUED),
        (Verdict.REFUSED, Fault.NETWORK, {"sent_parts": 1, "refusals": PARTIAL_TRIES - 1}, State.FAILED),
        (Verdict.REFUSED, Fault.NETWORK, {"sent_parts": 1}, State.QUEUED),
        (Verdict.UNCERTAIN, Fault.NETWORK, {}, State.UNCERTAIN),
        (Verdict.UNCERTAIN, None, {"if_uncertain": IfUncertain.RESEND}, State.UNCERTAIN),
        (Verdict.UNCERTAIN, None, {"expires": NOW - 1}, State.UNCERTAIN),
    ],
)
def test_the_next_state_follows_from_verdict_and_fault(
    verdict: Verdict, fault: Fault | None, changes: dict[str, object], state: State
) -> None:
    assert decide(Outcome(verdict, fault=fault), facts(**changes), NOW, half).state is state


def test_what_never_left_us_goes_back_to_its_place_at_once_and_at_no_cost() -> None:
    following = decide(Outcome(Verdict.UNSENT, code="port_lost"), facts(due=NOW - 7), NOW, half)
    assert (following.due, following.costs) == (NOW - 7, False)
    assert decide(Outcome(Verdict.UNSENT, code="port_lost"), facts(due=NOW + 7), NOW, half).due == NOW, (
        "a clock set back"
    )


def test_a_message_that_modems_could_not_take_waits_longer_with_each_refusal_only() -> None:
    refused = Outcome(Verdict.REFUSED, fault=Fault.MODEM)
    assert decide(refused, facts(refused=0), NOW, half).due == NOW + HAND_BACK_DELAY * SECOND
    assert decide(refused, facts(refused=3), NOW, half).due == NOW + 8 * HAND_BACK_DELAY * SECOND


def test_a_refusal_by_the_network_waits_longer_each_time() -> None:
    dues = [
        decide(Outcome(Verdict.REFUSED, fault=Fault.NETWORK), facts(refusals=times, expires=None), NOW, half).due
        for times in range(12)
    ]
    assert dues == sorted(dues)
    assert dues[0] == NOW + FIRST_DELAY * SECOND
    assert dues[-1] == NOW + LONGEST_DELAY * SECOND


def test_a_wait_does_not_outlast_a_message_that_has_time_left_for_another_try() -> None:
    refused = Outcome(Verdict.REFUSED, fault=Fault.NETWORK)

    def due_s(left_s: float) -> float:
        return (decide(refused, facts(refusals=6, expires=NOW + left_s * SECOND), NOW, half).due - NOW) / SECOND

    assert due_s(3600) == FIRST_DELAY * 2**6
    assert due_s(100) == 50
    assert due_s(6) == FIRST_DELAY
    assert due_s(4) == FIRST_DELAY, "too late for another"


def test_jitter_spreads_retries_from_half_to_one_and_a_half_times() -> None:
    assert delay(0, 0.0) == FIRST_DELAY * 0.5 * SECOND
    assert delay(0, 1.0) == FIRST_DELAY * 1.5 * SECOND


def test_a_fault_of_the_sim_costs_the_message_nothing() -> None:
    assert decide(Outcome(Verdict.REFUSED, fault=Fault.SIM), facts(), NOW, half).costs is False


def test_a_message_that_cannot_be_finished_is_failed_as_partial() -> None:
    following = decide(Outcome(Verdict.REFUSED, fault=Fault.MESSAGE), facts(sent_parts=1), NOW, half)
    assert (following.state, following.code) == (State.FAILED, "partial")


def test_a_policy_waits_for_a_late_answer_and_hold_waits_for_ever() -> None:
    resend = decide(Outcome(Verdict.UNCERTAIN), facts(if_uncertain=IfUncertain.RESEND), NOW, half)
    assert resend.due == NOW + SETTLING_TIME * SECOND
