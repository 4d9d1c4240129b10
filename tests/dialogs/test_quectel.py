"""Quectel: rows 49–56 of the table of quirks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playbook import SEGMENT, Bench, Play
from pool_bench import BringUp, segment

from modemd.at import dialect
from modemd.at.sending import Sending
from modemd.pool import Condition
from modemd.values import Fault, Verdict

EC25 = {"AT+CGMI": ["Quectel"], "AT+CGMM": ["EC25"], "AT+CGMR": ["EC25EFAR06A03M4G"]}
REPORT = "07918497908952F006160B918406214365F7622190000000806221900000008000"


async def test_49_a_report_that_lies_elsewhere_than_announced_is_found(bring_up: BringUp) -> None:
    place = "SM"
    listing: dict[str, list[str]] = {"SM": [], "ME": [], "SR": ["+CMGL: 0,0,,25", REPORT]}

    def select(name: str) -> list[str]:
        nonlocal place
        place = name
        return ["+CPMS: 0,50,0,50,0,50"]

    answers = {f'AT+CPMS="{name}","SM","SM"': (lambda name=name: select(name)) for name in listing}
    modem, bench = await bring_up(
        {
            **EC25,
            **answers,
            "AT+CPMS=?": ['+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")'],
            "AT+CMGR=0": ["+CMS ERROR: 321"],
            "AT+CMGL=4": lambda: listing[place],
        }
    )
    bench.sender.inbound.clear()
    modem.say('+CDSI: "SM",0')
    await bench.sender.until(lambda: [pdu for _, _, pdu in bench.sender.inbound] == [REPORT])


async def test_50_cms_350_after_a_long_wait_proves_nothing() -> None:
    modem = Play(f"> AT+CMGS=19\n<| \\r\\n>·\n>| {SEGMENT.pdu}\\x1a\n! wait 0.2\n< +CMS ERROR: 350")
    bench = await Bench.over(modem.pty.path, dialect.load().of("Quectel EG06"))
    assert bench.link.dialect.submit_s >= 150
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    assert (await sending.submit()).verdict is Verdict.UNCERTAIN
    await bench.close()
    modem.pty.unplug()


async def test_51_a_sim_that_failed_is_named_and_a_restart_is_tried(bring_up: BringUp) -> None:
    modem, bench = await bring_up({**EC25, "AT+CPIN?": ["+CME ERROR: 13"]}, wait=False)
    await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
    assert "the SIM failed" in str(bench.pool.modems[0].reason)
    await bench.until(lambda _modems: "AT+CFUN=1,1" in modem.asked)


@pytest.mark.usefixtures("hasty")
async def test_52_a_modem_that_is_not_done_starting_is_asked_until_it_is(bring_up: BringUp) -> None:
    not_yet = iter([["+CMS ERROR: 302"], ["+CMS ERROR: 302"]])
    modem, bench = await bring_up({**EC25, "AT+CMGF=0": lambda: next(not_yet, [])})
    modem.say("+QIND: SMS DONE", "+QIND: PB DONE")
    bench.sender.send(segment())
    await bench.sender.settled(1)


async def test_53_unsolicited_codes_are_ordered_to_our_port(bring_up: BringUp) -> None:
    modem, _ = await bring_up(EC25)
    assert 'AT+QURCCFG="urcport","usbat"' in modem.asked


async def test_55_powered_down_takes_it_out_of_the_pool(bring_up: BringUp) -> None:
    modem, bench = await bring_up(EC25)
    modem.say("POWERED DOWN")
    await bench.until(lambda modems: not modems[0].may_send)


async def test_56_an_illegal_ms_is_the_sims_fault() -> None:
    modem = Play(f"> AT+CMGS=19\n<| \\r\\n>·\n>| {SEGMENT.pdu}\\x1a\n< +CMS ERROR: 2051")
    bench = await Bench.over(modem.pty.path, replace(dialect.load().of("Quectel M66"), prompt_s=1.0))
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    assert (await sending.submit()).fault is Fault.SIM
    await bench.close()
    modem.pty.unplug()
