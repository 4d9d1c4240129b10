"""The ladder and the treatments are tables: what evidence asks for what, and when it stops."""

from __future__ import annotations

import itertools

import pytest

from modemd.at.judgement import Judgement, classify
from modemd.errors import BringUpError, CommandFailed, CommandTimeout, ModemLost, PortLost
from modemd.pool.health import (
    BOOT_LOOP,
    FLAP_S,
    LADDERS,
    PAUSES_S,
    QUARANTINE_S,
    Evidence,
    Health,
    Means,
    Rung,
    Streaks,
    Treatment,
    casts_doubt,
    evidence_of,
)
from modemd.values import Fault, Outcome, Verdict

USB = Means(restart=True, reauthorise=True)
PLAIN = Means()
POISON = Means(restart=False, reauthorise=True)


def rungs(health: Health, evidence: Evidence, means: Means, times: int) -> list[Rung]:
    return [health.failed(evidence, 100.0 + n, means)[0] for n in range(times)]


def outcome(code: str, family: str, number: int, after_s: float | None = 0.5) -> tuple[Outcome, Judgement]:
    judgement = classify(family, number, after_s=after_s)
    return judgement.outcome(), judgement


@pytest.mark.parametrize(
    ("failure", "evidence"),
    [
        (PortLost("gone"), Evidence.GONE),
        (CommandTimeout("no answer"), Evidence.SILENT),
        (ModemLost("boot", code="reset"), Evidence.RESTARTED),
        (ModemLost("prompt", code="out_of_step"), Evidence.CONFUSED),
        (ModemLost("500 again", code="sick"), Evidence.SICK),
        (BringUpError("sim", "PUK", code="sim_puk"), Evidence.SIM),
        (BringUpError("sim", "refused", code="sim_refused"), Evidence.SIM),
        (BringUpError("smsc", "none", code="smsc_unknown"), Evidence.SIM),
        (BringUpError("sim", "missing", code="sim_missing"), Evidence.SICK),
        (BringUpError("mode", "error", code="cms-303"), Evidence.SICK),
        (CommandFailed("cme", 100), Evidence.CONFUSED),
    ],
)
def test_what_a_failure_speaks_for(failure: Exception, evidence: Evidence) -> None:
    assert evidence_of(failure) is evidence  # type: ignore[arg-type]  # all of them are ModemdErrors


def test_a_silent_modem_climbs_the_whole_ladder_once_and_then_rests_longer_and_longer() -> None:
    health = Health()
    assert rungs(health, Evidence.SILENT, USB, 5) == [
        Rung.PING,
        Rung.REOPEN,
        Rung.RESTART,
        Rung.REAUTHORISE,
        Rung.QUARANTINE,
    ]
    assert [health.failed(Evidence.SILENT, 200.0, USB) for _ in range(5)] == [
        (Rung.QUARANTINE, rest) for rest in (*QUARANTINE_S[1:], QUARANTINE_S[-1])
    ]


def test_nothing_that_is_poison_or_out_of_reach_is_tried() -> None:
    assert Rung.RESTART not in rungs(Health(), Evidence.SILENT, POISON, 9)
    assert Rung.REAUTHORISE not in rungs(Health(), Evidence.SILENT, PLAIN, 9)


def test_a_success_begins_the_ladder_anew() -> None:
    health = Health()
    rungs(health, Evidence.SILENT, PLAIN, 3)
    health.accepted()
    assert health.failed(Evidence.SILENT, 200.0, PLAIN)[0] is Rung.PING


def test_a_minute_of_being_ready_is_a_success() -> None:
    health = Health()
    rungs(health, Evidence.SILENT, PLAIN, 3)
    health.ready(200.0)
    assert health.failed(Evidence.SILENT, 261.0, PLAIN)[0] is Rung.PING


def test_being_ready_for_a_moment_is_none() -> None:
    health = Health()
    rungs(health, Evidence.SILENT, PLAIN, 2)
    health.ready(200.0)
    assert health.failed(Evidence.SILENT, 205.0, PLAIN)[0] is Rung.RESTART


def test_a_vanished_port_is_opened_at_once_and_a_flapping_one_ever_later() -> None:
    health = Health()
    rests = [health.failed(Evidence.GONE, 100.0, USB) for _ in range(7)]
    assert rests == [(Rung.REOPEN, rest) for rest in (*FLAP_S, FLAP_S[-1], FLAP_S[-1])]


def test_a_restart_needs_no_rung_but_a_boot_loop_is_a_power_fault() -> None:
    health = Health()
    assert rungs(health, Evidence.RESTARTED, USB, BOOT_LOOP) == [Rung.PING] * BOOT_LOOP
    assert health.failed(Evidence.RESTARTED, 110.0, USB)[0] is Rung.QUARANTINE


