"""A SIM short of credit is held, and released when there is credit again or somebody says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from hw_sim.pytest_plugin import BankProcess, StartBank
from pool_bench import Bench, PoolOver, befall, segment

from modemd.clock import SystemClock
from modemd.db import connect
from modemd.pool import Condition
from modemd.pool.credit import Credits, Pace, Question
from modemd.queue.usage import Usages

ALWAYS = Pace(every_s=0.0001, segments=1, held_s=0.0001, failed_s=0.0001)
"""Asks whenever it looks, as soon as the modem is idle."""
BALANCE = Question("*100#", r"balance is ([\d.,-]+)", Decimal("0.50"))


@pytest.fixture
def bank(hw_sim_bank: StartBank) -> BankProcess:
    """Two prepaid SIMs with a balance of 1.00; a segment costs 0.20."""
    return hw_sim_bank(
        "--air", "0.05", modems=2, scenario="[carrier]\nbalance = 1.0\nprice = 0.2\nussd_seconds = 0.05\n"
    )


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Usages]:
    """What is held, in a database file."""
    database = connect(f"sqlite:///{tmp_path / 'modemd.db'}", clock=SystemClock())
    await database.open()
    yield Usages(database, SystemClock())
    await database.close()


def credits_of(bench: Bench, memory: Usages, question: Question | None = BALANCE, pace: Pace = ALWAYS) -> Credits:
    return Credits(bench.pool, lambda _sim: question, SystemClock(), memory, pace)


async def paid(bench: Bench, memory: Usages, bank: BankProcess, amount: float, credit: str) -> None:
    """Pay in for modem0's SIM, and look until that is known: each look is a question to the network."""
    befall(bank.folder, "modem0", "top_up", amount=amount)
    watch = credits_of(bench, memory)
    async with asyncio.timeout(10):
        while bench.pool.modems[0].credit != Decimal(credit):
            await watch.look()


async def test_a_sim_short_of_credit_is_held_with_the_reason_and_the_others_go_on(
    bank: BankProcess, pool_over: PoolOver, memory: Usages
) -> None:
    bench = await pool_over(bank.ports)
    watch = credits_of(bench, memory)
    await watch.look()
    assert [modem.credit for modem in bench.pool.modems] == [Decimal("1.00")] * 2
    assert all(modem.held is None for modem in bench.pool.modems)
    await paid(bench, memory, bank, -0.6, "0.40")
    first, second = bench.pool.modems
    await bench.until(lambda _: first.condition is Condition.DRAINING)
    assert first.reason == "low credit: 0.40, held below 0.50"
    assert (first.may_send, second.may_send) == (False, True)
    bench.sender.send(segment("a"), segment("b"))
    await bench.sender.settled(2)
    assert {name for name, _ in bench.sender.outcomes} == {"modem1"}


async def test_it_is_released_when_there_is_credit_again(
    bank: BankProcess, pool_over: PoolOver, memory: Usages
) -> None:
    bench = await pool_over(bank.ports)
    await paid(bench, memory, bank, -0.9, "0.10")
    await bench.until(lambda modems: modems[0].condition is Condition.DRAINING)
    await paid(bench, memory, bank, 5.0, "5.10")
    await bench.until(lambda modems: modems[0].may_send)
    assert bench.pool.modems[0].reason is None


async def test_whoever_resumes_it_by_hand_is_believed_until_it_is_asked_again(
    bank: BankProcess, pool_over: PoolOver, memory: Usages
) -> None:
    bench = await pool_over(bank.ports)
    await paid(bench, memory, bank, -0.9, "0.10")
    watch = credits_of(bench, memory, pace=Pace(every_s=3600, held_s=3600))
    await watch.look()
    await bench.until(lambda modems: modems[0].condition is Condition.DRAINING)
    bench.pool.resume("modem0")
    await bench.until(lambda modems: modems[0].may_send)
    await watch.look()
    assert bench.pool.modems[0].held is None


async def test_a_sim_that_nobody_asks_about_is_not_held_for_the_one_before_it(
    bank: BankProcess, pool_over: PoolOver, memory: Usages
) -> None:
    bench = await pool_over(bank.ports)
    await paid(bench, memory, bank, -0.9, "0.10")
    await bench.until(lambda modems: modems[0].condition is Condition.DRAINING)
    await credits_of(bench, memory, None).look()
    await bench.until(lambda modems: modems[0].may_send)


