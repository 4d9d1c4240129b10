"""Every make of modem that hw-sim can be: brought up, sends, has its reports, receives, and is left empty."""

from __future__ import annotations

import pytest
from hw_sim.profile import profile_names
from hw_sim.pytest_plugin import StartBank
from pool_bench import PoolOver, Sender, befall, look, segment

from modemd.at import pdu
from modemd.pool import Kind

UNREADABLE = {"cinterion-mc75i"}
"""Its simulation stores reports in SR, which its own list of storages does not have."""


@pytest.mark.parametrize("make", profile_names())
async def test_each_make_sends_reports_and_receives(hw_sim_bank: StartBank, pool_over: PoolOver, make: str) -> None:
    bank = hw_sim_bank("--air", "0.02", "--speed", "5", "--personality", make, modems=1)
    bench = await pool_over(bank.ports, upkeep_idle_s=0.5)
    bench.sender.send(*(segment(str(n), report=True) for n in range(5)))
    await bench.sender.settled(5)
    befall(bank.folder, "modem0", "receive", text="hello to you")
    await bench.sender.until(lambda: {kind for _, kind, _ in bench.sender.inbound} >= {Kind.DELIVER})
    await bench.sender.until(lambda: make in UNREADABLE or len(references(bench.sender)) == 5)
    assert set(references(bench.sender)) <= {outcome.reference for _, outcome in bench.sender.outcomes}
    bench.sender.send(segment("last"))
    await bench.sender.settled(6)
    await bench.until(lambda modems: modems[0].storage_used == 0)
    assert sum(store["used"] for store in look(bank.folder, "modem0")["storages"].values()) == 0


def references(sender: Sender) -> list[int]:
    """TP-MR of the reports that came."""
    read = [pdu.read(hex_pdu) for _, kind, hex_pdu in sender.inbound if kind is Kind.REPORT]
    return [report.reference for report in read if isinstance(report, pdu.StatusReport)]
