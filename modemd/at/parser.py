"""Bytes in, events out: no I/O, no clock. Each line is routed exactly once.

The order of the questions decides (TS 27.005 3.4.1, 4; V.250 5.7):

1. Is it the header of a two-line code (``+CMT``, ``+CDS``, ``+CBM``)? Keep it until its PDU line comes, whatever else
   comes first.
2. Is it hex that a header waits for? The latest header whose length fits gets it, whether it belongs to the answer or
   was unsolicited.
3. Is it what we sent, come back? An echo.
4. Is it a final result? It ends the command in flight. OK before the prompt ends nothing: it is the late answer to
   something earlier.
   After Ctrl-Z OK ends nothing before ``+CMGS``: it proves nothing (sending.py).
5. Does the command in flight own it? Information text. After Ctrl-Z also what is left of ``+CMGS`` where noise was on
   the line, but no number that it names.
6. Everything else is unsolicited. Nothing is guessed from "some line came".
"""

from __future__ import annotations

from modemd.at import grammar
from modemd.at.buffer import LineBuffer
from modemd.at.commands import Command
from modemd.at.events import Echo, Event, Final, Line, Prompt, Unsolicited

_SHORTEST_ECHO = 4
"""Characters. A shorter end of a command line is too little to call it a damaged echo."""


class Parser:
    """Reads one modem's output. Tell it what was sent, feed it what came."""

    def __init__(self) -> None:
        self._buffer = LineBuffer()
        self._command: Command | None = None
        self._awaits_prompt = False
        self._pdu_sent = ""
        self._named = False
        self._header: tuple[str, int] | None = None
        self._answer_pdu_due = False

    def asked(self, command: Command) -> None:
        """A command line was written; its final result is due."""
        self._command = command
        self._awaits_prompt = False
        self._pdu_sent = ""
        self._answer_pdu_due = False

    def sent(self, command: Command) -> None:
        """``AT+CMGS=<length>`` was written; a prompt is due."""
        self.asked(command)
        self._awaits_prompt = True

    def submitted(self, pdu: str) -> None:
        """PDU and Ctrl-Z were written; the modem may echo them and wrap them with further prompts."""
        self._awaits_prompt = False
        self._pdu_sent = pdu
        self._named = False

    def ended(self) -> None:
        """Nothing is in flight any more."""
        self._command = None
        self._awaits_prompt = False
        self._pdu_sent = ""
        self._answer_pdu_due = False

    @property
    def overlong(self) -> int:
        """How many lines were thrown away because they did not end."""
        return self._buffer.overlong

    def feed(self, data: bytes) -> list[Event]:
        """What the modem has said with ``data``, in its order."""
        events: list[Event] = []
        for raw in self._buffer.feed(data):
            line = raw.decode("latin-1")
            if line[0] == ">":
                if self._awaits_prompt:
                    self._awaits_prompt = False
                    events.append(Prompt())
                line = line.lstrip("> ")
                if not line:
                    continue
            event = self._route(line)
            if event is not None:
                events.append(event)
        if self._prompt_at_end():
            events.append(Prompt())
        return events

    def _prompt_at_end(self) -> bool:
        unfinished = self._buffer.unfinished
        if not unfinished.startswith(b">"):
            return False
        if self._awaits_prompt:
            self._awaits_prompt = False
        elif self._pdu_sent or unfinished.rstrip() != b">":
            return False
        self._buffer.drop_unfinished(1)
        return True

    def _route(self, line: str) -> Event | None:
        length = grammar.pdu_length(line)
        if length is not None:
            self._header = (line, length)
            return None
        if (self._header or self._answer_pdu_due or self._pdu_sent) and grammar.is_hex(line):
            return self._hex(line)
        command = self._command
        return Unsolicited(line) if command is None else self._answer(command, line)

    def _answer(self, command: Command, line: str) -> Event:
        if self._is_echo(line, command.text):
            return Echo(line)
        final = grammar.final(line)
        if final is not None:
            return self._final(line, final)
        if command.owns(line):
            self._answer_pdu_due = command.brings_pdu
            self._named = True
            return Line(line)
        if self._pdu_sent and grammar.names_nearly(command.prefix, line):
            self._named = True
            return Line(command.prefix)
        return Unsolicited(line)

    def _hex(self, line: str) -> Event:
        if self._header is not None:
            header, length = self._header
            if grammar.is_pdu(line, length) or not self._expects(line):
                self._header = None
                return Unsolicited(header, line)
        if self._answer_pdu_due or (self._command is not None and self._command.owns(line)):
            self._answer_pdu_due = False
            return Line(line)
        return Echo(line) if line in self._pdu_sent else Unsolicited(line)

    def _expects(self, line: str) -> bool:
        """Whether the exchange in flight has a use for this line of hex: an answer's PDU, a serial number, an echo."""
        command = self._command
        return self._answer_pdu_due or line in self._pdu_sent or (command is not None and command.owns(line))

    def _final(self, line: str, final: Final) -> Event:
        if final.ok and self._awaits_prompt:
            return Unsolicited(line)
        if not (final.ok and self._pdu_sent and not self._named):
            self.ended()
        return final

    @staticmethod
    def _is_echo(line: str, sent: str) -> bool:
        return line == sent or (len(line) >= _SHORTEST_ECHO and sent.endswith(line))
