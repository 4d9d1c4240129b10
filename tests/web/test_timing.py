"""Neither a log-in nor a registration tells by its time who has an account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import httpx
import pytest
from web_service import Service

from modemd.accounts import login

TIMES = 200
TOLERATED = 0.0025
"""Seconds between the medians: half of what must be noticed."""
PLANTED = 0.005


async def measured(known: Callable[[int], Awaitable[object]], unknown: Callable[[int], Awaitable[object]]) -> float:
    """The difference of the medians, calls interleaved."""
    times: tuple[list[float], list[float]] = ([], [])
    for place in range(TIMES):
        for call, taken in zip((known, unknown), times, strict=True):
            started = time.perf_counter()
            await call(place)
            taken.append(time.perf_counter() - started)
    return abs(median(times[0]) - median(times[1]))


async def test_a_log_in(service: Service, stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    await service.accounts.errands.register("jan@example.org", "+48600200300", "-")
    await service.prepared((await service.notices())[-1])
    for limit in (service.accounts.login._failures, service.accounts.login._network_failures):
        monkeypatch.setattr(limit, "most", 10 * TIMES)
    assert login.FAILURES < TIMES

    def attempt(who: str) -> Callable[[int], Awaitable[object]]:
        return lambda place: stranger.post("/v1/session", json={"login": who, "password": f"wrong{place}"})

    assert await measured(attempt("+48600200300"), attempt("+48600999999")) < TOLERATED


def registrations(service: Service, stranger: httpx.AsyncClient) -> tuple[Callable[[int], Awaitable[object]], ...]:
    """Registering the phone of an account, and others."""

    def register(phone: str | None) -> Awaitable[object]:
        return stranger.post("/v1/accounts", json={"email": "jan@example.org", "phone": phone})

    return lambda _: register(service.account.phone), lambda place: register(f"+48600200{place:03}")


async def test_a_registration(service: Service, stranger: httpx.AsyncClient) -> None:
    assert await measured(*registrations(service, stranger)) < TOLERATED


async def test_a_difference_of_5_ms_would_be_seen(
    service: Service, stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = service.accounts.errands.register

    async def slower_if_known(email: str, phone: str, network: str) -> None:
        if service.accounts.directory.owners(phone):
            await asyncio.sleep(PLANTED)
        await register(email, phone, network)

    monkeypatch.setattr(service.accounts.errands, "register", slower_if_known)
    assert await measured(*registrations(service, stranger)) > TOLERATED
