"""SIMCom: rows 37–48 of the table of quirks."""

from __future__ import annotations

import asyncio

import pytest
from playbook import SEGMENT, Bench, Play
from pool_bench import BringUp, segment

from modemd.at import dialect
from modemd.at.sending import Sending
from modemd.pool import Condition
from modemd.values import Outcome, Verdict

SIM800 = {"AT+CGMI": ["SIMCOM_Ltd"], "AT+CGMM": ["SIMCOM_SIM800L"], "AT+CGMR": ["R14.18"]}
SIM7600 = {
    "AT+CGMI": ["SIMCOM INCORPORATED"],
    "AT+CGMM": ["SIMCOM_SIM7600G-H"],
    "AT+CGMR": ["+CGMR: LE20B04SIM7600G22"],
}
A7670 = {"AT+CGMI": ["SIMCOM INCORPORATED"], "AT+CGMM": ["A7670E"]}


def notified(asked: list[str]) -> list[str]:
    return [command for command in asked if command.startswith("AT+CNMI=") and "?" not in command]


async def test_37_reports_come_directly_where_they_cannot_be_stored(bring_up: BringUp) -> None:
    modem, _ = await bring_up({**SIM800, "AT+CNMI=?": ["+CNMI: (0-3),(0-3),(0,2),(0,1),(0,1)"]})
    assert notified(modem.asked) == ["AT+CNMI=2,1,0,1,0"]


async def test_38_a_setting_that_is_refused_though_listed_gives_way_to_the_next(bring_up: BringUp) -> None:
    refused = {f"AT+CNMI={setting}": ["+CMS ERROR: 303"] for setting in ("2,1,0,1,0", "1,1,0,1,0", "2,1,0,2,0")}
    modem, _ = await bring_up({**A7670, **refused})
    assert notified(modem.asked)[-1] == "AT+CNMI=1,1,0,2,0"
    assert not any(",2,0,1,0" in command for command in notified(modem.asked))  # mt 2 is never asked for


async def test_39_a_message_announced_while_one_is_sent_makes_nobody_lose_step(bring_up: BringUp) -> None:
    def announcing() -> list[str]:
        modem.say('+CMTI: "SM",3')
        return ["+CMGS: 7"]

    modem, bench = await bring_up({**SIM7600, "PDU": announcing})
    bench.sender.send(segment(), segment(), segment())
    await bench.sender.settled(3)
    assert {outcome.reference for _, outcome in bench.sender.outcomes} == {7}
    assert "AT+CMGR=3" in modem.asked


async def test_40_the_restart_of_a_simcom_begins_with_factory_settings(bring_up: BringUp) -> None:
    modem, bench = await bring_up(SIM7600)
    bench.pool.reset(bench.pool.modems[0].name)
    await bench.until(lambda modems: not modems[0].may_send)
    await bench.ready(1)
    at = modem.asked.index("AT&F")
    assert modem.asked[at : at + 2] == ["AT&F", "AT+CFUN=1,1"]


@pytest.mark.parametrize("code", [528, 512])
async def test_41_92_not_now_is_a_rest_and_the_message_is_safe_to_retry(bring_up: BringUp, code: int) -> None:
    answers = iter([[f"+CMS ERROR: {code}"]])
    _, bench = await bring_up({**SIM800, "PDU": lambda: next(answers, ["+CMGS: 4"])})
    bench.sender.send(segment())
    await bench.until(lambda modems: str(modems[0].reason).startswith("resting"))
    assert bench.sender.verdicts[Verdict.REFUSED] == 1
    assert bench.sender.queue.qsize() == 1


async def test_42_79_the_first_at_may_be_lost(bring_up: BringUp) -> None:
    answers = iter([["-"], ["OK"]])
    modem, _ = await bring_up({**SIM800, "AT": lambda: next(answers, ["OK"])})
    assert modem.asked[:2] == ["AT", "AT"]


@pytest.mark.parametrize("line", ["UNDER-VOLTAGE WARNNING", "UNDER-VOLTAGE POWER DOWN", "NORMAL POWER DOWN", "RDY"])
async def test_43_a_modem_that_goes_down_leaves_the_pool_until_it_is_up_again(bring_up: BringUp, line: str) -> None:
    modem, bench = await bring_up(SIM800)
    modem.say(line)
    await bench.until(lambda modems: not modems[0].may_send)
    await bench.ready(1)
    assert modem.asked.count("AT+CMGF=0") == 2


async def test_44_preferred_storages_are_their_base_names(bring_up: BringUp) -> None:
    listed = '+CPMS: ("SM","ME","SM_P","ME_P","MT"),("SM","ME","SM_P","ME_P","MT"),("SM","ME","SM_P","ME_P","MT")'
    use = '+CPMS: "SM_P",0,50,"SM_P",0,50,"SM_P",0,50'
    _, bench = await bring_up({**SIM800, "AT+CPMS=?": [listed], "AT+CPMS?": [use]})
    assert bench.pool.modems[0].storages_to_read == ("SM", "ME")
    assert bench.pool.modems[0].storage_setting[1:] == ("SM", "SM")


async def test_45_58_only_pdu_mode_is_used(bring_up: BringUp) -> None:
    modem, bench = await bring_up({"AT+CGMI": ["SIMCOM INCORPORATED"], "AT+CGMM": ["SIM7670G"]})
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert "AT+CMGF=1" not in modem.asked
    assert modem.asked.index("AT+CMGF=0") < modem.asked.index("AT+CMGF?")


@pytest.mark.usefixtures("hasty")
async def test_46_a_prefix_before_the_revision_is_taken_off_and_words_are_errors_too(bring_up: BringUp) -> None:
    words = iter([["+CME ERROR: SIM busy"]])
    modem, bench = await bring_up(
        {**SIM7600, "AT+CMEE=1": ["ERROR"], "AT+CPIN?": lambda: next(words, ["+CPIN: READY"])}
    )
    assert bench.pool.modems[0].revision == "LE20B04SIM7600G22"
    assert modem.asked.count("AT+CPIN?") == 2


async def test_47_54_84_nothing_is_ever_acknowledged(bring_up: BringUp) -> None:
    modem, bench = await bring_up(SIM7600)
    modem.say("+CDS: 25", "07918497908952F006160B918406214365F7622190000000806221900000008000")
    await bench.sender.until(lambda: bool(bench.sender.inbound))
    assert "AT+CSMS=0" in modem.asked
    assert not any("CNMA" in command for command in modem.asked)


async def test_48_registered_is_who_is_registered_in_any_of_three_domains(bring_up: BringUp) -> None:
    _, bench = await bring_up(
        {**SIM7600, "AT+CREG?": ["+CREG: 0,3"], "AT+CGREG?": ["+CGREG: 0,5"], "AT+CEREG?": ["+CEREG: 0,5"]}
    )
    assert bench.pool.modems[0].registration.value == "roaming"
    assert bench.pool.modems[0].condition is Condition.READY


async def test_39_a_second_part_may_take_four_times_as_long() -> None:
    play = (
        f'> AT+CMGS=19\n<| \\r\\n>·\n>| {SEGMENT.pdu}\\x1a\n! wait 0.4\n< +CMTI: "SM",1\n! wait 0.2\n< +CMGS: 2\n< OK'
    )
    modem = Play(play)
    bench = await Bench.over(modem.pty.path, dialect.load().of("SIMCOM SIM7600"))
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    async with asyncio.timeout(5):
        assert await sending.submit() == Outcome(Verdict.ACCEPTED, reference=2)
    await bench.close()
    modem.pty.unplug()