def test_restarts_hours_apart_are_no_loop() -> None:
    health = Health()
    assert {health.failed(Evidence.RESTARTED, 3600.0 * n, USB)[0] for n in range(20)} == {Rung.PING}


def test_a_sim_that_wants_a_person_is_never_reset() -> None:
    assert set(rungs(Health(), Evidence.SIM, USB, 5)) == {Rung.QUARANTINE}


def test_every_ladder_ends_in_quarantine_but_that_of_a_missing_port() -> None:
    assert {evidence for evidence, ladder in LADDERS.items() if ladder[-1] is not Rung.QUARANTINE} == {Evidence.GONE}


@pytest.mark.parametrize(
    ("number", "treatment"),
    [
        (322, Treatment.EMPTY),
        (208, Treatment.EMPTY),
        (331, Treatment.REJOIN),
        (302, Treatment.REJOIN),
        (310, Treatment.LOOK),
        (316, Treatment.LOOK),
        (330, Treatment.LOOK),
        (314, Treatment.REST),
        (512, Treatment.REST),
        (42, Treatment.REST),
        (21, Treatment.NOTHING),
        (38, Treatment.NOTHING),
        (8, Treatment.NOTHING),
    ],
)
def test_what_one_refusal_asks_for(number: int, treatment: Treatment) -> None:
    assert Streaks().treatment(*outcome("", "cms", number))[0] is treatment


@pytest.mark.parametrize(
    ("number", "treatment"),
    [(38, Treatment.HOLD), (21, Treatment.HOLD), (8, Treatment.HOLD), (500, Treatment.SICK), (300, Treatment.SICK)],
)
def test_the_third_refusal_in_a_row_with_one_code_blames_the_modem_or_its_sim(
    number: int, treatment: Treatment
) -> None:
    streaks = Streaks()
    refusal = outcome("", "cms", number)
    first, second, third = (streaks.treatment(*refusal)[0] for _ in range(3))
    assert treatment not in {first, second}
    assert third is treatment


def test_an_acceptance_between_ends_the_streak() -> None:
    streaks = Streaks()
    refusal = outcome("", "cms", 38)
    for _ in range(5):
        assert streaks.treatment(*refusal)[0] is Treatment.NOTHING
        assert streaks.treatment(*refusal)[0] is Treatment.NOTHING
        assert streaks.treatment(Outcome(Verdict.ACCEPTED, reference=1), None)[0] is Treatment.NOTHING


def test_a_bad_number_never_takes_a_modem_out() -> None:
    """gammu #381: one bad recipient held up everybody; CMS 196 is the message's fault however often it comes."""
    streaks = Streaks()
    assert {streaks.treatment(*outcome("", "cms", 196))[0] for _ in range(20)} == {Treatment.NOTHING}


def test_each_further_failure_in_a_row_asks_for_a_longer_pause_whatever_the_codes() -> None:
    streaks = Streaks()
    codes = itertools.cycle((27, 41, 47))
    pauses = [streaks.treatment(*outcome("", "cms", next(codes)), doubts=n)[1] for n in range(1, 9)]
    assert pauses == [*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1]]
    assert pauses[:2] == [0, 0], "so few say little"


def test_a_pause_is_no_shorter_than_what_the_code_asks_for() -> None:
    assert Streaks().treatment(*outcome("", "cms", 42), doubts=1) == (Treatment.REST, 10.0)
    assert Streaks().treatment(*outcome("", "cms", 42), doubts=6) == (Treatment.REST, 60.0)


@pytest.mark.parametrize(
    ("verdict", "fault", "doubt"),
    [
        (Verdict.ACCEPTED, None, False),
        (Verdict.REFUSED, Fault.MESSAGE, False),
        (Verdict.UNSENT, Fault.DRIVER, False),
        (Verdict.UNSENT, None, False),
        (Verdict.REFUSED, Fault.NETWORK, True),
        (Verdict.UNSENT, Fault.SIM, True),
        (Verdict.UNCERTAIN, Fault.MODEM, True),
    ],
)
def test_what_casts_doubt_on_a_modem(verdict: Verdict, fault: Fault | None, *, doubt: bool) -> None:
    assert casts_doubt(Outcome(verdict, fault=fault)) is doubt


@pytest.mark.parametrize(("number", "doubt"), [(21, True), (1, True), (196, False), (128, False), (96, True)])
def test_a_code_that_may_be_the_messages_fault_or_the_sims_casts_doubt(number: int, *, doubt: bool) -> None:
    assert casts_doubt(*outcome("", "cms", number)) is doubt
