"""ZTE: rows 26–36 of the table of quirks."""

from __future__ import annotations

import asyncio

import pytest
from playbook import SEGMENT, Bench, Play
from pool_bench import BringUp, segment

from modemd.at import commands, dialect
from modemd.at.events import Unsolicited
from modemd.at.sending import Sending
from modemd.pool import Kind
from modemd.values import Outcome, Verdict

MF190 = {"AT+CGMI": ["ZTE CORPORATION"], "AT+CGMM": ["MF190"], "AT+CGMR": ["BD_MF190V1.0.0B02"]}
REPORT = "07918497908952F006160B918406214365F7622190000000806221900000008000"


async def test_26_the_flood_of_zusimr_is_read_and_ended_by_cpms(bring_up: BringUp) -> None:
    flooding = True

    def cpms() -> list[str]:
        nonlocal flooding
        flooding = False
        return ['+CPMS: "SM",0,50,"SM",0,50,"SM",0,50']

    modem, bench = await bring_up({**MF190, "AT+CPMS?": cpms}, wait=False)
    while flooding:
        modem.say("+ZUSIMR:2", '+ZDONR: "Net",260,1,"CS_PS","ROAM_OFF"')
        await asyncio.sleep(0.02)
    bench.sender.send(segment())
    await bench.sender.settled(1)


async def test_27_a_report_with_a_comma_too_many_is_a_report(bring_up: BringUp) -> None:
    modem, bench = await bring_up(MF190)
    modem.say("+CDS: ,25", REPORT)
    await bench.sender.until(lambda: [(kind, pdu) for _, kind, pdu in bench.sender.inbound] == [(Kind.REPORT, REPORT)])


async def test_28_a_report_announced_before_the_echo_of_a_command_takes_nothing_from_it() -> None:
    modem = Play("""
        > AT+CSQ
        < +CDSI: "SR",50
        <| AT+CSQ\\r\\r\\n+CSQ: 18,0\\r\\n\\r\\nOK\\r\\n
    """)
    bench = await Bench.over(modem.pty.path)
    assert await bench.link.ask(commands.SIGNAL) == ["+CSQ: 18,0"]
    assert bench.heard == [Unsolicited('+CDSI: "SR",50')]
    await bench.close()
    modem.pty.unplug()


async def test_29_half_a_report_stops_nothing_and_is_deleted(bring_up: BringUp) -> None:
    half = REPORT[:30]
    answers = {**MF190, "AT+CMGL=4": ["+CMGL: 7,0,,25", half], "AT+CPMS=?": ['+CPMS: ("SM"),("SM"),("SM")']}
    modem, bench = await bring_up(answers)
    assert [pdu for _, _, pdu in bench.sender.inbound] == [half]
    assert "AT+CMGD=7" in modem.asked
    modem.say("+CDS: 25", half)
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert [pdu for _, _, pdu in bench.sender.inbound] == [half, half]


async def test_30_csmp_which_wipes_the_smsc_is_never_sent(bring_up: BringUp) -> None:
    modem, _ = await bring_up(MF190)
    assert not any("CSMP" in command for command in modem.asked)


async def test_31_errors_to_settings_are_not_fatal(bring_up: BringUp) -> None:
    refused = ("ATE0", "AT+CMEE=1", "AT+CSMS=0", "AT+CMMS=2", "AT+CREG=1", "AT+CGREG=1", "AT+CEREG=1", "AT+CPMS=?")
    _, bench = await bring_up({**MF190, **{command: ["ERROR"] for command in refused}}, echo=False)
    bench.sender.send(segment())
    await bench.sender.settled(1)


@pytest.mark.usefixtures("hasty")
async def test_32_a_sim_that_is_busy_after_the_pin_is_asked_again(bring_up: BringUp) -> None:
    busy = iter([["+CMS ERROR: 314"], ["+CMS ERROR: 314"], ["OK"]])
    modem, _ = await bring_up({**MF190, "AT+CMGF=0": lambda: next(busy, ["OK"])})
    assert modem.asked.count("AT+CMGF=0") == 3


async def test_33_the_echo_of_a_command_that_is_not_ours_means_modem_manager(bring_up: BringUp) -> None:
    """What it has changed is not known: the modem is brought up again."""
    modem, bench = await bring_up({"AT+CGMI": ["ZTE CORPORATION"], "AT+CGMM": ["MF710M"]})
    modem.say("ATE0+CPMS?")
    await bench.until(lambda modems: not modems[0].may_send)
    await bench.ready(1)
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert modem.asked.count("AT+CMGF=0") == 2


async def test_35_cvhu_and_cfun_queries_are_never_sent(bring_up: BringUp) -> None:
    modem, _ = await bring_up({"AT+CGMI": ["ZTE INCORPORATED"], "AT+CGMM": ["K3565-Z"]})
    assert not {"AT+CVHU=0", "AT+CFUN?", "ATZ", "AT&F"} & set(modem.asked)


async def test_a_report_that_comes_before_its_reference_disturbs_no_message() -> None:
    modem = Play(
        f"""
        > AT+CMGS=19
        <| \\r\\n>·
        >| {SEGMENT.pdu}\\x1a
        < +CDS: 25
        < {REPORT}
        < +CMGS: 9
        < OK
    """
    )
    bench = await Bench.over(modem.pty.path, dialect.load().of("ZTE MF190"))
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    assert await sending.submit() == Outcome(Verdict.ACCEPTED, reference=9)
    assert bench.heard == [Unsolicited("+CDS: 25", REPORT)]
    await bench.close()
    modem.pty.unplug()
