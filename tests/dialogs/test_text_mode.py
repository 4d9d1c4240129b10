"""Text mode set behind our back: the length of a PDU would be taken for a number and the PDU for a text."""

from __future__ import annotations

from playbook import Table
from pool_bench import BringUp, segment

from modemd.values import Fault

TWO_A_LINE = {"AT+CMGF=0;+CMGF?": ["+CMGF: 0"]}


def sends(modem: Table) -> list[str]:
    return [line.partition("=")[0] for line in modem.asked if "+CMGS=" in line]


async def test_a_modem_that_takes_two_commands_a_line_is_set_to_pdu_mode_with_every_message(bring_up: BringUp) -> None:
    modem, bench = await bring_up(TWO_A_LINE)
    bench.sender.send(segment(), segment())
    await bench.sender.settled(2)
    assert [line.rpartition("=")[0] for line in modem.asked if "+CMGS=" in line] == ["AT+CMGF=0;+CMGS"] * 2


async def test_one_that_does_not_prove_it_is_sent_one_command_a_line(bring_up: BringUp) -> None:
    for answer in ([], ["ERROR"], ["+CMGF: 0", "ERROR"], ["+CMGF: 1"]):
        modem, bench = await bring_up({"AT+CMGF=0;+CMGF?": answer})
        bench.sender.send(segment())
        await bench.sender.settled(1)
        assert sends(modem) == ["AT+CMGS"]


async def test_one_that_refuses_it_after_all_is_asked_once_and_loses_no_message(bring_up: BringUp) -> None:
    length = segment().length
    modem, bench = await bring_up({**TWO_A_LINE, f"AT+CMGF=0;+CMGS={length}": ["ERROR"]})
    bench.sender.send(segment(), segment())
    await bench.sender.settled(2)
    assert sends(modem) == ["AT+CMGF", "AT+CMGS", "AT+CMGS"]
    modem.say("RDY")  # it restarts
    await bench.until(lambda modems: not modems[0].may_send)
    await bench.ready(1)
    bench.sender.send(segment())
    await bench.sender.settled(3)
    assert sends(modem)[3:] == ["AT+CMGS"], "it is remembered"
    assert modem.asked.count("AT+CMGF=0;+CMGF?") == 1


async def test_a_modem_found_in_text_mode_is_set_up_again_before_it_sends_on(bring_up: BringUp) -> None:
    mode = ["+CMGF: 0"]
    modem, bench = await bring_up({"AT+CMGF?": lambda: mode}, upkeep_idle_s=0.1)
    mode[0] = "+CMGF: 1"
    await bench.until(lambda modems: not modems[0].may_send and "text mode" in (modems[0].reason or ""))
    mode[0] = "+CMGF: 0"
    await bench.ready(1)
    assert modem.asked.count("AT+CMGF=0") >= 2


async def test_a_modem_that_says_it_is_in_text_mode_costs_no_message(bring_up: BringUp) -> None:
    length = segment().length
    modem, bench = await bring_up({f"AT+CMGS={length}": ["+CMS ERROR: 305"]})
    bench.sender.send(segment())
    await bench.sender.until(lambda: bool(bench.sender.outcomes))
    assert bench.sender.outcomes[0][1].fault is Fault.MODEM
    del modem.answers[f"AT+CMGS={length}"]
    await bench.sender.settled(1)
    assert modem.asked.count("AT+CMGF=0") == 2
