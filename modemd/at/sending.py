"""One message in flight: ``AT+CMGS``, the prompt, PDU and Ctrl-Z, the verdict (TS 27.005 4.3).

Before Ctrl-Z every failure is harmless (Unsent). After it nothing is written, and there are three outcomes: accepted
(``+CMGS``), refused (a code that proves it, see codes.py), uncertain (everything else).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modemd.at import codes
from modemd.at.commands import SUBMIT
from modemd.at.events import Event, Final, Line, Prompt
from modemd.at.grammar import after, whole_numbers
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


class Sending:
    """The exchange of one segment: ``prompt()``, then ``submit()`` or ``abandon()``.

    ``AT+CMGS`` is handed to the port before the constructor returns; it raises what the link was lost by.
    """

    __slots__ = (
        "_escaped",
        "_link",
        "_prompt",
        "_reference",
        "_segment",
        "_submitted_at",
        "_verdict",
        "judgement",
        "outcome",
    )

    def __init__(self, link: Link, segment: Segment) -> None:
        self.outcome: Outcome | None = None
        """What became of it; None until that is known."""
        self.judgement: codes.Judgement | None = None
        """What the modem's error means, if it gave one."""
        self._link = link
        self._segment = segment
        self._reference: int | None = None
        self._submitted_at = 0.0
        self._prompt: asyncio.Future[None] = link.loop.create_future()
        self._verdict: asyncio.Future[Outcome] | None = None
        self._escaped: asyncio.Future[None] | None = None
        command = SUBMIT[segment.length]
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
        self.outcome = Outcome(Verdict.UNSENT, code="abandoned")
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
            if not self._prompt.done():
                self._prompt.set_result(None)
        elif isinstance(event, Line) and link.state is State.SUBMITTED:
            self._reference = _reference(event.text)
            link.wait_longer(FINAL_S)
        elif isinstance(event, Final):
            was = link.state
            link.finish(Move.FINAL)
            self._end(was, event)

    def expire(self) -> None:
        """The prompt, the verdict or the answer to ESC did not come."""
        link = self._link
        if link.state is State.ESCAPING:
            link.finish(Move.QUIET)
            self._leave()
            return
        awaited = "Ctrl-Z" if link.state is State.SUBMITTED else "AT+CMGS"
        link.lose(CommandTimeout(f"{awaited} was not answered in time"))

    def fail(self, error: AtError, was: State) -> None:
        """The link is lost. With ``+CMGS`` read the SMSC has it all the same."""
        if was is not State.SUBMITTED:
            self._unsent(Outcome(Verdict.UNSENT, code=error.code, fault=Fault.MODEM, detail=error.detail))
        elif self._reference is not None:
            self._judge(Outcome(Verdict.ACCEPTED, reference=self._reference))
        else:
            self._judge(Outcome(Verdict.UNCERTAIN, code=error.code, fault=Fault.MODEM, detail=error.detail))

    def _end(self, was: State, final: Final) -> None:
        if was is State.ESCAPING:
            self._leave()
        elif was is State.SUBMITTED:
            self._judge(self._verdict_of(final))
        else:
            self._unsent(self._classified(final, None))

    def _verdict_of(self, final: Final) -> Outcome:
        if final.ok:
            return Outcome(Verdict.ACCEPTED, reference=self._reference)
        return self._classified(final, self._link.loop.time() - self._submitted_at)

    def _classified(self, final: Final, after_s: float | None) -> Outcome:
        dialect = self._link.dialect
        self.judgement = codes.classify(
            final.family,
            final.number,
            after_s=after_s,
            text=final.text,
            vendor=dialect.vendor,
            quick_s=dialect.refused_within_s,
        )
        return self.judgement.outcome()

    def _unsent(self, outcome: Outcome) -> None:
        self.outcome = outcome
        if not self._prompt.done():
            self._prompt.set_exception(Unsent(outcome))
        self._leave()

    def _judge(self, outcome: Outcome) -> None:
        self.outcome = outcome
        if self._verdict is not None and not self._verdict.done():
            self._verdict.set_result(outcome)

    def _leave(self) -> None:
        if self._escaped is not None and not self._escaped.done():
            self._escaped.set_result(None)


def _reference(line: str) -> int | None:
    """TP-MR of ``+CMGS: <mr>[,…]`` (TS 27.005 3.5.1); None where noise has eaten it."""
    values = whole_numbers(after("+CMGS:", line))
    return values[0] if values and values[0] is not None and values[0] <= 255 else None
