"""Numbers as people write them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.accounts.number_worker import NumberWorker
from modemd.accounts.numbers import Numbers, sort
from modemd.errors import ConfigError, InvalidField


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("+48600100200", "+48600100200"),
        ("600100200", "+48600100200"),
        ("600 100 200", "+48600100200"),
        ("600-100-200", "+48600100200"),
        ("48600100200", "+48600100200"),
        ("0048600100200", "+48600100200"),
        ("  +48 (600) 100.200 ", "+48600100200"),
        ("+49 151 23456789", "+4915123456789"),
        ("+1 212 555 0123", "+12125550123"),
        ("+44 7700 900123", "+447700900123"),
        ("+48111222333", "+48111222333"),
        ("22 123 45 67", "+48221234567"),
    ],
)
def test_a_number_is_brought_to_e164(written: str, means: str) -> None:
    assert Numbers("PL").normalise(written) == means


def test_the_home_region_decides_what_a_national_number_means() -> None:
    assert Numbers("DE").normalise("0151 23456789") == "+4915123456789"
    assert Numbers("US").normalise("(212) 555-0123") == "+12125550123"


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "+", "12", "+48", "+4860010020", "+486001002000", "60010020", "hello", "+48 600 100 20x"),
        *("1-800-FLOWERS", "+999123456789", "+000000000", "600100200 600100201", "+48600100200;ext=5"),
        *("tel:+48600100200", "++48600100200", "+48600100200\n+48600100201", "1" * 40, "+1" + "2" * 30),
        *("☎600100200", "\x00600100200"),
    ],
)
def test_what_is_no_number_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(InvalidField) as refused:
        Numbers("PL").normalise(written)
    assert refused.value.code == "invalid_number"
    assert len(written) < 4 or written not in refused.value.detail


def test_short_codes_pass_where_they_are_configured() -> None:
    numbers = Numbers("PL", ["7101"])
    assert numbers.normalise("7101") == "7101"
    with pytest.raises(InvalidField):
        numbers.normalise("7102")


def test_an_unknown_home_region_is_refused() -> None:
    with pytest.raises(ConfigError):
        Numbers("XX")


@pytest.mark.parametrize("region", ["PL", "DE", "US", "GB", "IT"])
@given(number=st.from_regex(r"\+(48|49|1|44|39)[0-9]{4,12}", fullmatch=True))
def test_the_short_way_for_numbers_of_home_says_what_the_tables_say(region: str, number: str) -> None:
    numbers = Numbers(region)
    if numbers._home.fullmatch(number):
        looked_up = numbers._fault(number)
        assert not isinstance(looked_up, str)
        assert phonenumbers.format_number(looked_up, phonenumbers.PhoneNumberFormat.E164) == number


def test_the_short_way_is_taken_at_home() -> None:
    assert Numbers("PL")._home.fullmatch("+48600100200")
    assert not Numbers("PL")._home.fullmatch("+4860010020")


@given(st.text())
def test_any_text_is_a_number_or_refused(written: str) -> None:
    accepted, rejected = sort(Numbers("PL"), [written])
    assert len(accepted) + len(rejected) == 1
    assert all(number[0] == "+" and number[1:].isdecimal() and number.isascii() for number in accepted)


async def test_the_child_process_sorts_as_we_do_here() -> None:
    numbers = Numbers("PL", ["7101"])
    raws = [f"6{place:08d}" for place in range(2_500)] * 2 + ["7101", "nobody", "12", "ż\u2028\n"]
    worker = NumberWorker(numbers)
    assert await worker.sort(raws) == sort(numbers, raws)
    worker.close()


async def test_calls_at_once_do_not_mix_their_answers() -> None:
    worker = NumberWorker(Numbers("PL"))
    calls = [[f"6{call}{place:07d}" for place in range(1_200)] for call in range(4)]
    answers = await asyncio.gather(*(worker.sort(raws) for raws in calls))
    assert [accepted for accepted, _ in answers] == [["+48" + raw for raw in raws] for raws in calls]
    worker.close()


async def test_a_child_that_was_killed_is_replaced() -> None:
    worker = NumberWorker(Numbers("PL"))
    await worker.sort(["600100200"])
    assert worker._child is not None
    os.kill(worker._child.pid, signal.SIGKILL)
    worker._child.wait()
    assert await worker.sort(["600100200"]) == (["+48600100200"], [])
    worker.close()


async def test_the_child_ends_when_its_input_does() -> None:
    worker = NumberWorker(Numbers("PL"))
    await worker.sort(["600100200"])
    child = worker._child
    assert child is not None
    assert child.stdin is not None
    child.stdin.close()
    await asyncio.to_thread(child.wait, 10)
    assert child.returncode == 0
    worker.close()


async def test_the_loop_goes_on_while_ten_thousand_numbers_are_read() -> None:
    worker = NumberWorker(Numbers("PL"))
    await worker.sort(["600100200"])
    turns, longest, running = 0, 0.0, True
    loop = asyncio.get_running_loop()

    async def beat() -> None:
        nonlocal turns, longest
        last = loop.time()
        while running:
            await asyncio.sleep(0)
            now = loop.time()
            turns, longest, last = turns + 1, max(longest, now - last), now

    beating = asyncio.create_task(beat())
    await worker.sort([f"6{place:08d}" for place in range(10_000)])
    running = False
    await beating
    assert turns > 100
    assert longest < 0.1, "parsed here, the numbers would stop the loop for longer"
    worker.close()
    assert threading.active_count() < 20
