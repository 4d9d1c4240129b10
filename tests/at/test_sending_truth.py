"""Whatever a modem does, no verdict contradicts the truth: a modem that knows whether the network has the message.

Hypothesis makes up what the modem does with each message and what else it says; the dialogue over it runs in an event
loop in which waiting takes no time, so that three minutes without an answer cost nothing.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st
from timeless import run

from modemd.at.link import Link
from modemd.at.sending import Sending
from modemd.at.state import State
from modemd.errors import AtError, Unsent
from modemd.values import Outcome, Segment, Verdict

REPORT = "+CDS: 25\r\n07918497908952F006160B918406214365F7622190000000806221900000008000"
CHATTER = [
    "^RSSI:18",
    "RING",
    '+CMTI: "SM",3',
    "+CREG: 5",
    "OK",
    REPORT,
    '+CUSD: 0,"00",15',
    "00",
    "#?!~",
    "NO CARRIER",
]
"""None of it is an answer; ``00`` is a piece of every PDU, ``OK`` may be meant for somebody else or come late."""

PROOFS = ["+CMS ERROR: 38", "+CMS ERROR: 21", "+CMS ERROR: 255", "+CMS ERROR: 304", "+CMS ERROR: 331"]
"""Codes that a modem gives only where nothing was accepted."""
VAGUE = ["+CMS ERROR: 500", "+CMS ERROR: 512", "ERROR", "+CME ERROR: 100", "COMMAND NOT SUPPORT"]
"""Codes that prove it only where they come at once."""
EITHER = ["+CMS ERROR: 332", "+CMS ERROR: 350", "+CME ERROR: 31"]
"""Codes that never prove anything."""


@dataclass(frozen=True)
class Deed:
    """What the modem does with one message."""

    prompt: str
    """``> ``, twice, an error line, a boot line, or nothing."""
    accepted: bool
    """Whether the network takes it, if it gets as far."""
    answer: tuple[str, ...]
    """Lines after Ctrl-Z; the reference is filled in."""
    after_s: float
    """Between Ctrl-Z and them."""
    chatter: tuple[str, ...] = ()
    """Said between command and prompt, and between Ctrl-Z and the answer."""
    echo: bool = False
    """The PDU comes back, as some modems do whatever ATE0 was."""
    gone: bool = False
    """The port goes in place of the answer."""


def _deeds() -> st.SearchStrategy[Deed]:
    chatter = st.lists(st.sampled_from(CHATTER), max_size=3).map(tuple)
    prompt = st.sampled_from(
        ["\r\n> ", "\r\n> ", "\r\n> ", ">", "\r\n> \r\n> ", "\r\n+CMS ERROR: 500\r\n", "\r\nRDY\r\n", ""]
    )
    lines: list[list[str]] = [["+CMGS: {mr}"], ["OK"], ["+CMGS: {mr}", "OK"], ["+CMS ERROR: 197"], []]
    taken = st.tuples(
        st.sampled_from([*lines, *([code] for code in EITHER), ["RDY"]]), st.sampled_from([0.1, 5.0, 170.0, 400.0])
    )
    vague = st.tuples(st.sampled_from([[code] for code in VAGUE]), st.sampled_from([2.5, 40.0]))
    refused: st.SearchStrategy[tuple[list[str], float]] = st.one_of(
        st.tuples(st.sampled_from([[code] for code in (*PROOFS, *VAGUE, *EITHER)]), st.sampled_from([0.1, 1.0, 40.0])),
        st.just(([], 0.0)),
    )
    ends = st.one_of(
        st.tuples(st.just(True), st.one_of(taken, vague)),
        st.tuples(st.just(False), refused),
    )
    return st.builds(
        lambda prompt, end, chatter, echo, gone: Deed(prompt, end[0], tuple(end[1][0]), end[1][1], chatter, echo, gone),
        prompt, ends, chatter, st.booleans(), st.sampled_from([False, False, False, True]),
    )  # fmt: skip


@dataclass
class Modem:
    """The modem and the network; ``path`` and the rest make it a port."""

    deeds: list[Deed]
    slices: int
    path: str = "model"
    accepted: set[str] = field(default_factory=set)
    handed: list[str] = field(default_factory=list)
    """PDUs that came with their Ctrl-Z."""
    broken: list[str] = field(default_factory=list)
    """What the host did that it must not do."""

    def __post_init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._heard = b""
        self._prompting = False
        self._busy = False
        self._deed: Deed | None = None
        self._next = iter(self.deeds)
        self.loop = asyncio.get_running_loop()

    def fileno(self) -> int:
        return self._ours.fileno()

    def read(self) -> bytes:
        return self._ours.recv(self.slices)

    async def close(self) -> None:
        self._ours.close()
        self._theirs.close()

    def write(self, data: bytes) -> int:
        if self._busy:
            self.broken.append(f"{data!r} after Ctrl-Z")
        self._heard += data
        if b"\x1b" in self._heard:
            self._heard, self._prompting = b"", False
            self._say("\r\nOK\r\n")
        elif self._prompting and b"\x1a" in self._heard:
            self._prompting = False
            self._entered(self._heard.partition(b"\x1a")[0].decode())
            self._heard = b""
        elif not self._prompting and b"\x1a" in self._heard:
            self.broken.append("a PDU without a prompt")
        elif not self._prompting and b"\r" in self._heard:
            command, self._heard = self._heard, b""
            self._asked(command.decode())
        return len(data)

    def _asked(self, command: str) -> None:
        if "+CMGS" not in command:
            self._say("\r\nOK\r\n")
            return
        self._deed = deed = next(self._next)
        self._chat()
        self._prompting = ">" in deed.prompt
        self._say(deed.prompt)

    def _entered(self, pdu: str) -> None:
        assert self._deed is not None
        self.handed.append(pdu)
        if self._deed.accepted:
            self.accepted.add(pdu)
        if self._deed.echo:
            self._say(pdu + "\x1a\r\n")
        self._chat()
        self._busy = True
        self.loop.call_later(self._deed.after_s, self._answers, self._deed, len(self.handed))

    def _answers(self, deed: Deed, mr: int) -> None:
        self._busy = False
        if deed.gone:
            self._theirs.close()
        elif deed.answer:
            self._say("".join(f"\r\n{line}\r\n" for line in deed.answer).format(mr=mr))

    def _chat(self) -> None:
        assert self._deed is not None
        for line in self._deed.chatter:
            self._say(f"\r\n{line}\r\n")

    def _say(self, text: str) -> None:
        if self._theirs.fileno() >= 0:
            self._theirs.send(text.encode())


def segment(number: int) -> Segment:
    """Told apart by a digit of the recipient."""
    return Segment(pdu=f"0011000B918406214365F{number}0000AA05E8329BFD06", length=19)


async def send(link: Link, modem: Modem, number: int) -> Outcome | None:
    """What the link says became of a message; None where the link was lost before."""
    try:
        sending = Sending(link, segment(number))
    except AtError:
        return None
    try:
        await sending.prompt()
    except Unsent as unsent:
        return unsent.outcome
    outcome = await sending.submit()
    modem._busy = False  # an answer, or the end of waiting: something may be said again
    return outcome


async def dialogue(modem: Modem, *, one_line: bool) -> list[Outcome | None]:
    link = Link(modem, lambda _event: None)
    link.echo_proves_restart = True
    link.watch_restarts()
    link.one_line = one_line
    outcomes = [await send(link, modem, number) for number in range(len(modem.deeds))]
    assert link.state in {State.IDLE, State.LOST}
    link.close()
    await modem.close()
    return outcomes


CLEAN = Deed("\r\n> ", accepted=True, answer=("+CMGS: {mr}", "OK"), after_s=5.0)


@given(st.lists(_deeds(), min_size=1, max_size=4), st.sampled_from([1, 3, 4096]), st.booleans())
@settings(max_examples=300, deadline=None)
@example([CLEAN, CLEAN], 4096, True)
@example([Deed("\r\n> ", accepted=True, answer=("+CMGS: {mr}", "OK"), after_s=5.0, echo=True)], 4096, False)
def test_no_verdict_contradicts_the_truth(deeds: list[Deed], slices: int, one_line: bool) -> None:
    async def judged() -> None:
        modem = Modem(deeds, slices)
        outcomes = await dialogue(modem, one_line=one_line)
        assert modem.broken == []
        for number, (deed, outcome) in enumerate(zip(deeds, outcomes, strict=True)):
            pdu = segment(number).pdu
            if outcome is None:
                assert pdu not in modem.handed
                continue
            match outcome.verdict:
                case Verdict.ACCEPTED:
                    assert pdu in modem.accepted, "lost"
                case Verdict.REFUSED:
                    assert pdu not in modem.accepted, "twice"
                case Verdict.UNSENT:
                    assert pdu not in modem.handed, "twice"
                case Verdict.UNCERTAIN:
                    plain = "+CMGS: {mr}" in deed.answer and deed.after_s < 180 and not deed.gone
                    assert not plain, "it was said, and in time"

    run(judged())
