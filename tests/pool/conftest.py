"""Fixtures of the pool's tests: banks of simulated modems as processes of their own, pools over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hw_sim.pytest_plugin import hw_sim_bank
from pool_bench import Bench, PoolOver

__all__ = ["hw_sim_bank"]


@pytest.fixture
async def pool_over(tmp_path: Path) -> AsyncIterator[PoolOver]:
    """Start pools: ``bench = await pool_over(bank.ports)``; they end with the test."""
    benches: list[Bench] = []

    async def start(ports: Sequence[str], *, wait: bool = True, **changes: Any) -> Bench:
        bench = Bench(ports, tmp_path / "pins", **changes)
        benches.append(bench)
        if wait:
            await bench.ready(len(ports))
        return bench

    yield start
    for bench in benches:
        await bench.stop(1.0)