async def test_it_stays_held_when_it_is_replugged(bank: BankProcess, pool_over: PoolOver, memory: Usages) -> None:
    bench = await pool_over([str(bank.folder / "modem*")], wait=False)
    await bench.ready(2)
    await paid(bench, memory, bank, -0.9, "0.10")
    await bench.until(lambda modems: modems[0].condition is Condition.DRAINING)
    befall(bank.folder, "modem0", "unplug", seconds=0.2, other_path=True)
    await bench.until(lambda modems: any(modem.condition is Condition.ABSENT for modem in modems))
    await bench.until(lambda modems: any(modem.condition is Condition.DRAINING for modem in modems))
    assert bench.pool.modem("modem0").port.endswith("modem2")
    assert str(bench.pool.modem("modem0").reason).startswith("low credit")


async def test_one_that_was_drained_by_hand_stays_so_when_it_is_replugged(
    bank: BankProcess, pool_over: PoolOver, memory: Usages
) -> None:
    bench = await pool_over([str(bank.folder / "modem*")], wait=False)
    await bench.ready(2)
    bench.pool.drain("modem0")
    befall(bank.folder, "modem0", "unplug", seconds=0.2, other_path=True)
    await bench.until(lambda modems: any(modem.condition is Condition.ABSENT for modem in modems))
    await bench.until(lambda modems: any(modem.condition is Condition.DRAINING for modem in modems))
    assert bench.pool.modem("modem0").port.endswith("modem2")


async def test_it_stays_held_across_a_restart_and_is_given_nothing_before_it_is_asked(
    bank: BankProcess, pool_over: PoolOver, memory: Usages
) -> None:
    first = await pool_over(bank.ports)
    await paid(first, memory, bank, -0.9, "0.10")
    await first.until(lambda modems: modems[0].condition is Condition.DRAINING)
    await first.stop()
    second = await pool_over(bank.ports, wait=False)
    watch = credits_of(second, memory)
    await watch.open()
    second.sender.send(segment("a"), segment("b"))
    await second.sender.settled(2)
    assert {name for name, _ in second.sender.outcomes} == {"modem1"}
    await second.until(lambda modems: modems[0].condition is Condition.DRAINING)
    assert second.pool.modems[0].reason == "low credit: 0.10, held below 0.50"
    befall(bank.folder, "modem0", "top_up", amount=5.0)
    async with asyncio.timeout(10):
        while not second.pool.modems[0].may_send:
            await watch.look()
    assert await memory.held() == {}


async def test_whoever_resumes_it_by_hand_is_believed_across_a_restart_too(
    bank: BankProcess, pool_over: PoolOver, memory: Usages
) -> None:
    bench = await pool_over(bank.ports)
    await paid(bench, memory, bank, -0.9, "0.10")
    await bench.until(lambda modems: modems[0].condition is Condition.DRAINING)
    watch = credits_of(bench, memory, pace=Pace(every_s=3600, held_s=3600))
    await watch.open()
    await watch.look()
    assert list(await memory.held()) == [bench.pool.modems[0].sim]
    bench.pool.resume("modem0")
    await bench.until(lambda modems: modems[0].may_send)
    await watch.look()
    assert await memory.held() == {}


async def test_a_sim_is_asked_after_so_many_segments_or_so_much_time_and_not_before(
    bank: BankProcess, pool_over: PoolOver, memory: Usages
) -> None:
    bench = await pool_over(bank.ports[:1])
    watch = credits_of(bench, memory, pace=Pace(every_s=3600, segments=2))
    modem = bench.pool.modems[0]
    await watch.look()
    bench.sender.send(segment())
    await bench.sender.settled(1)
    await watch.look()
    assert modem.credit == Decimal("1.00"), "one segment is too few"
    bench.sender.send(segment())
    await bench.sender.settled(2)
    await watch.look()
    assert modem.credit == Decimal("0.60")


async def test_an_answer_that_cannot_be_read_holds_nobody(
    bank: BankProcess, pool_over: PoolOver, memory: Usages
) -> None:
    bench = await pool_over(bank.ports)
    for question in (None, Question("*100#", r"Konto: (\d+)", Decimal(9)), Question("*999#", r"(\d+)", Decimal(9))):
        await credits_of(bench, memory, question).look()
        assert [modem.held for modem in bench.pool.modems] == [None, None]
        assert [modem.credit for modem in bench.pool.modems] == [None, None]
