"""One message in flight: ``AT+CMGS``, the prompt, PDU and Ctrl-Z, the verdict (TS 27.005 4.3).

Before Ctrl-Z every failure is harmless (Unsent). After it nothing is written, and there are three outcomes: accepted
(``+CMGS``), refused (a code that proves it, see judgement.py), uncertain (everything else).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from modemd.at.commands import SUBMIT, SUBMIT_IN_PDU_MODE, WRITE, Command
from modemd.at.events import Event, Final, Line, Prompt
from modemd.at.grammar import whole_numbers
from modemd.at.judgement import Judgement, classify
from modemd.at.link import ESC
from modemd.at.state import Move, State
from modemd.errors import AtError, CommandTimeout, ModemLost, Unsent
from modemd.values import Fault, Outcome, Segment, Verdict

if TYPE_CHECKING:
    from modemd.at.link import Link

CTRL_Z = b"\x1a"
FINAL_S = 5.0
"""``+CMGS:`` says that the SMSC has it; the OK after it comes at once, or has been lost."""
ESCAPE_S = 0.5
"""ESC is answered at once (OK, ERROR, +CMS ERROR), or never, as the firmware has it."""


Settled = Callable[[Outcome, Judgement | None], None]


def _nobody(_outcome: Outcome, _judgement: Judgement | None) -> None:
    """Nobody wants to know."""


class Sending:
    """The exchange of one segment: ``prompt()``, then ``submit()`` or ``abandon()``.

    ``AT+CMGS`` is handed to the port before the constructor returns; it raises what the link was lost by. ``settled``
    is called once, with the outcome and what the modem's error means, if it gave one.
    """

    __slots__ = (
        "_escaped",
        "_in_doubt",
        "_link",
        "_named",
        "_ok_alone",
        "_on_one_line",
        "_prompt",
        "_reference",
        "_segment",
        "_settled",
        "_submitted_at",
        "_verdict",
        "outcome",
    )

    commands: Sequence[Command] = SUBMIT
    """The command for each length of a TPDU."""
    ok_is_enough = False
    """Whether OK alone says all, whatever the dialect."""

    def __init__(self, link: Link, segment: Segment, settled: Settled = _nobody, *, in_doubt: bool = False) -> None:
        """``in_doubt``: the message before was refused, perhaps for the same reason."""
        self.outcome: Outcome | None = None
        """What became of it; None until that is known."""
        self._link = link
        self._segment = segment
        self._settled = settled
        self._in_doubt = in_doubt
        self._reference: int | None = None
        self._named = False
        """``+CMGS:`` has come, be its number readable or not."""
        self._ok_alone = False
        """OK has come without it."""
        self._submitted_at = 0.0
        self._prompt: asyncio.Future[None] = link.loop.create_future()
        self._verdict: asyncio.Future[Outcome] | None = None
        self._escaped: asyncio.Future[None] | None = None
        self._on_one_line = link.one_line and self.commands is SUBMIT
        command = (SUBMIT_IN_PDU_MODE if self._on_one_line else self.commands)[segment.length]
        link.begin(self, Move.SEND)
        link.parser.sent(command)
        link.write(command.text.encode() + b"\r", link.dialect.prompt_s)

    async def prompt(self) -> None:
        """Return when the modem waits for the PDU; raises Unsent when anything else came instead."""
        await self._prompt

    async def submit(self) -> Outcome:
        """Write PDU and Ctrl-Z in one go and await the verdict. Never raises for what the modem does.

        What has come meanwhile is read first: a boot line, or a port that has gone, makes it UNSENT.
        """
        link = self._link
        if self.outcome is None:
            link.read_now()
        if self.outcome is not None:
            return self.outcome
        self._verdict = link.loop.create_future()
        self._submitted_at = link.loop.time()
        link.go(Move.SUBMIT)
        link.parser.submitted(self._segment.pdu)
        link.write(self._segment.pdu.encode() + CTRL_Z, link.dialect.submit_s)
        return await self._verdict

    async def abandon(self) -> None:
        """Leave the prompt by ESC: nothing is sent. Afterwards the dialogue is idle, or the link is lost."""
        link = self._link
        if self._prompt.cancelled() and link.state is State.PROMPTING:
            self._prompt = link.loop.create_future()
        if not self._prompt.cancelled():
            try:
                await self._prompt
            except Unsent:
                return
        if self.outcome is not None:
            return
        self._escaped = link.loop.create_future()
        link.go(Move.ESCAPE)
        link.write(ESC, ESCAPE_S)
        await self._escaped
        if self.outcome is not None:
            return
        self._settle(Outcome(Verdict.UNSENT, code="abandoned"))
        try:
            await link.listen(link.dialect.escape_rest_s, ESCAPE_S)
            await link.attend(3)
        except AtError:
            link.lose(ModemLost("the modem is out of step after ESC", code="out_of_step"))

    def take(self, event: Event) -> None:
        """The prompt, the reference, the verdict."""
        link = self._link
        if isinstance(event, Prompt) and link.state is State.PROMPTING:
            link.go(Move.PROMPT)
            link.rest()
            link.one_line_proven |= self._on_one_line
            if not self._prompt.done():
                self._prompt.set_result(None)
        elif isinstance(event, Line) and link.state is State.SUBMITTED:
            self._named, self._reference = True, _reference(event.text)
            link.wait_longer(FINAL_S)
        elif isinstance(event, Final):
            was = link.state
            if was is State.SUBMITTED and event.ok and not self._accepts(event):
                self._ok_alone = True
                return
            link.finish(Move.FINAL)
            self._end(was, event)

    def expire(self) -> None:
        """The prompt, the verdict or the answer to ESC did not come."""
        link = self._link
        if link.state is State.ESCAPING:
            link.finish(Move.QUIET)
            self._leave()
            return
        if link.state is State.PROMPTING and self._is_trial:
            link.one_line = False
        if self._ok_alone and not self._named:
            link.lose(CommandTimeout("Ctrl-Z was answered OK without +CMGS, which proves nothing", code="ok_alone"))
            return
        awaited = "Ctrl-Z" if link.state is State.SUBMITTED else "AT+CMGS"
        link.lose(CommandTimeout(f"{awaited} was not answered in time"))

    def fail(self, error: AtError, was: State) -> None:
        """The link is lost. With ``+CMGS`` read the SMSC has it all the same."""
        if was is State.SUBMITTED and self._named:
            self._settle(Outcome(Verdict.ACCEPTED, reference=self._reference))
        else:
            verdict = Verdict.UNCERTAIN if was is State.SUBMITTED else Verdict.UNSENT
            self._settle(Outcome(verdict, code=error.code, fault=Fault.MODEM, detail=error.detail))

    @property
    def orphaned(self) -> bool:
        """Whether nobody awaits the verdict any more."""
        return self._verdict is not None and self._verdict.cancelled()

    def _end(self, was: State, final: Final) -> None:
        if was is State.ESCAPING:
            self._leave()
        elif was is State.SUBMITTED and self._accepts(final):
            # With +CMGS read, the SMSC has it, whatever the modem says next (field practice of TS 27.005 3.5.1).
            self._settle(Outcome(Verdict.ACCEPTED, reference=self._reference))
        else:
            judgement = self._judge(final, self._since_ctrl_z() if was is State.SUBMITTED else None)
            dislikes_line = final.family == "error" or judgement.fault is Fault.DRIVER
            if was is State.PROMPTING and self._is_trial and dislikes_line:
                self._link.one_line = False
                self._settle(Outcome(Verdict.UNSENT, code="one_line", detail="the modem takes one command on a line"))
            else:
                self._settle(judgement.outcome(), judgement)

    def _accepts(self, final: Final) -> bool:
        """Whether this final result after Ctrl-Z says that the SMSC has it."""
        return self._named or (final.ok and (self.ok_is_enough or self._link.dialect.ok_alone))

    def _since_ctrl_z(self) -> float:
        """Seconds; after an OK that may have been this message's own, no error is quick enough to prove anything."""
        return math.inf if self._ok_alone else self._link.loop.time() - self._submitted_at

    @property
    def one_line_refused(self) -> bool:
        """Whether it has turned out that the modem does not take ``AT+CMGS`` after another command."""
        return self._on_one_line and not self._link.one_line

    @property
    def _is_trial(self) -> bool:
        """Nothing proves yet that this modem takes ``AT+CMGS`` after another command: a refusal may be about that."""
        return self._on_one_line and not self._link.one_line_proven

    def _judge(self, final: Final, after_s: float | None) -> Judgement:
        dialect = self._link.dialect
        return classify(
            final.family,
            final.number,
            after_s=after_s,
            text=final.text,
            vendor=dialect.vendor,
            quick_s=dialect.refused_within_s,
            in_doubt=self._in_doubt,
        )

    def _settle(self, outcome: Outcome, judgement: Judgement | None = None) -> None:
        self.outcome = outcome
        if not self._prompt.done():
            self._prompt.set_exception(Unsent(outcome))
            self._prompt.exception()  # seen here, for nobody may be waiting for it yet
        if self._verdict is not None and not self._verdict.done():
            self._verdict.set_result(outcome)
        self._leave()
        self._settled(outcome, judgement)

    def _leave(self) -> None:
        if self._escaped is not None and not self._escaped.done():
            self._escaped.set_result(None)


class Writing(Sending):
    """The exchange that puts one TPDU into storage (``AT+CMGW``, TS 27.005 4.4): the same dialogue, nothing sent.

    ACCEPTED means that it lies there; the reference is its index where that is below 256.
    """

    commands = WRITE
    ok_is_enough = True


def _reference(line: str) -> int | None:
    """TP-MR of ``+CMGS: <mr>[,…]`` (TS 27.005 3.5.1); None where noise has eaten it."""
    values = whole_numbers(line.partition(":")[2])
    return values[0] if values and values[0] is not None and values[0] <= 255 else None
