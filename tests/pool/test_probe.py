"""``modems probe``: what a port is, without anything that must not be pasted in public."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hw_sim.pytest_plugin import StartBank
from playbook import GENERIC_ANSWERS, Table
from pool_bench import PoolOver, segment

from modemd.errors import Conflict, PortUnusable

PERSONAL = ("490154203237518", "8948010000000000001", "260010000000001", "48790998250", "04947221")


async def test_a_port_that_is_nobodys_is_opened_examined_and_let_go(pool_over: PoolOver) -> None:
    modem = Table({"AT+CREG?": ['+CREG: 2,1,"792D","04947221"'], "AT+CSMS=?": ["ERROR"]})
    bench = await pool_over([], wait=False)
    report = await bench.pool.probe(modem.pty.path)
    assert (report["maker"], report["model"], report["dialect"], report["sim"]) == ("Acme", "M1", "generic", "READY")
    assert (report["smsc"], report["circuit_registration"], report["signal_dbm"]) == ("set", "home", -71)
    assert report["service"] == "refused: error"
    again = await bench.pool.probe(modem.pty.path)
    assert again == report
    modem.pty.unplug()


async def test_nothing_personal_is_in_a_report(pool_over: PoolOver) -> None:
    modem = Table({"AT+CREG?": ['+CREG: 2,1,"792D","04947221"']})
    bench = await pool_over([], wait=False)
    text = json.dumps(await bench.pool.probe(modem.pty.path))
    assert not [value for value in PERSONAL if value in text]
    assert "490154203237518" in str(GENERIC_ANSWERS)
    modem.pty.unplug()


async def test_a_modem_of_ours_is_asked_between_two_messages(hw_sim_bank: StartBank, pool_over: PoolOver) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=1)
    bench = await pool_over(bank.ports)
    bench.sender.send(*(segment(str(n)) for n in range(10)))
    for name in ("modem0", bank.ports[0]):
        report = await asyncio.wait_for(bench.pool.probe(name), 10)
        assert report["model"] == "GENERIC"
    await bench.sender.settled(10)


async def test_a_port_where_nobody_answers_says_so(pool_over: PoolOver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemd.pool.probing.TRIES", 1)
    modem = Table({"AT": ["-"]}, echo=False)
    bench = await pool_over([], wait=False)
    assert (await bench.pool.probe(modem.pty.path))["answers"] is False
    modem.pty.unplug()


async def test_a_port_that_is_not_there_and_a_modem_that_is_not_ready(pool_over: PoolOver, tmp_path: Path) -> None:
    bench = await pool_over([str(tmp_path / "gone")], wait=False)
    with pytest.raises(PortUnusable):
        await bench.pool.probe(str(tmp_path / "none"))
    with pytest.raises(Conflict):
        await bench.pool.probe("gone")
