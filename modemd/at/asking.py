"""One command in flight: its information text is collected until its final result comes, or its deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modemd.at import codes
from modemd.at.commands import Command
from modemd.at.events import Event, Final, Line
from modemd.at.state import Move, State
from modemd.errors import AtError, CommandFailed, CommandTimeout

if TYPE_CHECKING:
    from modemd.at.link import Link


class Asking:
    """The exchange that ``Link.ask`` lays over the link; ``answer`` is the information text."""

    __slots__ = ("_command", "_lines", "_link", "answer")

    def __init__(self, link: Link, command: Command) -> None:
        self._link = link
        self._command = command
        self._lines: list[str] = []
        self.answer: asyncio.Future[list[str]] = link.loop.create_future()

    def take(self, event: Event) -> None:
        """Collect information text; end on the final result."""
        if isinstance(event, Line):
            self._lines.append(event.text)
            if self._command.lenient_s is not None:
                self._link.wait_longer(self._command.lenient_s)
        elif isinstance(event, Final):
            self._link.finish(Move.FINAL)
            if event.ok:
                self._succeed()
            else:
                self._refuse(CommandFailed(event.family, _number(event), command=self.name))

    def expire(self) -> None:
        """No final result came: an answer without one will do where that is known; else the link is lost."""
        if self._lines and self._command.lenient_s is not None:
            self._link.finish(Move.QUIET)
            self._succeed()
            return
        timeout = CommandTimeout(f"{self.name} was not answered within {self._command.timeout_s:g} s")
        if self._command.repeatable:
            self._link.finish(Move.QUIET)
            self._refuse(timeout)
        else:
            self._link.lose(timeout)

    def fail(self, error: AtError, was: State) -> None:
        """The link is lost."""
        self._refuse(error)

    @property
    def name(self) -> str:
        """The command without its parameters: they may be a PIN."""
        return self._command.text.partition("=")[0]

    def _succeed(self) -> None:
        if not self.answer.done():
            self.answer.set_result(self._lines)

    def _refuse(self, error: AtError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


def _number(final: Final) -> int | None:
    """The number of the code, also where the modem gives words for it (``AT+CMEE=2``)."""
    if final.number is None and final.text:
        return codes.number_of(final.family, final.text)
    return final.number
