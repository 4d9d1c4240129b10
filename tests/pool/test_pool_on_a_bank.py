"""The pool on real ptys with real (simulated) modems: bring-up, unplug, hang, restart, stop."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hw_sim.pytest_plugin import StartBank
from playbook import Table
from pool_bench import PoolOver, befall, segment

from modemd.at.dialect import GENERIC, Dialects
from modemd.errors import Conflict, NotFound
from modemd.pool import Condition, Registration
from modemd.values import Verdict

HURRIED = Dialects((replace(GENERIC, match=".", prompt_s=1.0, submit_s=3.0),))


async def test_every_modem_comes_up_knows_itself_and_sends(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=4)
    bench = await pool_over(bank.ports)
    bench.sender.send(*(segment(f"text {n}") for n in range(40)))
    await bench.sender.settled(40)
    modems = bench.pool.modems
    assert [modem.name for modem in modems] == ["modem0", "modem1", "modem2", "modem3"]
    assert all(modem.imei and modem.model == "GENERIC" and modem.registration is Registration.HOME for modem in modems)
    assert all(modem.operator and modem.signal_dbm == -71 and modem.storage_total == 50 for modem in modems)
    assert len({modem.sim for modem in modems}) == 4
    assert sum(modem.sent for modem in modems) == 40
    assert all(modem.last_success for modem in modems)
    assert Counter(entry.text for entry in bank.air()) == Counter(f"text {n}" for n in range(40))


async def test_a_silent_port_is_ready_well_under_a_second(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0", modems=1)
    started = time.monotonic()
    bench = await pool_over(bank.ports)
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert time.monotonic() - started < 1.0


async def test_the_radio_link_is_kept_between_messages(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.2", "--cmms-air", "0.05", modems=1)
    bench = await pool_over(bank.ports)
    bench.sender.send(*(segment(str(n)) for n in range(5)))
    await bench.sender.settled(5)
    entries = bank.air()
    assert entries[-1].ended - entries[0].started < 5 * 0.2


async def test_a_port_that_is_not_there_harms_nobody_and_is_found_when_it_comes(
    hw_sim_bank: StartBank, pool_over: PoolOver, tmp_path: Path
) -> None:
    bank = hw_sim_bank("--air", "0", modems=1)
    later = tmp_path / "later"
    bench = await pool_over([*bank.ports, str(later)], wait=False, look_every_s=0.05)
    await bench.ready(1)
    absent = bench.pool.modem("later")
    assert absent.condition is Condition.ABSENT
    assert "does not exist" in (absent.reason or "")
    second = hw_sim_bank("--air", "0", modems=1)
    later.symlink_to(second.ports[0])
    await bench.ready(2)


async def test_unplugged_and_replugged_it_comes_back_and_nothing_is_lost(
    hw_sim_bank: StartBank, pool_over: PoolOver
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=2)
    bench = await pool_over(bank.ports, look_every_s=0.05)
    bench.sender.send(*(segment(str(n)) for n in range(20)))
    await bench.sender.settled(4)
    befall(bank.folder, "modem0", "unplug", seconds=0.5)
    await bench.until(lambda modems: modems[0].condition is Condition.ABSENT)
    away = bench.pool.modem("modem0")
    assert (away.registration.value, away.operator, away.signal_dbm) == ("none", None, None), "it has no network there"
    await bench.ready(2)
    assert (away.registration.value, away.operator) == ("home", "hw-sim Mobile")
    bench.sender.send(*(segment(str(n)) for n in range(20, 40)))
    await bench.until(lambda _: True)
    await bench.sender.until(
        lambda: bench.sender.verdicts[Verdict.ACCEPTED] + bench.sender.verdicts[Verdict.UNCERTAIN] >= 40
    )
    assert bench.sender.verdicts[Verdict.UNCERTAIN] <= 1
    texts = Counter(entry.text for entry in bank.air())
    assert max(texts.values()) == 1
    assert len(texts) >= 39


async def test_a_modem_that_hangs_costs_the_others_nothing(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=3)
    bench = await pool_over(bank.ports)
    befall(bank.folder, "modem1", "hang_before_prompt")
    started = time.monotonic()
    bench.sender.send(*(segment(str(n)) for n in range(60)))
    await bench.sender.settled(59)
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize("text_mode", [False, True])
async def test_a_restart_sends_no_pdu_to_a_stranger(
    hw_sim_bank: StartBank, pool_over: PoolOver, text_mode: bool
) -> None:
    """Every peer sent PDU hex to number "71" when a modem came back in text mode."""
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bench = await pool_over(bank.ports, dialects=HURRIED)
    bench.sender.send(*(segment(str(n)) for n in range(10)))
    await bench.sender.settled(3)
    befall(bank.folder, "modem0", "restart", silent=True, text_mode=text_mode)
    await bench.sender.until(lambda: bench.sender.ended == 10)
    assert {entry.to for entry in bank.air()} == {"+48601234567"}
    texts = Counter(entry.text for entry in bank.air())
    assert max(texts.values()) == 1


async def test_a_restart_with_boot_lines_is_seen_and_got_over(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", "--personality", "quectel-ec25", "--speed", "10", modems=1)
    bench = await pool_over(bank.ports)
    befall(bank.folder, "modem0", "restart")
    await bench.until(lambda modems: not modems[0].may_send)
    await bench.ready(1)
    bench.sender.send(segment())
    await bench.sender.settled(1)


async def test_a_late_answer_on_the_port_is_reported_before_anything_is_sent(
    hw_sim_bank: StartBank, pool_over: PoolOver
) -> None:
    bank = hw_sim_bank("--air", "0.4", modems=1)
    first = await pool_over(bank.ports)
    first.sender.send(segment("on the air when we die"))
    await first.sender.until(lambda: first.sender.submitted == 1)
    assert first.pool.modems[0].condition is Condition.SENDING
    await first.stop(0.0)
    assert first.sender.verdicts[Verdict.UNCERTAIN] == 1
    second = await pool_over(bank.ports, listen_s=lambda _port: 1.0)
    assert second.sender.late == [("modem0", bank.air()[0].mr)]


async def test_nothing_is_said_to_a_modem_that_owes_an_answer_until_it_has_come(pool_over: PoolOver) -> None:
    modem = Table({})
    second = await pool_over([modem.pty.path], wait=False, owed_s=lambda _port: 20.0)
    await second.until(lambda modems: modems[0].reason == "bring-up: listen")
    modem.say("+CMGS: 17")
    await second.sender.until(lambda: len(second.sender.late) == 1)
    assert modem.asked == []
    modem.say("OK")
    await second.ready(1)
    assert second.sender.late == [(second.pool.modems[0].name, 17)]


@pytest.mark.parametrize(("line", "told"), [("+CMS ERROR: 38", "cms-38"), ("+CMS ERROR: 500", "cms-500")])
async def test_an_error_is_a_late_answer_only_before_anything_is_said(
    pool_over: PoolOver, line: str, told: str
) -> None:
    modem = Table({"AT+CSCA?": [line], "AT+CSMS=0": [line]})
    bench = await pool_over([modem.pty.path], wait=False, owed_s=lambda _port: 20.0)
    await bench.until(lambda modems: modems[0].reason == "bring-up: listen")
    modem.say(line)
    await bench.until(lambda modems: modems[0].reason == "bring-up: notify")
    modem.say(line)
    assert bench.sender.late == [(bench.pool.modems[0].name, told)]


async def test_an_error_that_answers_a_predecessors_esc_is_no_answer_to_its_message(pool_over: PoolOver) -> None:
    modem = Table({})
    bench = await pool_over([modem.pty.path])
    modem.say("+CMS ERROR: 38")
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert bench.sender.late == []


async def test_an_answer_that_is_owed_and_never_comes_is_not_awaited_for_ever(pool_over: PoolOver) -> None:
    modem = Table({})
    bench = await pool_over([modem.pty.path], owed_s=lambda _port: 0.2)
    assert bench.pool.modems[0].may_send


async def test_a_stop_waits_for_what_is_on_the_air(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.3", modems=2)
    bench = await pool_over(bank.ports)
    bench.sender.send(segment("a"), segment("b"))
    await bench.sender.until(lambda: bench.sender.submitted == 2)
    started = time.monotonic()
    await bench.stop(5.0)
    assert bench.sender.verdicts[Verdict.ACCEPTED] == 2
    assert time.monotonic() - started < 2.0


async def test_a_stop_does_not_wait_longer_than_it_may(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "20", modems=1)
    bench = await pool_over(bank.ports)
    bench.sender.send(segment())
    await bench.sender.until(lambda: bench.sender.submitted == 1)
    started = time.monotonic()
    await bench.stop(0.2)
    assert time.monotonic() - started < 2.0
    assert [outcome.code for _, outcome in bench.sender.outcomes] == ["stopped"]


async def test_a_lost_network_pauses_the_modem_without_burning_tries(
    hw_sim_bank: StartBank, pool_over: PoolOver
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bench = await pool_over(bank.ports)
    befall(bank.folder, "modem0", "no_network", seconds=1.0)
    await bench.until(lambda modems: modems[0].registration is Registration.SEARCHING)
    await bench.until(lambda modems: modems[0].condition is Condition.STARTING)
    bench.sender.send(*(segment(str(n)) for n in range(5)))
    await bench.sender.settled(5)
    assert len(bench.sender.outcomes) == 5


async def test_sms_over_lte_counts_as_registered_though_creg_says_denied(
    hw_sim_bank: StartBank, pool_over: PoolOver
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    befall(bank.folder, "modem0", "circuit_denied")
    bench = await pool_over(bank.ports)
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert bench.pool.modems[0].registration is Registration.ROAMING


async def test_roaming_may_be_forbidden(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    befall(bank.folder, "modem0", "circuit_denied")
    bench = await pool_over(bank.ports, wait=False, roaming=False)
    await bench.until(lambda modems: modems[0].reason == "roaming is not allowed")


async def test_drained_and_resumed(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=2)
    bench = await pool_over(bank.ports)
    bench.pool.drain("modem0")
    await bench.until(lambda modems: modems[0].condition is Condition.DRAINING)
    bench.sender.send(*(segment(str(n)) for n in range(6)))
    await bench.sender.settled(6)
    assert {name for name, _ in bench.sender.outcomes} == {"modem1"}
    bench.pool.resume("modem0")
    await bench.ready(2)


async def test_reset_restarts_the_modem_and_brings_it_back(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", "--speed", "10", modems=1)
    bench = await pool_over(bank.ports)
    bench.pool.reset("modem0")
    await bench.until(lambda modems: not modems[0].may_send)
    await bench.ready(1)
    bench.sender.send(segment())
    await bench.sender.settled(1)


async def test_reset_awaits_the_answer_to_the_message_in_hand(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.5", "--speed", "10", modems=1)
    bench = await pool_over(bank.ports)
    bench.sender.send(segment())
    await bench.sender.until(lambda: bench.sender.submitted == 1)
    bench.pool.reset("modem0")
    await bench.sender.settled(1)
    await bench.until(lambda modems: "asked for it" in (modems[0].reason or ""))
    await bench.ready(1)
    assert bench.sender.verdicts == {Verdict.ACCEPTED: 1}


async def test_reset_gives_up_on_an_answer_that_does_not_come_soon(
    pool_over: PoolOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemd.pool.care.RESET_GRACE_S", 0.1)
    monkeypatch.setattr("modemd.pool.rungs.SETTLE_S", 0.1)
    modem = Table({"PDU": ["-"]})
    bench = await pool_over([modem.pty.path])
    bench.sender.send(segment())
    await bench.sender.until(lambda: bench.sender.submitted == 1)
    bench.pool.reset(bench.pool.modems[0].name)
    await bench.sender.settled(1, Verdict.UNCERTAIN)
    await bench.ready(1)
    assert modem.asked.count("AT+CFUN=1,1") == 1


async def test_reset_ends_the_wait_for_a_network_and_a_quarantine(
    pool_over: PoolOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemd.pool.rungs.SETTLE_S", 0.1)
    there, smsc = [2], ['+CSCA: "+48790998250",145']
    network = {f"AT+{which}?": lambda which=which: [f"+{which}: 1,{there[0]}"] for which in ("CREG", "CGREG", "CEREG")}
    modem = Table({**network, "AT+CSCA?": lambda: smsc})
    bench = await pool_over([modem.pty.path], wait=False)
    await bench.until(lambda modems: "not registered" in (modems[0].reason or ""))
    name = bench.pool.modems[0].name
    smsc[0] = '+CSCA: "",129'
    bench.pool.reset(name)
    await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
    assert modem.asked.count("AT+CFUN=1,1") == 1
    there[0], smsc[0] = 1, '+CSCA: "+48790998250",145'
    bench.pool.reset(name)
    await bench.ready(1)


async def test_a_modem_that_is_not_there_cannot_be_reset(pool_over: PoolOver, tmp_path: Path) -> None:
    bench = await pool_over([str(tmp_path / "no-such-port")], wait=False)
    await bench.until(lambda modems: "does not exist" in (modems[0].reason or ""))
    with pytest.raises(Conflict, match="is not there"):
        bench.pool.reset(bench.pool.modems[0].name)


async def test_nothing_is_said_to_a_modem_that_owes_an_answer_whatever_is_wanted_of_it(pool_over: PoolOver) -> None:
    answer: list[str] = ["-"]
    modem = Table({"PDU": lambda: answer})
    bench = await pool_over([modem.pty.path], upkeep_idle_s=0.05, upkeep_busy_s=0.05)
    name = bench.pool.modems[0].name
    bench.sender.send(segment(), segment())
    await bench.sender.until(lambda: bench.sender.submitted == 1)
    said = [command for command in modem.asked if command != "PDU"]
    modem.say('+CMTI: "SM",3', "+CREG: 0", "+CMS ERROR", "^SMMEMFULL", "OKAY", "> ")
    asking = asyncio.gather(bench.pool.ussd(name, "*100#"), bench.pool.probe(name), return_exceptions=True)
    bench.pool.drain(name)
    bench.pool.reset(name)
    await asyncio.sleep(0.3)  # six times as long as upkeep rests: what was to be said would have been
    assert modem.asked == [*said, "PDU"]
    assert modem.submitted == [segment().pdu]
    modem.say("+CMGS: 9", "OK")
    await bench.sender.settled(1)
    assert bench.sender.outcomes[0][1].reference == 9
    await asking


async def test_a_name_nobody_has_is_said_so(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bench = await pool_over([], wait=False)
    with pytest.raises(NotFound):
        bench.pool.drain("modem7")


async def test_ussd_between_two_messages(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=1)
    bench = await pool_over(bank.ports)
    bench.sender.send(*(segment(str(n)) for n in range(5)))
    reply = await asyncio.wait_for(bench.pool.ussd("modem0", "*100#"), 20)
    assert reply.text
    await bench.sender.settled(5)


async def test_ussd_of_an_absent_modem_is_a_conflict(pool_over: PoolOver, tmp_path: Path) -> None:
    bench = await pool_over([str(tmp_path / "none")], wait=False)
    with pytest.raises(Conflict):
        await bench.pool.ussd("none", "*100#")


async def test_a_hundred_modems_in_one_process(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=100)
    bench = await pool_over(bank.ports)
    bench.sender.send(*(segment(str(n)) for n in range(300)))
    await bench.sender.settled(300)
    assert len({entry.modem for entry in bank.air()}) == 100
