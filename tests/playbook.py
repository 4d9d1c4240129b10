"""Dialogues that read like the wire, played over a real pty.

One line, one utterance::

    > AT+CMGS=18            the host says this and CR
    <| \\r\\n>·               the modem says exactly this (\\r, \\n, \\x1a, \\0; · is a blank at the end)
    >| 0011…\\x1a            the host says exactly this
    < +CMGS: 17             the modem says CR LF, this, CR LF
    ! unplug                the port goes away
    ! wait 0.2              the modem is silent for so many seconds

``{name}`` is filled in. What the host says is compared octet for octet; a difference ends the dialogue with both sides
shown. ``finished()`` waits until every line was played.
"""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from modemd.at.dialect import GENERIC, Dialect
from modemd.at.events import Unsolicited
from modemd.at.link import Link
from modemd.at.serial import Port, open_port
from modemd.values import Segment

SEGMENT = Segment(pdu="0011000B918406214365F70000AA05E8329BFD06", length=19)
"""An SMS-SUBMIT to an invented number."""
PATIENCE_S = 5.0


class PlayError(AssertionError):
    """The host said something that is not in the play."""


@dataclass(frozen=True)
class Cue:
    """One line of the play."""

    who: str
    """``host``, ``modem``, ``unplug`` or ``wait``."""
    octets: bytes = b""
    seconds: float = 0.0
    line: str = ""


def read_play(text: str, **values: object) -> list[Cue]:
    """The cues of a play."""
    lines = (line.strip() for line in text.splitlines())
    return [_cue(line, values) for line in lines if line and not line.startswith("#")]


def _cue(line: str, values: Mapping[str, object]) -> Cue:
    mark, _, rest = line.partition(" ")
    for name, value in values.items():
        rest = rest.replace("{" + name + "}", str(value))
    exact = rest.replace("·", " ").encode("latin-1").decode("unicode_escape").encode("latin-1")
    match mark:
        case ">":
            return Cue("host", rest.encode() + b"\r", line=line)
        case ">|":
            return Cue("host", exact, line=line)
        case "<":
            return Cue("modem", b"\r\n" + exact + b"\r\n", line=line)
        case "<|":
            return Cue("modem", exact, line=line)
        case "!" if rest == "unplug":
            return Cue("unplug", line=line)
        case "!" if rest.startswith("wait "):
            return Cue("wait", seconds=float(rest.removeprefix("wait ")), line=line)
    raise ValueError(f"no line of a play: {line}")


