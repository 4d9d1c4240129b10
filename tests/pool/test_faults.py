"""What befell the peers, on our pool: no message is lost, none is sent twice, one bad modem costs the others nothing.

A message that is uncertain counts as neither: it is shown and held (see the queue).
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import pytest
from hw_sim.pytest_plugin import BankProcess, StartBank
from pool_bench import Bench, PoolOver, befall, segment

from modemd.at.dialect import GENERIC, Dialects
from modemd.pool import Condition
from modemd.values import Verdict

HURRIED = Dialects((replace(GENERIC, match=".", prompt_s=1.0, submit_s=3.0),))


def on_air(bank: BankProcess) -> Counter[str]:
    """How often each text went on the air and was taken by the service centre."""
    return Counter(entry.text for entry in bank.air() if entry.outcome != "rejected")


async def all_ended(bench: Bench, count: int) -> None:
    """Every message is on the air, or may be."""
    await bench.sender.until(lambda: bench.sender.ended >= count)


def check(bank: BankProcess, bench: Bench, count: int, uncertain: int) -> None:
    """Nothing twice, nothing lost but what is shown as uncertain."""
    texts = on_air(bank)
    assert max(texts.values()) == 1
    assert bench.sender.verdicts[Verdict.UNCERTAIN] <= uncertain
    assert len(texts) >= count - bench.sender.verdicts[Verdict.UNCERTAIN]


BEFORE_CTRL_Z: list[tuple[str, dict[str, object]]] = [
    ("hang_before_prompt", {"message": 5}),
    ("unplug", {"message": 5, "on": "prompt", "seconds": 0.3}),
    ("restart", {"message": 5, "on": "prompt", "text_mode": True}),
    ("late_prompt", {"message": 5, "seconds": 0.5}),
    ("late_prompt", {"message": 5, "seconds": 2.0}),
    ("no_prompt", {"message": 5}),
    ("double_prompt", {}),
    ("bare_prompt", {}),
    ("cms_error_before_prompt", {"message": 5, "code": 302}),
]
"""Each is harmless: the message goes to another modem. Only of those that strike with the prompt on its way, our
Ctrl-Z may already be written when we can know; then the message is uncertain."""
WITH_THE_PROMPT = sum(settings.get("on") == "prompt" for _, settings in BEFORE_CTRL_Z)
AFTER_CTRL_Z: list[tuple[str, dict[str, object]]] = [
    ("hang_after_prompt", {"message": 5}),
    ("hang_after_ctrl_z", {"message": 5, "seconds": 1.0}),
    ("answer_lost", {"message": 5}),
    ("unplug", {"message": 5, "on": "submit", "seconds": 0.3}),
    ("unplug", {"message": 5, "on": "answer", "seconds": 0.3}),
    ("restart", {"message": 5, "on": "submit", "silent": True}),
    ("echo_on", {"at": 0.8}),
    ("text_mode_on", {"at": 0.8}),
    ("false_error", {"message": 5, "code": 350}),
    ("false_error", {"message": 5, "code": 332}),
]
"""Each may leave one message uncertain."""
ANSWERS: list[tuple[str, dict[str, object]]] = [
    ("slow_answer", {"message": 5, "seconds": 1.0}),
    ("unsolicited", {}),
    ("unsolicited", {"on": "prompt"}),
    ("unsolicited", {"on": "input"}),
    ("interjected", {}),
    ("cms_error", {"message": 5, "code": 41}),
    ("cms_error", {"message": 5, "code": 500, "seconds": 0.1}),
    ("cms_error_at_once", {"message": 5, "code": 304}),
    ("slow_line", {"at": 0.8, "duration": 1.5}),
    ("sim_busy", {"at": 0.8, "seconds": 1.0}),
    ("no_network", {"at": 0.8, "seconds": 1.0}),
]
"""Each is answered clearly in the end."""


@pytest.mark.parametrize(
    ("faults", "uncertain"),
    [(BEFORE_CTRL_Z, WITH_THE_PROMPT), (AFTER_CTRL_Z, len(AFTER_CTRL_Z)), (ANSWERS, 0)],
    ids=["before Ctrl-Z", "after Ctrl-Z", "in answers"],
)
async def test_each_modem_fails_in_its_own_way_and_nothing_is_lost_or_sent_twice(
    hw_sim_bank: StartBank, pool_over: PoolOver, faults: list[tuple[str, dict[str, object]]], uncertain: int
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=len(faults) + 1)
    for index, (fault, settings) in enumerate(faults):
        befall(bank.folder, f"modem{index}", fault, **settings)
    bench = await pool_over(bank.ports, dialects=HURRIED, look_every_s=0.05, wait=False)
    await bench.ready(1)
    count = 20 * len(faults)
    bench.sender.send(*(segment(str(n)) for n in range(count)))
    await all_ended(bench, count)
    check(bank, bench, count, uncertain)
    assert all(modem.sent + modem.uncertain + modem.failed >= 4 for modem in bench.pool.modems)


@pytest.mark.parametrize("share", [0.01, 0.1])
async def test_noise_on_the_line_loses_nothing(hw_sim_bank: StartBank, pool_over: PoolOver, share: float) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=2)
    for modem in ("modem0", "modem1"):
        befall(bank.folder, modem, "noisy_line", share=share)
    bench = await pool_over(bank.ports, dialects=HURRIED, wait=False)
    bench.sender.send(*(segment(str(n)) for n in range(60)))
    await all_ended(bench, 60)
    texts = on_air(bank)
    assert max(texts.values()) == 1
    assert len(texts) >= 60 - bench.sender.verdicts[Verdict.UNCERTAIN]


async def test_one_permanently_bad_modem_keeps_nothing_and_attracts_nothing(
    hw_sim_bank: StartBank, pool_over: PoolOver
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=3)
    befall(bank.folder, "modem1", "cms_error_at_once", code=38)
    bench = await pool_over(bank.ports)
    started = time.monotonic()
    bench.sender.send(*(segment(str(n)) for n in range(60)))
    await all_ended(bench, 60)
    assert time.monotonic() - started < 3.0
    assert bench.pool.modems[1].condition is Condition.QUARANTINED
    assert bench.pool.modems[1].failed == 3
    check(bank, bench, 60, 0)


async def test_memory_full_is_emptied_and_the_modem_goes_on(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bench = await pool_over(bank.ports)
    befall(bank.folder, "modem0", "memory_full")
    befall(bank.folder, "modem0", "cms_error_at_once", code=322, times=1)
    bench.sender.send(*(segment(str(n)) for n in range(5)))
    await bench.sender.settled(5)
    await bench.until(lambda modems: modems[0].storage_used == 0)
    assert len(bench.sender.inbound) > 50


async def test_a_modem_that_hangs_for_ever_is_quarantined_with_every_rung_tried(
    hw_sim_bank: StartBank, pool_over: PoolOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemd.pool.bringup.AWAKE_TRIES", 1)
    monkeypatch.setattr("modemd.pool.rungs.RESTART_S", 0.3)
    monkeypatch.setattr("modemd.pool.rungs.SETTLE_S", 0.1)
    hurried = Dialects((replace(GENERIC, match=".", prompt_s=0.5, attention_tries=1),))
    monkeypatch.setattr("modemd.at.link.GENERIC", hurried.rows[0])
    bank = hw_sim_bank("--air", "0.02", modems=2)
    bench = await pool_over(bank.ports, dialects=hurried)
    befall(bank.folder, "modem0", "hang", on="command")
    bench.sender.send(*(segment(str(n)) for n in range(20)))
    await bench.sender.settled(20)
    bench.sender.send(segment("one that modem0 takes and gives back"))
    await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED and not modems[0].link)
    assert {name for name, outcome in bench.sender.outcomes if outcome.verdict is Verdict.ACCEPTED} >= {"modem1"}
