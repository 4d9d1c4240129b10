"""Huawei: rows 1–25 of the table of quirks."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from playbook import Table
from pool_bench import BringUp, segment

from modemd.at import dialect
from modemd.at.dialect import Dialects
from modemd.pool import Condition, Kind
from modemd.pool.ussd import End
from modemd.values import Fault

E173 = {"AT+CGMI": ["huawei"], "AT+CGMM": ["E173"], "AT+CGMR": ["11.126.85.00.00"]}
E1752 = {"AT+CGMI": ["huawei"], "AT+CGMM": ["E1752"]}
E3372 = {"AT+CGMI": ["huawei"], "AT+CGMM": ["E3372"], "AT+CGMR": ["21.180.01.00.00"]}
E3531 = {"AT+CGMI": ["huawei"], "AT+CGMM": ["E3531"]}
DELIVER = "07918497908952F0040B918406214365F70000622190000000800" + "2C834"
REPORT = "07918497908952F006160B918406214365F7622190000000806221900000008000"


def impatient(**changes: object) -> Dialects:
    """All dialects, with rests that a test can wait for."""
    return Dialects(tuple(replace(row, **changes) for row in dialect.load().rows))  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("refusal", ["COMMAND NOT SUPPORT", "TOO MANY PARAMETERS", "ERROR", "+CMS ERROR: 500"])
async def test_1_4_a_refused_cmms_in_any_words_ends_at_once_and_harms_nothing(bring_up: BringUp, refusal: str) -> None:
    _, bench = await bring_up({**E1752, "AT+CMMS=2": [refusal]})
    assert not bench.pool.modems[0].keeps_link
    bench.sender.send(segment())
    await bench.sender.settled(1)


async def test_2_chatter_is_quietened_and_harmless_where_that_is_refused(bring_up: BringUp) -> None:
    def chatting() -> list[str]:
        modem.say(
            "^RSSI:18", '^HCSQ:"LTE",48,35,86,14', "^MODE:5,4", "^DSFLOWRPT:0,0,0", '^NWTIME:"20/01/01"', "^EONS:0"
        )
        return ["+CMGS: 5"]

    modem, bench = await bring_up({**E173, "AT^CURC=0": ["ERROR"], "PDU": chatting}, wait=False)
    bench.sender.send(segment(), segment())
    await bench.sender.settled(2)
    assert "AT^CURC=0" in modem.asked
    assert bench.sender.outcomes[0][1].reference == 5


async def test_9_balong_is_told_to_notify_in_mode_1_and_again_after_each_restart(bring_up: BringUp) -> None:
    modem, bench = await bring_up({**E3372, "AT+CNMI=2,1,0,1,0": ["+CMS ERROR: 303"]})
    modem.echo = True
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert modem.asked.count("AT+CNMI=1,1,0,1,0") == 2
    assert "AT+CNMI=2,1,0,1,0" not in modem.asked


@pytest.mark.parametrize("family", [E3531, {"AT+CGMI": ["huawei"], "AT+CGMM": ["MU509"]}])
async def test_7_8_reports_come_directly_and_need_no_sr_storage(
    bring_up: BringUp, family: dict[str, list[str]]
) -> None:
    modem, bench = await bring_up(family)
    assert any(command.startswith("AT+CNMI=") and command.endswith(",1,0,1,0") for command in modem.asked)
    modem.say("+CDS: 25", REPORT)
    await bench.sender.until(lambda: bench.sender.inbound == [(bench.pool.modems[0].name, Kind.REPORT, REPORT)])


async def test_6_a_message_that_is_announced_before_it_can_be_read_is_read_later(bring_up: BringUp) -> None:
    listings = iter([[], [], [], ["+CMGL: 3,0,,20", DELIVER]])  # SM and ME at start, then again: it is in ME
    modem, bench = await bring_up({**E3531, "AT+CMGR=3": [], "AT+CMGL=4": lambda: next(listings, [])})
    modem.say('+CMTI: "ME",3')
    await bench.sender.until(lambda: [pdu for _, _, pdu in bench.sender.inbound] == [DELIVER])
    await until_asked(modem, "AT+CMGD=3")


async def test_11b_brovi_takes_three_storages_and_answers_ok_alone(bring_up: BringUp) -> None:
    modem, bench = await bring_up(
        {
            "AT+CGMI": ["huawei"],
            "AT+CGMM": ["E3372-325"],
            "AT+CPMS=?": ['+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")'],
            'AT+CPMS="SM","SM"': ["ERROR"],
            'AT+CPMS="SM"': ["ERROR"],
        }
    )
    assert 'AT+CPMS="SM","SM","SM"' in modem.asked
    assert 'AT+CPMS="SM"' not in modem.asked
    assert bench.pool.modems[0].storage_total == 50


async def test_12_a_full_storage_is_emptied_when_the_modem_says_so(bring_up: BringUp) -> None:
    modem, bench = await bring_up(E3372)
    modem.answers["AT+CMGL=4"] = ["+CMGL: 1,0,,20", DELIVER]
    modem.say('^SMMEMFULL: "SM"')
    await bench.sender.until(lambda: bool(bench.sender.inbound))
    await until_asked(modem, "AT+CMGD=1")


@pytest.mark.usefixtures("hasty")
async def test_13_after_the_pin_the_modem_is_left_alone_and_then_asked_now_and_then(bring_up: BringUp) -> None:
    states = iter([["+CPIN: SIM PIN"], ["+CME ERROR: 14"], ["+CME ERROR: 14"], ["+CPIN: READY"]])
    modem, bench = await bring_up(
        {**E173, "AT+CPIN?": lambda: next(states), "AT^CPIN?": ["^CPIN: SIM PIN,3,10,3,10,3"]},
        pin="4711",
        dialects=impatient(pin_rest_s=0.05),
    )
    assert modem.asked.count("AT+CPIN?") == 4
    assert modem.asked.count('AT+CPIN="4711"') == 1
    bench.sender.send(segment())
    await bench.sender.settled(1)


def test_13_huawei_rests_three_seconds_after_the_pin() -> None:
    assert dialect.load().of("huawei E173").pin_rest_s == 3.0


async def test_16_19_clac_and_getportmode_are_never_sent(bring_up: BringUp) -> None:
    modem, _ = await bring_up(E3531)
    assert not {"AT+CLAC", "AT^GETPORTMODE"} & set(modem.asked)


async def test_17_a_boot_loop_is_a_power_fault_and_takes_the_modem_out(bring_up: BringUp) -> None:
    modem, bench = await bring_up({"AT+CGMI": ["huawei"], "AT+CGMM": ["E220"]})
    boots = asyncio.create_task(keep_booting(modem, bench))
    await bench.until(
        lambda modems: modems[0].condition is Condition.QUARANTINED and "restarted" in str(modems[0].reason)
    )
    boots.cancel()


async def keep_booting(modem: Table, bench: object) -> None:
    for number in range(1000):
        modem.say(f"^BOOT:{91409020 + number},0,0,0,6")
        await asyncio.sleep(0.7)


async def test_17_the_same_boot_line_again_and_again_means_nothing(bring_up: BringUp) -> None:
    modem, bench = await bring_up({"AT+CGMI": ["huawei"], "AT+CGMM": ["E160"]})
    for _ in range(10):
        modem.say("^BOOT:91409020,0,0,0,6")
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert modem.asked.count("ATE0") == 1


async def test_21_22_ussd_goes_packed_and_the_mode_is_set_when_it_is_refused(bring_up: BringUp) -> None:
    answers = iter([["+CME ERROR: 100"], ["OK"]])

    def ask() -> list[str]:
        answer = next(answers)
        if answer == ["OK"]:
            asyncio.get_running_loop().call_later(0.02, modem.say, '+CUSD: 0,"E8329BFD06",15')
        return answer

    modem, bench = await bring_up({**E1752, 'AT+CUSD=1,"AA180C3602",15': ask})
    reply = await bench.pool.ussd(bench.pool.modems[0].name, "*100#")
    assert (reply.end, reply.text) == (End.DONE, "hello")
    assert "AT^USSDMODE=0" in modem.asked


async def test_23_a_character_set_that_another_program_left_is_set_back(bring_up: BringUp) -> None:
    modem, _ = await bring_up({**E173, 'AT+CSCS="GSM"': ["ERROR"]})
    assert 'AT+CSCS="IRA"' in modem.asked


async def test_24_registration_is_read_quoted_and_unquoted(bring_up: BringUp) -> None:
    modem, bench = await bring_up({**E3372, "AT+CREG?": ["+CREG: 2,1,4CA,81DE445"]})
    modem.say('+CREG: 5,"792D","04947221"')
    await bench.until(lambda modems: modems[0].registration.good)


async def test_25_cms_500_rests_the_modem_and_is_not_the_messages_fault(bring_up: BringUp) -> None:
    """The third in a row blames the modem: tests/pool/test_health.py."""
    _, bench = await bring_up({**E3531, "PDU": ["+CMS ERROR: 500"]})
    bench.sender.send(segment())
    await bench.until(lambda modems: str(modems[0].reason).startswith("resting 5 s"))
    assert bench.sender.outcomes[0][1].fault is Fault.NETWORK
    assert "weak power" in bench.sender.outcomes[0][1].detail


async def until_asked(modem: Table, command: str) -> None:
    async with asyncio.timeout(5):
        while command not in modem.asked:
            await asyncio.sleep(0.01)
