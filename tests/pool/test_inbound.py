"""Inbound messages and status reports of simulated modems: nothing is lost, nothing stays in the modem."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hw_sim.pytest_plugin import StartBank
from pool_bench import PoolOver, Sender, befall, look, segment

from modemd.at import pdu
from modemd.errors import StorageBusy
from modemd.pool import Kind, Modem
from modemd.pool.storage import BLANK


def deliver_texts(sender: Sender) -> list[str]:
    """The texts of the inbound messages."""
    read = [pdu.read(hex_pdu) for _, kind, hex_pdu in sender.inbound if kind is Kind.DELIVER]
    return [message.body.text for message in read if isinstance(message, pdu.Deliver)]


def references(sender: Sender) -> list[int]:
    """TP-MR of the reports, in their order."""
    read = [pdu.read(hex_pdu) for _, kind, hex_pdu in sender.inbound if kind is Kind.REPORT]
    return [report.reference for report in read if isinstance(report, pdu.StatusReport)]


def stored(folder: Path, modem: str) -> int:
    """How many messages lie in a simulated modem and its SIM."""
    return sum(store["used"] for store in look(folder, modem)["storages"].values())


async def test_a_message_is_handed_on_and_deleted(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bench = await pool_over(bank.ports)
    befall(bank.folder, "modem0", "receive", text="zażółć gęślą jaźń", sender="+48600000001")
    await bench.sender.until(lambda: deliver_texts(bench.sender) == ["zażółć gęślą jaźń"])
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert stored(bank.folder, "modem0") == 0


async def test_messages_that_come_in_during_a_campaign_are_fetched_between_two_messages(
    hw_sim_bank: StartBank, pool_over: PoolOver
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bench = await pool_over(bank.ports)
    bench.sender.send(*(segment(str(n)) for n in range(60)))
    for number in range(10):
        befall(bank.folder, "modem0", "receive", text=f"in {number}", at=0.05 * number)
    await bench.sender.settled(60)
    await bench.sender.until(lambda: len(deliver_texts(bench.sender)) == 10)
    assert Counter(deliver_texts(bench.sender)) == Counter(f"in {number}" for number in range(10))
    assert stored(bank.folder, "modem0") == 0


async def test_what_was_stored_before_we_came_is_fetched_from_sim_and_modem(
    hw_sim_bank: StartBank, pool_over: PoolOver
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    befall(bank.folder, "modem0", "memory_full", leave=3)
    before = stored(bank.folder, "modem0")
    assert before > 50
    bench = await pool_over(bank.ports)
    await bench.sender.until(lambda: len(bench.sender.inbound) >= before)
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert stored(bank.folder, "modem0") == 0


async def test_a_message_stays_in_the_modem_until_it_is_durable(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bench = await pool_over(bank.ports, upkeep_idle_s=0.3)
    refusals = iter([True, True])
    take = bench.sender.inbox

    async def busy(modem: Modem, kind: Kind, hex_pdu: str) -> None:
        if next(refusals, False):
            assert stored(bank.folder, "modem0") == 1
            raise StorageBusy("somebody writes")
        await take(modem, kind, hex_pdu)

    bench.sender.inbox = busy
    befall(bank.folder, "modem0", "receive", text="keep me")
    await bench.sender.until(lambda: deliver_texts(bench.sender) == ["keep me"])


async def test_reports_come_while_messages_are_sent(
    hw_sim_bank: StartBank, pool_over: PoolOver, tmp_path: Path
) -> None:
    bank = hw_sim_bank("--air", "0.02", "--speed", "20", modems=1)
    bench = await pool_over(bank.ports)
    bench.sender.send(*(segment(str(n), report=True) for n in range(20)))
    await bench.sender.settled(20)
    sent = sorted(outcome.reference or 0 for _, outcome in bench.sender.outcomes)
    await bench.sender.until(lambda: len(references(bench.sender)) == 20)
    assert sorted(references(bench.sender)) == sent


@pytest.mark.parametrize("fault", ["report_early", "report_twice"])
async def test_reports_early_and_twice_are_all_handed_on(
    hw_sim_bank: StartBank, pool_over: PoolOver, fault: str
) -> None:
    bank = hw_sim_bank("--air", "0.02", "--speed", "20", modems=1)
    befall(bank.folder, "modem0", fault)
    bench = await pool_over(bank.ports)
    bench.sender.send(segment(report=True))
    await bench.sender.settled(1)
    await bench.sender.until(lambda: len(references(bench.sender)) >= (2 if fault == "report_twice" else 1))
    assert set(references(bench.sender)) == {bench.sender.outcomes[0][1].reference}


async def test_a_report_that_came_while_we_were_away_is_read_at_the_next_start(
    hw_sim_bank: StartBank, pool_over: PoolOver
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    first = await pool_over(bank.ports)
    first.sender.send(segment(report=True))
    await first.sender.settled(1)
    await first.stop()
    bank.wait_for_air(1)
    second = await pool_over([], wait=False)
    await second.stop()
    third = await pool_over(bank.ports, listen_s=lambda _port: 1.0)
    await third.sender.until(lambda: references(third.sender) != [])


async def test_a_sweep_leaves_no_octet_of_anybody(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bench = await pool_over(bank.ports)
    for text in ("first secret", "second secret"):
        befall(bank.folder, "modem0", "receive", text=text)
    await bench.sender.until(lambda: len(deliver_texts(bench.sender)) == 2)
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert remnants(bank.folder, "modem0")
    assert await bench.pool.sweep("modem0")
    assert not remnants(bank.folder, "modem0")
    assert stored(bank.folder, "modem0") == 0
    befall(bank.folder, "modem0", "receive", text="after")
    await bench.sender.until(lambda: "after" in deliver_texts(bench.sender))
    bench.sender.send(segment())
    await bench.sender.settled(2)
    assert remnants(bank.folder, "modem0")
    assert await bench.pool.sweep("modem0")
    assert not remnants(bank.folder, "modem0"), "what came after a sweep is swept by the next"


async def test_where_nothing_was_stored_since_the_last_sweep_there_is_nothing_to_write(
    hw_sim_bank: StartBank, pool_over: PoolOver
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bench = await pool_over(bank.ports)
    assert await bench.pool.sweep("modem0")
    befall(bank.folder, "modem0", "cme_error", command="AT+CMGW", times=50)
    assert await bench.pool.sweep("modem0"), "no AT+CMGW, so none is refused"


async def test_a_modem_that_takes_no_message_into_its_storage_says_so(
    hw_sim_bank: StartBank, pool_over: PoolOver
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=1)
    bench = await pool_over(bank.ports)
    befall(bank.folder, "modem0", "cme_error", command="AT+CMGW", times=50)
    assert not await bench.pool.sweep("modem0")


def remnants(folder: Path, modem: str) -> bytes:
    """What a reader of the chips would find that is not our filling."""
    octets = bytes.fromhex("".join(store["octets"] for store in look(folder, modem)["storages"].values()))
    filling = bytes.fromhex(BLANK.pdu)[1:]
    return octets.replace(filling, b"")
