"""PDU mode and AT+CMGS on one line: what it is worth, and how a modem is found out that does not take it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playbook import SEGMENT, Bench, StartPlay

from modemd.at.dialect import GENERIC
from modemd.at.sending import Sending
from modemd.at.state import State
from modemd.errors import Unsent
from modemd.values import Fault, Outcome, Verdict

HURRIED = replace(GENERIC, prompt_s=0.2)


async def refused(bench: Bench) -> tuple[Outcome, bool]:
    """What became of a message that got no prompt, and whether the line is blamed."""
    sending = Sending(bench.link, SEGMENT)
    with pytest.raises(Unsent) as unsent:
        await sending.prompt()
    return unsent.value.outcome, sending.one_line_refused


async def sent(bench: Bench) -> Outcome:
    sending = Sending(bench.link, SEGMENT)
    await sending.prompt()
    return await sending.submit()


async def test_each_message_sets_pdu_mode_on_its_own_line(play: StartPlay) -> None:
    modem, bench = await play("""
        > AT+CMGF=0;+CMGS=19
        <| \\r\\n>·
        >| {pdu}\\x1a
        < +CMGS: 5
        < OK
        > AT+CMGF=0;+CMGS=19
        < +CMS ERROR: 304
    """)
    bench.link.one_line = True
    assert await sent(bench) == Outcome(Verdict.ACCEPTED, reference=5)
    outcome, blamed = await refused(bench)
    assert (outcome.code, outcome.fault, blamed) == ("cms-304", Fault.DRIVER, False), "it has worked: not the line"
    await modem.finished()


@pytest.mark.parametrize("answer", ["ERROR", "+CMS ERROR: 303", "+CME ERROR: 50", "COMMAND NOT SUPPORT"])
async def test_a_modem_that_takes_one_command_a_line_is_told_so_from_then_on(play: StartPlay, answer: str) -> None:
    modem, bench = await play(
        """
        > AT+CMGF=0;+CMGS=19
        < {answer}
        > AT+CMGS=19
        <| \\r\\n>·
        >| {pdu}\\x1a
        < +CMGS: 5
        < OK
        """,
        answer=answer,
    )
    bench.link.one_line = True
    outcome, blamed = await refused(bench)
    assert (outcome.verdict, outcome.fault, blamed) == (Verdict.UNSENT, None, True), "nobody's fault: it goes again"
    assert (await sent(bench)).verdict is Verdict.ACCEPTED
    await modem.finished()


@pytest.mark.parametrize("answer", ["+CMS ERROR: 500", "+CMS ERROR: 331", "+CME ERROR: 14"])
async def test_a_refusal_for_another_reason_says_nothing_about_the_line(play: StartPlay, answer: str) -> None:
    _, bench = await play("> AT+CMGF=0;+CMGS=19\n< {answer}", answer=answer)
    bench.link.one_line = True
    outcome, blamed = await refused(bench)
    assert (outcome.fault is None, blamed, bench.link.one_line) == (False, False, True)


async def test_a_modem_that_says_ok_and_gives_no_prompt_is_not_asked_so_again(play: StartPlay) -> None:
    _, bench = await play("> AT+CMGF=0;+CMGS=19\n< OK\n>| \\x1b", dialect=HURRIED)
    bench.link.one_line = True
    outcome, blamed = await refused(bench)
    assert (outcome.verdict, outcome.code, blamed) == (Verdict.UNSENT, "timeout", True)
    assert bench.link.state is State.LOST
