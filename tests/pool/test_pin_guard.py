"""The PIN guard on real dialogues: the tries left are read, the last is never spent, a refusal is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest
from hw_sim.pytest_plugin import StartBank
from playbook import Table
from pool_bench import Pins, PoolOver, look, segment

from modemd.pool import Condition


def scenario(folder: Path, **sim: object) -> str:
    """A scenario file for one modem whose SIM has a PIN."""
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in sim.items()]
    file = folder / "scenario.toml"
    file.write_text("speed = 20.0\n[[modem]]\n" + "\n".join(lines) + "\n")
    return str(file)


async def test_the_configured_pin_unlocks_the_sim(hw_sim_bank: StartBank, pool_over: PoolOver, tmp_path: Path) -> None:
    bank = hw_sim_bank("--scenario", scenario(tmp_path, pin="4711"), modems=1)
    bench = await pool_over(bank.ports, pin="4711")
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert (tmp_path / "pins").read_text() == ""


async def test_a_refused_pin_is_never_tried_again_not_after_a_restart_either(
    hw_sim_bank: StartBank, pool_over: PoolOver, tmp_path: Path
) -> None:
    bank = hw_sim_bank("--scenario", scenario(tmp_path, pin="4711"), modems=1)
    for _ in range(3):
        bench = await pool_over(bank.ports, wait=False, pin="1111")
        await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
        assert "refused the configured PIN" in (bench.pool.modems[0].reason or "")
        await bench.stop()
    assert look(bank.folder, "modem0")["pin_tries"] == 2


async def test_another_pin_may_be_tried_but_the_last_try_is_left_to_a_person(
    hw_sim_bank: StartBank, pool_over: PoolOver, tmp_path: Path
) -> None:
    bank = hw_sim_bank("--scenario", scenario(tmp_path, pin="4711"), modems=1)
    for pin in ("1111", "2222", "3333", "4711"):
        bench = await pool_over(bank.ports, wait=False, pin=pin)
        await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
        await bench.stop()
    assert look(bank.folder, "modem0")["pin_tries"] == 1
    assert "the last is yours" in (bench.pool.modems[0].reason or "")


async def test_no_pin_is_tried_without_one(hw_sim_bank: StartBank, pool_over: PoolOver, tmp_path: Path) -> None:
    bank = hw_sim_bank("--scenario", scenario(tmp_path, pin="4711"), modems=1)
    bench = await pool_over(bank.ports, wait=False)
    await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
    assert "wants its PIN" in (bench.pool.modems[0].reason or "")
    assert look(bank.folder, "modem0")["pin_tries"] == 3


async def test_a_puk_is_never_entered(pool_over: PoolOver) -> None:
    modem = Table({"AT+CPIN?": ["+CPIN: SIM PUK"]})
    bench = await pool_over([modem.pty.path], wait=False, pin="4711")
    await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
    assert "PUK" in (bench.pool.modems[0].reason or "")
    assert not any(command.startswith("AT+CPIN=") for command in modem.asked)


@pytest.mark.parametrize(
    ("maker", "question", "answer"),
    [
        ("huawei", "AT^CPIN?", "^CPIN: SIM PIN,1,10,1,10,3"),
        ("ZTE CORPORATION", "AT+ZPINPUK=?", "+ZPINPUK: 1,10"),
        ("SIMCOM INCORPORATED", "AT+SPIC", "+SPIC: 1,10,3,10"),
        ("Telit", "AT#PCT", "#PCT: 1"),
        ("Quectel", 'AT+QPINC="SC"', '+QPINC: "SC",1,10'),
        ("Acme", 'AT+CPINR="SIM PIN"', "+CPINR: SIM PIN,1,3"),
        ("Acme", 'AT+CSIM=10,"0020000100"', '+CSIM: 4,"63C1"'),
    ],
)
async def test_every_makers_way_of_telling_the_tries_left_is_read(
    pool_over: PoolOver, maker: str, question: str, answer: str
) -> None:
    unknown = {command: ["ERROR"] for command in ('AT+CPINR="SIM PIN"', 'AT+CSIM=10,"0020000100"')}
    modem = Table({"AT+CGMI": [maker], "AT+CPIN?": ["+CPIN: SIM PIN"], **unknown, question: [answer]})
    bench = await pool_over([modem.pty.path], wait=False, pin="4711")
    await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
    assert "1 PIN tries are left" in (bench.pool.modems[0].reason or "")
    assert not any(command.startswith("AT+CPIN=") for command in modem.asked)


async def test_where_the_tries_cannot_be_read_one_refusal_is_enough_for_ever(
    pool_over: PoolOver, tmp_path: Path
) -> None:
    answers = {command: ["ERROR"] for command in ('AT+CPINR="SIM PIN"', 'AT+CSIM=10,"0020000100"')}
    modem = Table({"AT+CPIN?": ["+CPIN: SIM PIN"], **answers, 'AT+CPIN="1111"': ["+CME ERROR: 16"]})
    for pin in ("1111", "2222"):
        bench = await pool_over([modem.pty.path], wait=False, pin=pin)
        await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
        await bench.stop()
    assert [command for command in modem.asked if command.startswith("AT+CPIN=")] == ['AT+CPIN="1111"']
    assert await Pins(tmp_path / "pins").tried("8948010000000000001", "1111")


async def test_that_a_pin_is_about_to_be_tried_is_written_before_it_is_tried(
    pool_over: PoolOver, tmp_path: Path
) -> None:
    """A crash between the two must not make us try it twice."""
    seen: list[str] = []

    def answer() -> list[str]:
        seen.append((tmp_path / "pins").read_text())
        return ["+CME ERROR: 16"]

    modem = Table(
        {"AT+CPIN?": ["+CPIN: SIM PIN"], 'AT+CPINR="SIM PIN"': ["+CPINR: SIM PIN,3,3"], 'AT+CPIN="1111"': answer}
    )
    bench = await pool_over([modem.pty.path], wait=False, pin="1111")
    await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
    assert seen == ["8948010000000000001 1111\n"]


@pytest.mark.parametrize("state", ["SIM PIN2", "SIM PUK2", "READY"])
async def test_pin2_and_puk2_do_not_hinder(pool_over: PoolOver, state: str) -> None:
    modem = Table({"AT+CPIN?": [f"+CPIN: {state}"]})
    await pool_over([modem.pty.path])


async def test_a_modem_locked_to_an_operator_says_so(pool_over: PoolOver) -> None:
    modem = Table({"AT+CPIN?": ["+CPIN: PH-NET PIN"]})
    bench = await pool_over([modem.pty.path], wait=False)
    await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
    assert "PH-NET PIN" in (bench.pool.modems[0].reason or "")