class Pty:
    """The modem's end of a pty; ``heard`` is called with what the host writes."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._heard = heard
        self.plugged = True
        self.loop.add_reader(self._master, self._readable)

    def say(self, octets: bytes) -> None:
        """Let the host read them."""
        os.write(self._master, octets)

    def unplug(self) -> None:
        """Take the port away."""
        if self.plugged:
            self.plugged = False
            self.loop.remove_reader(self._master)
            os.close(self._slave)
            os.close(self._master)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except BlockingIOError:
            return
        if data:
            self._heard(data)


class Play:
    """A modem that plays its part of a dialogue, slicing what it says into pieces of ``slice_octets``."""

    def __init__(self, text: str, *, slice_octets: int = 0, **values: object) -> None:
        self._cues = read_play(text, **values)
        self._position = 0
        self._said_by_host = b""
        self._slice = slice_octets
        self.pty = Pty(self._hear)
        self._done: asyncio.Future[None] = self.pty.loop.create_future()
        self._go_on()

    async def finished(self) -> None:
        """Return when every line was played; raises PlayError where the host departed from it."""
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.shield(self._done)

    @property
    def silent(self) -> bool:
        """Whether the host has said nothing that is not in the play."""
        return not self._said_by_host

    def _hear(self, data: bytes) -> None:
        self._said_by_host += data
        self._go_on()

    def _go_on(self) -> None:
        while self._position < len(self._cues):
            cue = self._cues[self._position]
            if cue.who == "host":
                if not self._matches(cue):
                    return
            elif cue.who == "wait":
                self._position += 1
                self.pty.loop.call_later(cue.seconds, self._go_on)
                return
            elif cue.who == "unplug":
                self.pty.unplug()
            else:
                self._say(cue.octets)
            self._position += 1
        if self._said_by_host:
            self._fail(f"after the end the host says {self._said_by_host!r}")
        elif not self._done.done():
            self._done.set_result(None)

    def _matches(self, cue: Cue) -> bool:
        said = self._said_by_host
        if not cue.octets.startswith(said[: len(cue.octets)]):
            self._fail(f"the play has {cue.line!r}, the host says {said!r}")
            return False
        if len(said) < len(cue.octets):
            return False
        self._said_by_host = said[len(cue.octets) :]
        return True

    def _say(self, octets: bytes) -> None:
        step = self._slice or len(octets)
        for start in range(0, len(octets), step):
            self.pty.say(octets[start : start + step])

    def _fail(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(PlayError(why))
        self.pty.unplug()


Answers = Mapping[str, Sequence[str] | Callable[[], Sequence[str]]]
"""Command to information text, and the final result where it is not OK."""


class Table:
    """A modem that answers each command from a table; what is not in it gets OK, and ``AT+CMGS`` a prompt.

    Answers are the lines of information text; the last is the final result if it is one of ``finals``, else OK follows.
    A callable is asked anew each time. What is entered at the prompt is kept in ``submitted`` and answered from the
    table's entry ``PDU``.
    """

    FINALS = ("OK", "ERROR", "+CME", "+CMS", "COMMAND", "TOO MANY", "-")

    def __init__(
        self, answers: Mapping[str, Sequence[str] | Callable[[], Sequence[str]]], *, echo: bool = True
    ) -> None:
        self.answers = {**GENERIC_ANSWERS, **answers}
        self.asked: list[str] = []
        self.echo = echo
        self.submitted: list[str] = []
        self._line = b""
        self._prompting = False
        self.pty = Pty(self._hear)

    def say(self, *lines: str) -> None:
        """Say lines unasked."""
        self.pty.say("".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1"))

    def _hear(self, data: bytes) -> None:
        self._line += data
        while True:
            end = b"\x1a" if self._prompting and b"\x1b" not in self._line else b"\r"
            if b"\x1b" in self._line:
                self._prompting = False
                self._line = self._line.rpartition(b"\x1b")[2]
                continue
            if end not in self._line:
                return
            line, _, self._line = self._line.partition(end)
            if self._prompting:
                self._prompting = False
                self.submitted.append(line.decode())
                self._answer("PDU")
                continue
            if self.echo:
                self.pty.say(line + b"\r")
            self._answer(line.decode())

    def _answer(self, command: str) -> None:
        self.asked.append(command)
        if "+CMGS=" in command and command not in self.answers:
            self._prompting = True
            self.pty.say(b"\r\n> ")
            return
        if command in {"ATE0", "ATE1"}:
            self.echo = command == "ATE1"
        answer = self.answers.get(command, ())
        lines = list(answer() if callable(answer) else answer)
        if not lines or not lines[-1].startswith(self.FINALS):
            lines.append("OK")
        if lines[-1] == "-":
            lines.pop()
        if lines:
            self.say(*lines)


GENERIC_ANSWERS: dict[str, Sequence[str] | Callable[[], Sequence[str]]] = {
    "PDU": ["+CMGS: 17"],
    "AT+CGMI": ["Acme"],
    "AT+CGMM": ["M1"],
    "AT+CGMR": ["1.0"],
    "AT+CGSN": ["490154203237518"],
    "AT+CCID": ["+CCID: 8948010000000000001"],
    "AT+CIMI": ["260010000000001"],
    "AT+CPIN?": ["+CPIN: READY"],
    "AT+CMGF?": ["+CMGF: 0"],
    "AT+CPMS=?": ['+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")'],
    "AT+CPMS?": ['+CPMS: "SM",0,50,"SM",0,50,"SM",0,50'],
    "AT+CNMI=?": ["+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)"],
    "AT+CSCA?": ['+CSCA: "+48790998250",145'],
    "AT+CREG?": ["+CREG: 1,1"],
    "AT+CGREG?": ["+CGREG: 1,1"],
    "AT+CEREG?": ["+CEREG: 1,1"],
    "AT+CSQ": ["+CSQ: 21,99"],
    "AT+COPS?": ['+COPS: 0,0,"Acme Mobile",7'],
}
"""What a 27.005 modem with nothing of its own answers; every number here is invented."""


class Bench:
    """A link over a play or a table, and everything unsolicited that was heard on it."""

    def __init__(self, port: Port, dialect: Dialect = GENERIC) -> None:
        self.heard: list[Unsolicited] = []
        self.port = port
        self.link = Link(port, self.heard.append, dialect=dialect)

    @classmethod
    async def over(cls, path: str, dialect: Dialect = GENERIC) -> Bench:
        """Open the port and lay a link over it."""
        return cls(await open_port(path), dialect)

    async def close(self) -> None:
        """Let the port go."""
        self.link.close()
        await self.port.close()


StartPlay = Callable[..., Awaitable[tuple[Play, Bench]]]
"""What the fixture ``play`` gives."""
