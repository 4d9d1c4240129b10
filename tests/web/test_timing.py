"""Neither a log-in nor a registration nor a reset tells by its time who has an account.

Calls come in pairs, one for a known number and one for an unknown, in random order, so that whatever else the machine
does hits both alike; of each pair only the difference counts. Their median has a confidence interval from ranks alone
(binomial, no matter how the noise is distributed). A large median counts when that interval leaves zero out; until it
does, pairs are added.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from math import sqrt
from statistics import median

import httpx
import pytest
from web_service import Service

from modemd.accounts import login

PAIRS = 200
"""At least, before known and unknown are said to take the same time."""
MOST = 5 * PAIRS
LOOK = 40
"""Pairs between two looks at them."""
NOTICED = 0.0025
"""Seconds: half of what must be noticed."""
PLANTED = 0.005
SURE = 3.89
"""Standard deviations of a normal distribution outside which one in ten thousand lies."""
KNOWN, UNKNOWN = "+48600100100", "+48600999999"

Call = Callable[[str, int], Awaitable[object]]
"""For a phone, as the so-and-so-manieth."""


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Where the median of what they are drawn from lies, 9,999 times in 10,000 (sign test)."""
    ranked, count = sorted(differences), len(differences)
    reach = SURE * sqrt(count) / 2
    return ranked[max(0, int(count / 2 - reach))], ranked[min(count - 1, int(count / 2 + reach) + 1)]


async def differs(call: Call) -> bool:
    """Whether it can be told by time that a number is known."""
    differences: list[float] = []
    for place in range(MOST):
        taken = {}
        for who in random.sample((KNOWN, UNKNOWN), 2):
            started = time.perf_counter()
            await call(who, place)
            taken[who] = time.perf_counter() - started
        differences.append(taken[KNOWN] - taken[UNKNOWN])
        if len(differences) % LOOK == 0:
            low, high = interval(differences)
            large = abs(median(differences)) > NOTICED
            if large and (low > 0 or high < 0):
                return True
            if len(differences) >= PAIRS and not large:
                return False
    return abs(median(differences)) > NOTICED


@pytest.fixture
async def busy(service: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """What is asked for is done meanwhile, as in a daemon; nobody waits after wrong passwords."""
    for limit in (service.accounts.login._failures, service.accounts.login._network_failures):
        monkeypatch.setattr(limit, "most", 10 * MOST)
    assert login.FAILURES < PAIRS
    doing = asyncio.create_task(service.accounts.errands.run())
    yield service
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)


def log_in(stranger: httpx.AsyncClient) -> Call:
    return lambda who, place: stranger.post("/v1/session", json={"login": who, "password": f"wrong{place}"})


def registration(stranger: httpx.AsyncClient) -> Call:
    def call(who: str, place: int) -> Awaitable[object]:
        phone = who if who == KNOWN else f"+48600{200_000 + place}"
        return stranger.post("/v1/accounts", json={"email": "jan@example.org", "phone": phone})

    return call


def reset(stranger: httpx.AsyncClient) -> Call:
    return lambda who, _: stranger.post("/v1/account/password-reset", json={"login": who})


@pytest.mark.parametrize("kind", [log_in, registration, reset])
async def test_known_and_unknown_take_the_same_time(
    busy: Service, stranger: httpx.AsyncClient, kind: Callable[[httpx.AsyncClient], Call]
) -> None:
    assert busy.account.phone == KNOWN
    assert not await differs(kind(stranger))


@pytest.mark.parametrize(
    ("kind", "slow"), [(registration, KNOWN), (registration, UNKNOWN), (reset, KNOWN), (log_in, UNKNOWN)]
)
async def test_a_difference_of_5_ms_is_seen(
    busy: Service,
    stranger: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    kind: Callable[[httpx.AsyncClient], Call],
    slow: str,
) -> None:
    """Planted where the account is looked up, or would be."""
    owners = busy.accounts.directory.owners

    async def planted(who: str) -> None:
        if bool(owners(who)) is (slow == KNOWN):
            await asyncio.sleep(PLANTED)

    def around(target: object, name: str, place: int) -> None:
        original = getattr(target, name)

        async def slower(*args: str) -> object:
            await planted(args[place])
            return await original(*args)

        monkeypatch.setattr(target, name, slower)

    around(busy.accounts.errands, "register", 1)
    around(busy.accounts.errands, "reset", 0)
    around(busy.accounts.login, "enter", 0)
    assert await differs(kind(stranger))


async def test_a_known_log_in_that_costs_one_hash_more_is_seen(
    busy: Service, stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mistake that is easily made: no hash where there is no account."""
    check = busy.accounts.credentials.check

    async def hasty(candidates: list[int], password: str) -> tuple[int, bool] | None:
        return await check(candidates, password) if candidates else None

    monkeypatch.setattr(busy.accounts.credentials, "check", hasty)
    assert await differs(log_in(stranger))
