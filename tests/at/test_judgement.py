"""Errors after AT+CMGS: what proves that a segment was not accepted, and whose fault it is."""

from __future__ import annotations

import pytest

from modemd.at.codes import VENDORS
from modemd.at.judgement import classify
from modemd.values import Fault, Verdict

AT_ONCE, JUST_UNDER, LIMIT, LATE = 0.0, 1.999, 2.0, 135.0
EVER = (AT_ONCE, JUST_UNDER, LIMIT, LATE)


def verdict(family: str, number: int | None, after_s: float | None, **dialect: float) -> Verdict:
    return classify(family, number, after_s=after_s, **dialect).verdict  # type: ignore[arg-type]  # quick_s only


@pytest.mark.parametrize("after_s", EVER)
def test_a_duplicate_that_the_smsc_rejects_is_accepted_whenever_it_comes(after_s: float) -> None:
    assert verdict("cms", 197, after_s) is Verdict.ACCEPTED


@pytest.mark.parametrize("after_s", EVER)
def test_answers_of_the_network_and_of_the_smsc_prove_refusal_whenever_they_come(after_s: float) -> None:
    for number in (n for n in range(1, 256) if n != 197):
        assert verdict("cms", number, after_s) is Verdict.REFUSED, number


@pytest.mark.parametrize("after_s", EVER)
def test_errors_that_come_before_anything_is_sent_prove_refusal(after_s: float) -> None:
    for number in (n for n in range(300, 341) if n != 332):
        assert verdict("cms", number, after_s) is Verdict.REFUSED, number


@pytest.mark.parametrize("after_s", EVER)
@pytest.mark.parametrize(("family", "number"), [("cms", 332), ("cms", 350), ("cme", 31)])
def test_time_outs_of_the_network_prove_nothing_whenever_they_come(family: str, number: int, after_s: float) -> None:
    assert verdict(family, number, after_s) is Verdict.UNCERTAIN


OTHERS = [
    ("error", None), ("error", 7), ("cms", None), ("cms", 0), ("cms", 256), ("cms", 299), ("cms", 341), ("cms", 349),
    ("cms", 351), ("cms", 500), ("cms", 511), ("cms", 512), ("cms", 515), ("cms", 616), ("cms", 2051), ("cms", 65535),
    ("cme", None), ("cme", 0), ("cme", 14), ("cme", 30), ("cme", 38), ("cme", 100), ("cme", 197), ("cme", 515),
]  # fmt: skip


@pytest.mark.parametrize(("family", "number"), OTHERS)
def test_any_other_error_is_judged_by_the_time_since_ctrl_z(family: str, number: int | None) -> None:
    assert [verdict(family, number, after) for after in EVER] == [
        Verdict.REFUSED,
        Verdict.REFUSED,
        Verdict.UNCERTAIN,
        Verdict.UNCERTAIN,
    ]


def test_a_dialect_may_know_a_better_limit_than_two_seconds() -> None:
    assert verdict("cms", 500, 4.0) is Verdict.UNCERTAIN
    assert verdict("cms", 500, 4.0, quick_s=5.0) is Verdict.REFUSED
    assert verdict("cms", 500, 0.1, quick_s=0.0) is Verdict.UNCERTAIN


def test_before_ctrl_z_every_error_means_unsent() -> None:
    for family, number in [*OTHERS, ("cms", 197), ("cms", 332), ("cms", 38)]:
        assert verdict(family, number, None) is Verdict.UNSENT


@pytest.mark.parametrize(
    ("family", "number", "fault"),
    [
        ("cms", 1, Fault.MESSAGE), ("cms", 21, Fault.MESSAGE), ("cms", 195, Fault.MESSAGE), ("cms", 145, Fault.MESSAGE),
        ("cms", 38, Fault.NETWORK), ("cms", 42, Fault.NETWORK), ("cms", 192, Fault.NETWORK),
        ("cms", 332, Fault.NETWORK),
        ("cms", 8, Fault.SIM), ("cms", 30, Fault.SIM), ("cms", 208, Fault.SIM), ("cms", 322, Fault.SIM),
        ("cms", 310, Fault.SIM), ("cms", 316, Fault.SIM), ("cms", 330, Fault.SIM), ("cme", 14, Fault.SIM),
        ("cms", 300, Fault.MODEM), ("cms", 320, Fault.MODEM), ("cms", 331, Fault.MODEM), ("cme", 0, Fault.MODEM),
        ("cms", 304, Fault.DRIVER), ("cms", 198, Fault.DRIVER), ("cme", 50, Fault.DRIVER),
        ("cms", 224, Fault.NETWORK), ("cms", 254, Fault.NETWORK),
    ],
)  # fmt: skip
def test_each_code_names_whose_fault_it_is(family: str, number: int, fault: Fault) -> None:
    assert classify(family, number, after_s=0.5).fault is fault


@pytest.mark.parametrize(
    ("family", "number"), [("cms", 400), ("cme", 999), ("error", None), ("error", 3), ("cms", None)]
)
def test_an_unknown_code_is_tried_again_elsewhere(family: str, number: int | None) -> None:
    assert classify(family, number, after_s=0.5).fault is Fault.NETWORK


def test_the_same_number_means_something_else_from_each_maker() -> None:
    faults = {vendor: classify("cms", 513, after_s=0.1, vendor=vendor).fault for vendor in ("", *VENDORS)}
    assert faults == {"": Fault.NETWORK, "siemens": Fault.SIM, "simcom": Fault.DRIVER, "wavecom": Fault.NETWORK}


def test_three_in_a_row_point_at_another_than_one_alone() -> None:
    assert classify("cms", 38, after_s=3).streak is Fault.SIM
    assert classify("cms", 500, after_s=1).streak is Fault.MODEM
    assert classify("cms", 41, after_s=3).streak is None


def test_an_error_in_words_is_judged_like_its_number() -> None:
    assert classify("cms", None, after_s=60, text="network timeout") == classify("cms", 332, after_s=60)
    assert classify("cms", None, after_s=60, text="congestion") == classify("cms", 42, after_s=60)


def test_the_outcome_carries_the_code_the_fault_and_a_sentence() -> None:
    outcome = classify("cms", 38, after_s=4.0).outcome()
    assert (outcome.verdict, outcome.code, outcome.fault, outcome.reference) == (
        Verdict.REFUSED,
        "cms-38",
        Fault.NETWORK,
        None,
    )
    assert outcome.detail.endswith("(network out of order)")
    assert classify("error", None, after_s=4.0).outcome().code == "error"
    assert classify("cms", 197, after_s=4.0).outcome().fault is None


@pytest.mark.parametrize(
    ("number", "first", "again"),
    [
        (21, Fault.MESSAGE, Fault.SIM),
        (38, Fault.NETWORK, Fault.SIM),
        (96, Fault.DRIVER, Fault.SIM),
        (500, Fault.NETWORK, Fault.MODEM),
        (196, Fault.MESSAGE, Fault.MESSAGE),
        (41, Fault.NETWORK, Fault.NETWORK),
    ],
)
def test_a_code_of_two_meanings_is_the_sims_fault_where_the_message_before_failed_too(
    number: int, first: Fault, again: Fault
) -> None:
    """A SIM without credit says "rejected" (21) to everything: only the first message may be blamed for it."""
    assert classify("cms", number, after_s=1.0).fault is first
    assert classify("cms", number, after_s=1.0, in_doubt=True).fault is again
