"""Nokia, Motorola, Samsung, Telit, Novatel and the rest: rows 72–93 of the table of quirks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hw_sim.pytest_plugin import StartBank, hw_sim_bank
from playbook import SEGMENT, Bench, Play
from pool_bench import Bench as PoolBench
from pool_bench import BringUp, befall, segment

from modemd.at import commands, dialect
from modemd.at.dialect import GENERIC
from modemd.at.sending import Sending
from modemd.errors import CommandFailed
from modemd.values import Outcome, Verdict

__all__ = ["hw_sim_bank"]

DELIVER = "07918497908952F0040B918406214365F700006221900000008002C834"


async def test_72_the_pdu_goes_in_pieces_where_more_would_be_cut() -> None:
    modem = Play(f"> AT+CMGS=19\n<| \\r\\n>·\n>| {SEGMENT.pdu}\\x1a\n< +CMGS: 3\n< OK")
    bench = await Bench.over(modem.pty.path, replace(GENERIC, piece=18, piece_s=0.02))
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    started = bench.link.loop.time()
    assert await sending.submit() == Outcome(Verdict.ACCEPTED, reference=3)
    assert bench.link.loop.time() - started >= 0.04
    assert dialect.load().of("Nokia 6230").piece == 18
    await bench.close()
    modem.pty.unplug()


async def test_73_echo_is_switched_off_twice_where_once_does_not_do(bring_up: BringUp) -> None:
    """N900: E1, then E0, must be sent twice."""
    modem, bench = await bring_up({"AT+CGMI": ["Nokia"], "AT+CGMM": ["N900"]})
    before = iter([True])

    def stubborn() -> list[str]:
        modem.echo = next(before, False)
        return []

    modem.answers["ATE0"] = stubborn
    modem.echo = True
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert modem.asked.count("ATE1") == 1


async def test_73_a_modem_that_echoes_for_ever_is_used_all_the_same(bring_up: BringUp) -> None:
    modem, bench = await bring_up({}, wait=False)

    def deaf() -> list[str]:
        modem.echo = True
        return []

    modem.answers["ATE0"] = deaf
    await bench.ready(1)
    bench.sender.send(segment(), segment())
    await bench.sender.settled(2)


async def test_74_a_modem_that_cannot_receive_sends(bring_up: BringUp) -> None:
    modem, bench = await bring_up(
        {
            "AT+CGMI": ["Nokia"],
            "AT+CGMM": ["N79"],
            "AT+CPMS=?": ["+CPMS: (),(),()"],
            'AT+CPMS="SM","SM","SM"': ["ERROR"],
            'AT+CPMS="SM","SM"': ["ERROR"],
            'AT+CPMS="SM"': ["ERROR"],
            "AT+CPMS?": ["ERROR"],
            **{f"AT+CNMI={mode},1,0,{ds},0": ["ERROR"] for mode in (1, 2) for ds in (0, 1, 2)},
            "AT+CNMI=?": ["ERROR"],
        }
    )
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert "AT+CMGL=4" not in modem.asked


async def test_75_modem_error_is_final() -> None:
    modem = Play("> AT+CMMS=2\n< MODEM ERROR: 5")
    bench = await Bench.over(modem.pty.path)
    with pytest.raises(CommandFailed):
        await bench.link.ask(commands.KEEP_LINK)
    await bench.close()
    modem.pty.unplug()


@pytest.mark.parametrize("answer", [["+CPMS: "], [], ["ERROR"]])
async def test_76_storages_that_are_not_listed_are_guessed_and_read_back(bring_up: BringUp, answer: list[str]) -> None:
    modem, bench = await bring_up({"AT+CGMI": ["SAMSUNG"], "AT+CGMM": ["SGH-J700"], "AT+CPMS=?": answer})
    assert 'AT+CPMS="SM","SM","SM"' in modem.asked
    assert "AT+CPMS?" in modem.asked
    bench.sender.send(segment())
    await bench.sender.settled(1)


async def test_77_a_header_with_a_number_more_is_a_header(bring_up: BringUp) -> None:
    modem, bench = await bring_up({"AT+CMGR=4": ["+CMGR: 0,,21,0", DELIVER]})
    modem.say('+CMTI: "SM",4')
    await bench.sender.until(lambda: [pdu for _, _, pdu in bench.sender.inbound] == [DELIVER])


async def test_78_flat_lists_of_storages(bring_up: BringUp) -> None:
    flat = '+CPMS: "MT","SM","BM","ME","SR", "MT","SM","BM","ME","SR", "MT","SM","BM","ME","SR" '
    _, bench = await bring_up({"AT+CGMI": ["THURAYA"], "AT+CGMM": ["XT"], "AT+CPMS=?": [flat]})
    assert bench.pool.modems[0].storages_to_read == ("SM", "ME", "SR")


async def test_82_a_telit_is_given_20_ms_after_each_result() -> None:
    modem = Play("> AT+CSQ\n< +CSQ: 9,0\n< OK\n> AT+CSQ\n< +CSQ: 9,0\n< OK")
    bench = await Bench.over(modem.pty.path, replace(GENERIC, pause_s=0.05))
    await bench.link.ask(commands.SIGNAL)
    started = bench.link.loop.time()
    await bench.link.ask(commands.SIGNAL)
    assert bench.link.loop.time() - started >= 0.05
    assert dialect.load().of("Telit HE910-D").pause_s == 0.02
    await bench.close()
    modem.pty.unplug()


async def test_83_a_novatel_stores_its_reports(bring_up: BringUp) -> None:
    modem, _ = await bring_up({"AT+CGMI": ["Novatel Wireless Incorporated"], "AT+CGMM": ["MC990D"]})
    assert "AT+CNMI=1,1,0,2,0" in modem.asked
    assert not any(command.endswith(",1,0,1,0") for command in modem.asked)


async def test_85_indexes_may_begin_at_0(bring_up: BringUp) -> None:
    modem, bench = await bring_up({"AT+CMGR=0": ["+CMGR: 0,,21", DELIVER]})
    modem.say('+CMTI: "SM",0')
    await bench.sender.until(lambda: [pdu for _, _, pdu in bench.sender.inbound] == [DELIVER])
    bench.sender.send(segment())
    await bench.sender.settled(1)
    assert "AT+CMGD=0" in modem.asked


async def test_86_what_was_set_is_read_back(bring_up: BringUp) -> None:
    _, bench = await bring_up(
        {
            "AT+CGMI": ["Falcom"],
            "AT+CGMM": ["Samba 75"],
            'AT+CPMS="SM","SM","SM"': ["+CPMS: 0,25,0,25,0,50"],
            "AT+CPMS?": ['+CPMS: "ME",0,25,"ME",0,25,"MT",0,50'],
        }
    )
    assert bench.pool.modems[0].storage_setting[1:] == ("ME", "MT")


@pytest.mark.parametrize("line", ['+CDSI: "SM",1', '+CDSI: "SR",1'])
async def test_82b_a_stored_report_is_found_under_either_name(bring_up: BringUp, line: str) -> None:
    report = "07918497908952F006160B918406214365F7622190000000806221900000008000"
    answers = {"AT+CGMI": ["Telit"], "AT+CGMM": ["UC864"], "AT+CMGR=1": ["+CMGR: 0,,25", report]}
    modem, bench = await bring_up({**answers, "AT+CPMS=?": ['+CPMS: ("SM","SR"),("SM"),("SM")']})
    modem.say(line)
    await bench.sender.until(lambda: [pdu for _, _, pdu in bench.sender.inbound] == [report])


def test_88_89_a_modem_that_may_be_starting_is_given_twenty_seconds() -> None:
    assert GENERIC.attention_tries >= 20


async def test_90_ok_alone_to_cpms_is_followed_by_the_question(bring_up: BringUp) -> None:
    modem, bench = await bring_up({'AT+CPMS="SM","SM","SM"': []})
    assert modem.asked.index('AT+CPMS="SM","SM","SM"') < modem.asked.index("AT+CPMS?")
    assert bench.pool.modems[0].storage_total == 50


@pytest.mark.usefixtures("hasty")
async def test_91_the_smsc_that_cannot_be_read_yet_is_asked_again(bring_up: BringUp) -> None:
    busy = iter([["+CME ERROR: 14"], ["+CME ERROR: 14"]])
    modem, bench = await bring_up(
        {"AT+CGMI": ["QUALCOMM INCORPORATED"], "AT+CSCA?": lambda: next(busy, ['+CSCA: "+48790998250",145'])}
    )
    assert modem.asked.count("AT+CSCA?") == 3
    assert bench.pool.modems[0].smsc_known


async def test_330_a_sim_without_smsc_says_so_before_the_first_message(bring_up: BringUp) -> None:
    _, bench = await bring_up({"AT+CSCA?": ['+CSCA: "",129']}, wait=False)
    await bench.until(lambda modems: "holds no SMSC number" in str(modems[0].reason))


async def test_93_a_full_sim_is_emptied_at_the_start(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank("--air", "0", modems=1)
    befall(bank.folder, "modem0", "memory_full")
    bench = PoolBench(bank.ports, bank.folder / "pins")
    await bench.ready(1)
    bench.sender.send(segment())
    await bench.sender.settled(1)
    await bench.stop()
    assert bench.pool.modems[0].storage_used == 0
    assert bench.sender.inbound
