"""Wavecom, Sierra, Siemens, Cinterion: rows 57–71 of the table of quirks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playbook import SEGMENT, Bench, Play
from pool_bench import BringUp, segment

from modemd.at import commands, dialect
from modemd.at.dialect import GENERIC
from modemd.at.sending import Sending
from modemd.pool import Condition
from modemd.values import Verdict

Q24 = {
    "AT+CGMI": [" WAVECOM MODEM"],
    "AT+CGMM": [" MULTIBAND  900E  1800 "],
    "AT+CGMR": ["641b09gg.Q2403A 1320676 061804 14:38"],
    "AT+CPIN?": ["+CPIN: READY", "-"],
    "AT+CPMS=?": ['+CPMS: (("SM","BM","SR"),("SM"))'],
    'AT+CPMS="SM","SM","SM"': ["ERROR"],
    'AT+CPMS="SM","SM"': ["+CPMS: 14,50,14,50"],
    'AT+CSCS="GSM"': ["OK"],
}
MC75I = {
    "AT+CGMI": ["Cinterion"],
    "AT+CGMM": ["MC75i"],
    "AT+CPMS=?": ['+CPMS: ("ME","SM","MT"),("ME","SM","MT"),("SM","MT")'],
    "AT+CNMI=?": ["+CNMI: (0-3),(0,1),(0,2,3),(0,2),(1)"],
}


async def test_57_pin_ready_without_ok_is_enough(bring_up: BringUp) -> None:
    _, bench = await bring_up(Q24)
    bench.sender.send(segment())
    await bench.sender.settled(1)


async def test_57_an_ok_that_comes_late_is_swallowed() -> None:
    modem = Play("""
        > AT+CPIN?
        < +CPIN: READY
        ! wait 0.2
        < OK
        > AT+CSQ
        < +CSQ: 9,0
        < OK
    """)
    bench = await Bench.over(modem.pty.path)
    assert await bench.link.ask(replace(commands.PIN_STATE, lenient_s=0.05)) == ["+CPIN: READY"]
    await bench.link.listen(0.3, 1.0)
    assert await bench.link.ask(commands.SIGNAL) == ["+CSQ: 9,0"]
    await bench.close()
    modem.pty.unplug()


async def test_58_two_storages_are_set_where_three_are_refused(bring_up: BringUp) -> None:
    modem, _ = await bring_up(Q24)
    tried = [command for command in modem.asked if command.startswith('AT+CPMS="')]
    assert tried[:2] == ['AT+CPMS="SM","SM","SM"', 'AT+CPMS="SM","SM"']


@pytest.mark.usefixtures("hasty")
async def test_59_please_wait_is_waited_for(bring_up: BringUp) -> None:
    wait = iter([["+CME ERROR: 515"], ["+CME ERROR: 515"]])
    modem, _ = await bring_up({**Q24, "AT+CMGF=0": lambda: next(wait, [])})
    assert modem.asked.count("AT+CMGF=0") == 3


async def test_60_the_restart_ends_the_application_in_the_modem_first(bring_up: BringUp) -> None:
    modem, bench = await bring_up(Q24)
    bench.pool.reset(bench.pool.modems[0].name)
    await bench.until(lambda modems: not modems[0].may_send)
    await bench.ready(1)
    assert "AT+WOPEN=0" in modem.asked


async def test_61_a_modem_that_stops_answering_one_question_is_taken_in_hand(
    bring_up: BringUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = replace(commands.CIRCUIT_REGISTRATION, timeout_s=0.1)
    monkeypatch.setitem(__import__("modemd.pool.network").pool.network._QUESTIONS, "+CREG:", question)
    modem, bench = await bring_up(Q24, upkeep_idle_s=0.2)
    modem.answers["AT+CREG?"] = ["-"]
    await bench.until(lambda modems: modems[0].condition is Condition.QUARANTINED)
    assert "AT+CREG? was not answered" in str(bench.pool.modems[0].reason)


async def test_62_identities_are_stripped_of_blanks(bring_up: BringUp) -> None:
    _, bench = await bring_up(Q24)
    modem = bench.pool.modems[0]
    assert (modem.maker, modem.model, modem.dialect) == ("WAVECOM MODEM", "MULTIBAND  900E  1800", "wavecom")


async def test_63_a_character_set_left_at_hex_is_set_back(bring_up: BringUp) -> None:
    modem, _ = await bring_up(Q24)
    assert 'AT+CSCS="GSM"' in modem.asked


async def test_64_a_port_that_says_ok_to_everything_is_no_modem(bring_up: BringUp) -> None:
    silent = {command: ["OK"] for command in ("AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN")}
    _, bench = await bring_up(silent, wait=False)
    await bench.until(lambda modems: "names no maker" in str(modems[0].reason))


def test_65_sierra_is_left_alone_after_the_pin() -> None:
    assert dialect.load().of("Sierra Wireless AC881").pin_rest_s == 3.0


async def test_66_cms_512_for_minutes_after_the_start_is_a_rest_each_time(bring_up: BringUp) -> None:
    _, bench = await bring_up({"AT+CGMI": ["Sierra Wireless"], "AT+CGMM": ["AC750"], "PDU": ["+CMS ERROR: 512"]})
    bench.sender.send(segment())
    await bench.until(lambda modems: str(modems[0].reason).startswith("resting 15 s"))
    assert bench.sender.verdicts[Verdict.REFUSED] == 1


async def test_67_buffering_and_storages_are_chosen_from_what_is_listed(bring_up: BringUp) -> None:
    modem, _ = await bring_up(
        {**MC75I, **{f"AT+CNMI={setting}": ["+CMS ERROR:538"] for setting in ("2,1,0,1,0", "2,1,0,2,0", "1,1,0,1,0")}}
    )
    assert "AT+CNMI=2,1,0,2,1" in modem.asked
    assert 'AT+CPMS="SM","SM","SM"' in modem.asked


async def test_68_records_of_ff_are_no_messages(bring_up: BringUp) -> None:
    _, bench = await bring_up({"AT+CGMI": ["SIEMENS"], "AT+CGMM": ["MC35i"], "AT+CMGL=4": ["+CMGL: 1,0,,0", "F" * 340]})
    assert bench.sender.inbound == []


async def test_69_an_m20_is_given_a_second_after_esc() -> None:
    modem = Play("> AT+CMGS=19\n<| \\r\\n>·\n>| \\x1b\n! wait 0.3\n> AT\n< OK")
    bench = await Bench.over(modem.pty.path, replace(GENERIC, escape_rest_s=0.3))
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    await sending.abandon()
    await modem.finished()
    assert dialect.load().of("SIEMENS M20").escape_rest_s == 1.0
    await bench.close()
    modem.pty.unplug()


async def test_70_an_unanswered_first_cscs_is_asked_once_more(
    bring_up: BringUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemd.at.commands.characters", lambda name: replace(characters(name), timeout_s=0.1))
    answers = iter([["-"]])
    modem, _ = await bring_up(
        {"AT+CGMI": ["SIEMENS"], "AT+CGMM": ["MC55i"], 'AT+CSCS="GSM"': lambda: next(answers, ["OK"])}
    )
    assert modem.asked.count('AT+CSCS="GSM"') == 2


characters = commands.characters


async def test_71_an_error_without_blank_is_an_error(bring_up: BringUp) -> None:
    _, bench = await bring_up({"AT+CGMI": ["SIEMENS"], "AT+CGMM": ["TC35"], "AT+CMMS=2": ["+CMS ERROR:538"]})
    assert not bench.pool.modems[0].keeps_link
