"""The dialogue on one AT line (V.250): bytes in, bytes out, knowing nothing of what the commands mean.

It is in one of four phases. COMMAND: it collects a command line, echoing. BUSY: a command runs, and what the host types
meanwhile waits. PROMPT: it collects data up to Ctrl-Z or ESC. OFF: there is no power, or the modem hangs, and whatever
comes is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial

from hw_sim.commands.registry import split_line
from hw_sim.faults import Point, Proceed
from hw_sim.results import Refused
from hw_sim.settings import Settings

CTRL_Z, ESC, CR = 0x1A, 0x1B, 0x0D
LONGEST_LINE = 2048
"""Octets of a command line or of type-ahead that are kept."""
LONGEST_ENTRY = 8192
NUMERIC = {"OK": "0", "ERROR": "4"}
"""Result codes while ATV0 is set (V.250 6.3)."""


class Phase(Enum):
    """What is done with the next byte."""

    COMMAND = "command"
    BUSY = "busy"
    PROMPT = "prompt"
    OFF = "off"


class Dialogue:
    """One line; `feed` takes what the host writes, `send` is called with what the host reads."""

    def __init__(self, answer: Callable[[str], list[str] | None], worded: Callable[[Refused], str]) -> None:
        self.send: Callable[[bytes], None] = lambda _: None
        self.gate: Callable[[Point, Proceed], None] = lambda _, proceed: proceed()
        """Passes each point of the dialogue through the modem's faults."""
        self.settings = Settings()
        self.prompt_text = "\r\n> "
        self.escape_answer = "OK"
        self.interjection = b""
        """What is said between the lines of the next answer."""
        self.phase = Phase.OFF
        self.line = ""
        """The command line that is run, or was run last."""
        self._answer = answer
        self._worded = worded
        self._collected = b""
        self._repeated = ""
        self._pending: list[str] = []
        self._said: list[str] = []
        self._take: Callable[[bytes], None] = lambda _: None
        self._entered = bytearray()
        self._typed = b""
        self._held: list[bytes] = []

    def reset(self, settings: Settings, phase: Phase) -> None:
        """Begin anew, as after a loss of power."""
        self.settings = settings
        self.phase = phase
        self._collected, self._typed, self._pending, self._said, self._held = b"", b"", [], [], []

    # --- bytes in ----------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take what the host has written, in whatever slices it comes."""
        while data:
            if self.phase is Phase.COMMAND:
                data = self._feed_command(data)
            elif self.phase is Phase.PROMPT:
                data = self._feed_prompt(data)
            else:
                if self.phase is Phase.BUSY:
                    self._typed = (self._typed + data)[:LONGEST_LINE]
                return

    def _feed_command(self, data: bytes) -> bytes:
        if not self._collected:
            self.gate(Point.INPUT, _go_on)
        end = data.find(CR) + 1 or len(data)
        piece, rest = data[:end], data[end:]
        if self.settings.echo:
            self.send(piece)
        self._collected = (self._collected + piece)[-LONGEST_LINE:]
        if self._collected[-1] == CR:
            self._run_line(self._collected[:-1].decode("latin-1"))
        elif self._collected[-2:].upper() == b"A/":
            self._run_line("AT" + self._repeated)
        return rest

    def _run_line(self, line: str) -> None:
        self._collected = b""
        start = line.upper().find("AT")
        if start < 0:
            return
        self.line = line
        self._repeated = line[start + 2 :].strip()
        self._pending = split_line(self._repeated)
        self.phase = Phase.BUSY
        self.gate(Point.COMMAND, self._run_pending)

    def _feed_prompt(self, data: bytes) -> bytes:
        end = _end_of_entry(data)
        piece, rest = (data, b"") if end < 0 else (data[:end], data[end + 1 :])
        if self.settings.echo:
            self.send(piece)
        self._entered += piece[: LONGEST_ENTRY - len(self._entered)]
        if end < 0:
            if piece.endswith(b"\r"):
                self.send(self.prompt_text.encode())
            return b""
        self.phase = Phase.BUSY
        if data[end] == CTRL_Z:
            self.gate(Point.ENTERED, partial(self._take, bytes(self._entered)))
        elif self.escape_answer:
            self.finish(result=self.escape_answer)
        else:
            self.end_silently()
        return rest

    # --- bytes out ---------------------------------------------------------------------------------------------

    def _run_pending(self) -> None:
        while self._pending:
            try:
                lines = self._answer(self._pending.pop(0))
            except Refused as refusal:
                self._end(self._worded(refusal))
                return
            if lines is None:
                return
            self._said += lines
        self._end("OK")

    def finish(self, lines: Iterable[str] = (), result: str = "OK") -> None:
        """End a command that went on beyond its handler; after OK the rest of its command line is run."""
        self._said += lines
        if result == "OK":
            self._run_pending()
        else:
            self._end(result)

    def refuse(self, refusal: Refused) -> None:
        """End a command that went on beyond its handler with an error."""
        self._end(self._worded(refusal))

    def end_silently(self) -> None:
        """End the command without any answer."""
        self._pending, self._said = [], []
        self._be_ready()

    def _end(self, result: str) -> None:
        said, self._said, self._pending = self._said, [], []
        if self.settings.verbose:
            blocks = [f"\r\n{line}\r\n" for line in said]
            blocks.append(f"\r\n{result}\r\n" if result else "")
        else:
            blocks = [f"{line}\r\n" for line in said]
            blocks.append(f"{NUMERIC.get(result, result)}\r" if result else "")
        self._say(blocks)
        self._be_ready()

    def _say(self, blocks: list[str]) -> None:
        octets = "".join(blocks).encode("latin-1", "replace")
        if self.interjection:
            interjected, self.interjection = self.interjection, b""
            octets = octets.replace(b"\r\n", b"\r\n" + interjected, octets.count(b"\r\n") - 1)
        self.send(octets)

    def _be_ready(self) -> None:
        self.phase = Phase.COMMAND
        if self._held:
            held, self._held = self._held, []
            self.send(b"".join(held))
        if self._typed:
            typed, self._typed = self._typed, b""
            self.feed(typed)

    def ask(self, take: Callable[[bytes], None]) -> None:
        """Give the prompt; *take* gets what is entered up to Ctrl-Z."""
        self.wait_for_entry(take)
        self.gate(Point.PROMPT, self._prompt)

    def wait_for_entry(self, take: Callable[[bytes], None]) -> None:
        """Wait for data without saying so."""
        self._take = take
        self._entered.clear()
        self.phase = Phase.PROMPT

    def _prompt(self) -> None:
        self.send(self.prompt_text.encode())

    def urc(self, line: str) -> None:
        """Say a line unasked, if there is power; while data is entered it waits."""
        if self.phase is Phase.OFF:
            return
        if self.phase is Phase.PROMPT:
            self._held.append(f"\r\n{line}\r\n".encode("latin-1", "replace"))
        else:
            self._say([f"\r\n{line}\r\n"])

    def say(self, line: str) -> None:
        """Say a line whatever the phase is, as a modem does that starts up or misbehaves."""
        self.send(f"\r\n{line}\r\n".encode("latin-1", "replace"))


def _end_of_entry(data: bytes) -> int:
    """Where the first Ctrl-Z or ESC stands, -1 if there is none."""
    return min((at for at in (data.find(CTRL_Z), data.find(ESC)) if at >= 0), default=-1)


def _go_on() -> None:
    """Nothing has to be done for the dialogue to go on."""
