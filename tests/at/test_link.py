"""The link: one exchange at a time, one deadline, and what ends a dialogue. Played over real ptys."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from playbook import SEGMENT, StartPlay

from modemd.at import commands
from modemd.at.commands import Command
from modemd.at.dialect import GENERIC
from modemd.at.events import Unsolicited
from modemd.at.sending import Sending
from modemd.at.state import IllegalMove, State
from modemd.errors import CommandFailed, CommandTimeout, ModemLost, PortLost, Unsent
from modemd.values import Fault, Outcome, Verdict

HURRIED = replace(GENERIC, prompt_s=0.2, submit_s=0.3)

UP_TO_CTRL_Z = """
    > AT+CMGS=19
    <| \\r\\n>·
    >| {pdu}\\x1a
"""


async def send(bench_link: object) -> Outcome:
    sending = Sending(bench_link, SEGMENT)  # type: ignore[arg-type]  # the tests hand it a Link
    await sending.prompt()
    return await sending.submit()


# --- commands ---------------------------------------------------------------------------------------------------


async def test_a_command_gives_its_information_text(play: StartPlay) -> None:
    modem, bench = await play("""
        > AT+CSQ
        < +CSQ: 18,0
        < OK
    """)
    assert await bench.link.ask(commands.SIGNAL) == ["+CSQ: 18,0"]
    assert bench.link.state is State.IDLE
    await modem.finished()


async def test_an_error_names_the_command_but_not_its_parameters(play: StartPlay) -> None:
    _, bench = await play("""
        > AT+CPIN="0000"
        < +CME ERROR: 16
    """)
    with pytest.raises(CommandFailed) as refused:
        await bench.link.ask(commands.enter_pin("0000"))
    assert refused.value.code == "cme-16"
    assert "0000" not in str(refused.value)
    assert bench.link.state is State.IDLE


async def test_one_command_at_a_time(play: StartPlay) -> None:
    _, bench = await play("> AT+CSQ")
    first = asyncio.create_task(bench.link.ask(commands.SIGNAL))
    await asyncio.sleep(0)
    with pytest.raises(IllegalMove):
        await bench.link.ask(commands.OPERATOR)
    first.cancel()


async def test_no_answer_within_the_deadline_loses_the_link(play: StartPlay) -> None:
    _, bench = await play("> AT+COPS?")
    with pytest.raises(CommandTimeout):
        await bench.link.ask(replace(commands.OPERATOR, timeout_s=0.05))
    assert bench.link.state is State.LOST
    with pytest.raises(CommandTimeout):
        await bench.link.ask(commands.SIGNAL)


async def test_attention_is_asked_again_and_again(play: StartPlay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemd.at.link.ATTENTION", replace(commands.ATTENTION, timeout_s=0.05))
    modem, bench = await play("""
        > AT
        > AT
        > AT
        < OK
    """)
    await bench.link.attend(10)
    await modem.finished()
    assert bench.link.state is State.IDLE


async def test_an_answer_without_final_result_is_taken_where_that_is_known(play: StartPlay) -> None:
    """Wavecom gives no OK after ``+CPIN: READY`` (quirk 57)."""
    modem, bench = await play("""
        > AT+CPIN?
        < +CPIN: READY
        > AT+CSQ
        < +CSQ: 9,0
        < OK
    """)
    assert await bench.link.ask(replace(commands.PIN_STATE, lenient_s=0.05)) == ["+CPIN: READY"]
    assert await bench.link.ask(commands.SIGNAL) == ["+CSQ: 9,0"]
    await modem.finished()


async def test_what_comes_unasked_is_heard_and_changes_no_answer(play: StartPlay) -> None:
    _, bench = await play("""
        > AT+CSQ
        < +CDSI: "SR",50
        <| AT+CSQ\\r
        < ^RSSI:18
        < +CSQ: 18,0
        < RING
        < OK
    """)
    assert await bench.link.ask(commands.SIGNAL) == ["+CSQ: 18,0"]
    assert bench.heard == [Unsolicited('+CDSI: "SR",50'), Unsolicited("^RSSI:18"), Unsolicited("RING")]
    assert bench.link.echoed


async def test_a_vanished_port_loses_the_link_at_once(play: StartPlay) -> None:
    _, bench = await play("""
        > AT+CSQ
        ! unplug
    """)
    with pytest.raises(PortLost):
        await bench.link.ask(commands.SIGNAL)
    await asyncio.wait_for(bench.link.lost, 1)


async def test_a_prompt_nobody_asked_for_means_that_we_are_out_of_step(play: StartPlay) -> None:
    _, bench = await play("<| \\r\\n>·")
    await asyncio.wait_for(bench.link.lost, 1)
    assert isinstance(bench.link.failure, ModemLost)
    assert bench.link.failure.code == "out_of_step"


async def test_a_long_write_is_written_to_its_end_before_the_deadline_begins(play: StartPlay) -> None:
    """A pty takes some 4 kB at once; what remains goes when there is room."""
    text = "AT+X=" + "7" * 60_000
    modem, bench = await play("> {command}\n< OK", command=text)
    assert await bench.link.ask(Command(text, 2.0)) == []
    await modem.finished()


async def test_listening_ends_when_the_modem_is_silent(play: StartPlay) -> None:
    modem, bench = await play("""
        < +CMGS: 41
        ! wait 0.1
        < OK
    """)
    await bench.link.listen(0.2, 5.0)
    await modem.finished()
    assert bench.heard == [Unsolicited("+CMGS: 41"), Unsolicited("OK")]


async def test_a_modem_that_never_stops_talking_is_not_waited_for_for_ever(play: StartPlay) -> None:
    _, bench = await play("\n".join(["< ^RSSI:1", "! wait 0.02"] * 40))
    async with asyncio.timeout(0.5):
        await bench.link.listen(0.2, 0.3)


# --- messages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slice_octets", [0, 1, 3])
async def test_a_message_is_accepted_with_its_reference(play: StartPlay, slice_octets: int) -> None:
    modem, bench = await play(UP_TO_CTRL_Z + "< +CMGS: 17\n< OK", slice_octets=slice_octets)
    assert await send(bench.link) == Outcome(Verdict.ACCEPTED, reference=17)
    await modem.finished()
    assert bench.link.state is State.IDLE


async def test_the_command_is_written_before_start_returns(play: StartPlay) -> None:
    modem, bench = await play("> AT+CMGS=19\n<| \\r\\n>·")
    Sending(bench.link, SEGMENT)
    assert bench.link._unwritten == b""
    await modem.finished()


async def test_pdu_and_ctrl_z_leave_before_submit_first_waits(play: StartPlay) -> None:
    modem, bench = await play(UP_TO_CTRL_Z)
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    submitting = sending.submit().__await__()
    next(submitting)
    assert bench.link.state is State.SUBMITTED
    await modem.finished()
    submitting.close()


async def test_a_refusal_is_told_with_its_code_and_fault(play: StartPlay) -> None:
    _, bench = await play(UP_TO_CTRL_Z + "< +CMS ERROR: 21")
    outcome = await send(bench.link)
    assert (outcome.verdict, outcome.code, outcome.fault) == (Verdict.REFUSED, "cms-21", Fault.MESSAGE)
    assert bench.link.state is State.IDLE


async def test_a_duplicate_rejected_by_the_smsc_is_accepted(play: StartPlay) -> None:
    _, bench = await play(UP_TO_CTRL_Z + "< +CMS ERROR: 197")
    assert (await send(bench.link)).verdict is Verdict.ACCEPTED


async def test_a_telling_nothing_error_proves_nothing_once_it_comes_late(play: StartPlay) -> None:
    _, bench = await play(
        UP_TO_CTRL_Z + "! wait 0.1\n< +CMS ERROR: 500", dialect=replace(GENERIC, refused_within_s=0.05)
    )
    assert (await send(bench.link)).verdict is Verdict.UNCERTAIN


async def test_an_error_instead_of_the_prompt_is_unsent(play: StartPlay) -> None:
    _, bench = await play("> AT+CMGS=19\n< +CMS ERROR: 304")
    sending = Sending(bench.link, SEGMENT)
    with pytest.raises(Unsent) as unsent:
        await sending.prompt()
    assert unsent.value.outcome.code == "cms-304"
    assert unsent.value.outcome.verdict is Verdict.UNSENT
    assert bench.link.state is State.IDLE


async def test_no_prompt_is_unsent_and_escaped_from(play: StartPlay) -> None:
    modem, bench = await play("> AT+CMGS=19\n>| \\x1b", dialect=HURRIED)
    with pytest.raises(Unsent) as unsent:
        await Sending(bench.link, SEGMENT).prompt()
    assert unsent.value.outcome.code == "timeout"
    assert bench.link.state is State.LOST
    await modem.finished()


async def test_no_answer_after_ctrl_z_is_uncertain_and_nothing_is_written_after_it(play: StartPlay) -> None:
    modem, bench = await play(UP_TO_CTRL_Z, dialect=HURRIED)
    outcome = await send(bench.link)
    assert (outcome.verdict, outcome.code) == (Verdict.UNCERTAIN, "timeout")
    await asyncio.sleep(0.05)
    await modem.finished()
    assert modem.silent


async def test_a_port_lost_after_ctrl_z_is_uncertain(play: StartPlay) -> None:
    _, bench = await play(UP_TO_CTRL_Z + "! unplug")
    outcome = await send(bench.link)
    assert (outcome.verdict, outcome.code) == (Verdict.UNCERTAIN, "port_lost")


async def test_a_port_lost_before_the_prompt_is_unsent(play: StartPlay) -> None:
    _, bench = await play("> AT+CMGS=19\n! unplug")
    with pytest.raises(Unsent) as unsent:
        await Sending(bench.link, SEGMENT).prompt()
    assert unsent.value.outcome.code == "port_lost"


async def test_a_port_lost_at_the_prompt_makes_submit_unsent(play: StartPlay) -> None:
    modem, bench = await play("> AT+CMGS=19\n<| \\r\\n>·")
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    modem.pty.unplug()
    assert (await sending.submit()).verdict is Verdict.UNSENT


async def test_an_error_after_the_reference_does_not_take_the_message_back(play: StartPlay) -> None:
    _, bench = await play(UP_TO_CTRL_Z + "< +CMGS: 3\n< +CMS ERROR: 38")
    assert await send(bench.link) == Outcome(Verdict.ACCEPTED, reference=3)


async def test_a_reference_without_ok_is_accepted_all_the_same(play: StartPlay) -> None:
    _, bench = await play(UP_TO_CTRL_Z + "< +CMGS: 3\n! wait 0.05\n! unplug")
    assert await send(bench.link) == Outcome(Verdict.ACCEPTED, reference=3)


@pytest.mark.parametrize("damaged", ["+CM?S: 3", "CMGS: 3", "+CMGS? 3", "?!+CMGS: 3", "+CMGS: ?"])
async def test_ok_is_an_answer_after_what_noise_has_left_of_the_reference(play: StartPlay, damaged: str) -> None:
    _, bench = await play(UP_TO_CTRL_Z + "< {damaged}\n< OK", damaged=damaged)
    assert await send(bench.link) == Outcome(Verdict.ACCEPTED, reference=None)
    assert bench.link.state is State.IDLE


async def test_ok_without_a_reference_ends_nothing_and_the_answer_is_waited_for(play: StartPlay) -> None:
    _, bench = await play(UP_TO_CTRL_Z + "< OK\n! wait 0.2\n< OK\n< +CMGS: 3\n< OK")
    assert await send(bench.link) == Outcome(Verdict.ACCEPTED, reference=3)


@pytest.mark.parametrize(
    ("said", "verdict", "code"),
    [
        ("OK", Verdict.UNCERTAIN, "ok_alone"),
        ("OK\n< ERROR", Verdict.UNCERTAIN, "error"),
        ("OK\n< +CMS ERROR: 38", Verdict.REFUSED, "cms-38"),
        ("OK\n! unplug", Verdict.UNCERTAIN, "port_lost"),
    ],
)
async def test_ok_without_a_reference_proves_nothing(play: StartPlay, said: str, verdict: Verdict, code: str) -> None:
    _, bench = await play(UP_TO_CTRL_Z + f"< {said}", dialect=HURRIED)
    outcome = await send(bench.link)
    assert (outcome.verdict, outcome.code) == (verdict, code)


async def test_ok_alone_is_a_success_of_a_family_that_says_no_more(play: StartPlay) -> None:
    _, bench = await play(UP_TO_CTRL_Z + "< OK", dialect=replace(GENERIC, ok_alone=True))
    assert await send(bench.link) == Outcome(Verdict.ACCEPTED, reference=None)
    assert bench.link.state is State.IDLE


@pytest.mark.parametrize("boot", ["RDY", "*ATREADY: 1", "^SYSSTART", "NORMAL POWER DOWN"])
async def test_a_boot_line_before_the_prompt_is_unsent_and_escaped_from(play: StartPlay, boot: str) -> None:
    modem, bench = await play("> AT+CMGS=19\n< {boot}\n>| \\x1b", boot=boot)
    bench.link.watch_restarts()
    with pytest.raises(Unsent) as unsent:
        await Sending(bench.link, SEGMENT).prompt()
    assert unsent.value.outcome.code == "reset"
    await modem.finished()


async def test_a_boot_line_at_the_prompt_keeps_the_pdu_back(play: StartPlay) -> None:
    modem, bench = await play("> AT+CMGS=19\n<| \\r\\n>·\n< RDY\n>| \\x1b")
    bench.link.watch_restarts()
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    outcome = await sending.submit()
    assert (outcome.verdict, outcome.code) == (Verdict.UNSENT, "reset")
    await modem.finished()


async def test_an_echo_that_should_not_be_there_keeps_the_pdu_back(play: StartPlay) -> None:
    """A modem that restarted into text mode takes the length for the number and the PDU for the text."""
    modem, bench = await play("> AT+CMGS=19\n<| AT+CMGS=19\\r\\r\\n>·\n>| \\x1b")
    bench.link.echo_proves_restart = True
    sending = Sending(bench.link, SEGMENT)
    with pytest.raises(Unsent) as unsent:
        await sending.prompt()
    assert unsent.value.outcome.code == "reset"
    await modem.finished()


async def test_an_echo_means_nothing_where_ate0_does_not_work(play: StartPlay) -> None:
    _, bench = await play("""
        > AT+CMGS=19
        <| AT+CMGS=19\\r\\r\\n>·
        >| {pdu}\\x1a
        <| {pdu}\\x1a
        < +CMGS: 5
        < OK
    """)
    assert await send(bench.link) == Outcome(Verdict.ACCEPTED, reference=5)


async def test_a_boot_line_after_ctrl_z_is_uncertain_at_once(play: StartPlay) -> None:
    _, bench = await play(UP_TO_CTRL_Z + "< RDY")
    bench.link.watch_restarts()
    async with asyncio.timeout(1):
        outcome = await send(bench.link)
    assert (outcome.verdict, outcome.code) == (Verdict.UNCERTAIN, "reset")


async def test_late_boot_lines_prove_nothing_while_the_boot_may_go_on(play: StartPlay) -> None:
    _, bench = await play("< SMS Ready\n" + UP_TO_CTRL_Z + "< Call Ready\n< +CMGS: 1\n< OK")
    bench.link.watch_restarts()
    assert (await send(bench.link)).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("answer", ["< OK", "< ERROR", "< +CMS ERROR: 305", ""])
async def test_an_abandoned_message_leaves_the_dialogue_idle(play: StartPlay, answer: str) -> None:
    modem, bench = await play(f"""
        > AT+CMGS=19
        <| \\r\\n>·
        >| \\x1b
        {answer}
        > AT
        < OK
        > AT+CSQ
        < +CSQ: 9,0
        < OK
    """)
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    await sending.abandon()
    assert sending.outcome is not None
    assert sending.outcome.verdict is Verdict.UNSENT
    assert await bench.link.ask(commands.SIGNAL) == ["+CSQ: 9,0"]
    await modem.finished()


async def test_a_message_may_be_abandoned_before_its_prompt(play: StartPlay) -> None:
    modem, bench = await play("""
        > AT+CMGS=19
        ! wait 0.05
        <| \\r\\n>·
        >| \\x1b
        < OK
        > AT
        < OK
    """)
    sending = Sending(bench.link, SEGMENT)
    waiting = asyncio.create_task(sending.prompt())
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await sending.abandon()
    assert bench.link.state is State.IDLE
    await modem.finished()


async def test_the_deadline_counts_the_answer_that_lies_unread(play: StartPlay) -> None:
    """chan_dongle dropped commands by time-out though the answer lay in its buffer."""
    modem, bench = await play("> AT+CSQ\n< +CSQ: 5,0\n< OK")
    asking = asyncio.create_task(bench.link.ask(replace(commands.SIGNAL, timeout_s=0.05)))
    await asyncio.sleep(0)
    bench.link.loop.remove_reader(bench.port.fileno())
    await modem.finished()
    assert await asking == ["+CSQ: 5,0"]


async def test_closing_the_link_makes_what_is_unanswered_uncertain(play: StartPlay) -> None:
    modem, bench = await play(UP_TO_CTRL_Z)
    sending = asyncio.create_task(send(bench.link))
    await modem.finished()
    bench.link.close("stopped")
    outcome = await sending
    assert (outcome.verdict, outcome.code) == (Verdict.UNCERTAIN, "stopped")
