"""One modem's dialogue over one port: one exchange at a time, one absolute deadline, every event handed on once.

Everything runs on the event loop, in the callbacks of ``add_reader`` and one timer; no task, no lock. A link ends by
being lost (time-out, restart, a prompt out of place, a vanished port); a lost link is never mended, the next one is
laid over the same port or over a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from modemd.at import grammar
from modemd.at.asking import Asking
from modemd.at.commands import ATTENTION, Command
from modemd.at.deadline import Deadline
from modemd.at.dialect import GENERIC, Dialect
from modemd.at.events import Echo, Event, Prompt, Unsolicited
from modemd.at.parser import Parser
from modemd.at.restarts import Restarts
from modemd.at.serial import Port
from modemd.at.state import Move, State, step
from modemd.errors import AtError, CommandFailed, CommandTimeout, ModemLost, PortLost

ESC = b"\x1b"
WRITE_S = 10.0
"""A port that takes no octet for so long is dead: a PDU is 31 ms at 115,200 baud, 375 ms at 9,600."""


class Exchange(Protocol):
    """What is in flight: a command, or a message."""

    def take(self, event: Event) -> None:
        """An event that belongs to it."""

    def expire(self) -> None:
        """Its deadline has passed, with nothing left unread."""

    def fail(self, error: AtError, was: State) -> None:
        """The link is lost; ``was`` is where the dialogue stood."""


class Link:
    """The dialogue over one open port.

    ``hear`` gets every unsolicited event, also those that lose the link because they prove a restart.
    """

    def __init__(
        self,
        port: Port,
        hear: Callable[[Unsolicited], None],
        *,
        dialect: Dialect = GENERIC,
    ) -> None:
        self.port = port
        self.dialect = dialect
        self.state = State.IDLE
        self.failure: AtError | None = None
        """Why the link was lost."""
        self.echo_proves_restart = False
        """Set once ``ATE0`` has been seen to work."""
        self.echoed = False
        """Whether an echo has come since this was last cleared."""
        self.one_line = False
        """Whether each ``AT+CMGS`` sets PDU mode on its own line."""
        self.one_line_proven = False
        """Whether that has brought a prompt."""
        self.loop = asyncio.get_running_loop()
        self.last_heard = self.loop.time()
        """The loop's time when the last octet came."""
        self.lost: asyncio.Future[None] = self.loop.create_future()
        """Done when the link is lost."""
        self.parser = Parser()
        self._hear = hear
        self._restarts = Restarts()
        self._overheard: asyncio.Future[None] = self.loop.create_future()
        self._exchange: Exchange | None = None
        self._unwritten = b""
        self._waits_to_write = False
        self._not_before = 0.0
        self._answer_s = 0.0
        self._deadline = Deadline(self.loop, self._late)
        self.loop.add_reader(port.fileno(), self._readable)

    async def ask(self, command: Command) -> list[str]:
        """Send one command and return its information text.

        Raises CommandFailed for a final result other than OK, CommandTimeout (and the link is lost), or what the link
        was lost by.
        """
        asking = Asking(self, command)
        self.begin(asking, Move.ASK)
        self.parser.asked(command)
        self.write(command.text.encode() + b"\r", command.timeout_s)
        return await asking.answer

    def begin(self, exchange: Exchange, move: Move) -> None:
        """Take the link for one exchange; raises what the link was lost by."""
        if self.failure is not None:
            raise self.failure.with_traceback(None)
        self.state = step(self.state, move)
        self._exchange = exchange

    def write(self, data: bytes, answer_s: float) -> None:
        """Hand ``data`` to the port; the deadline is ``answer_s`` from the moment the last octet has gone."""
        self._answer_s = answer_s
        self._unwritten += data
        rest = self._not_before - self.loop.time() if self._not_before else 0.0
        if rest > 0:
            self._deadline.set(rest + WRITE_S)
            self.loop.call_later(rest, self._writable)
        else:
            self._writable()

    def go(self, move: Move) -> None:
        """The exchange goes on to its next state."""
        self.state = step(self.state, move)

    def finish(self, move: Move) -> None:
        """The exchange is over; the next may begin."""
        self.state = step(self.state, move)
        self._exchange = None
        self._deadline.lift()
        if self.dialect.pause_s:
            self._not_before = self.loop.time() + self.dialect.pause_s
        self.parser.ended()

    def wait_longer(self, seconds: float) -> None:
        """Set the deadline anew, from now."""
        self._deadline.set(seconds)

    def rest(self) -> None:
        """Nothing is awaited from the modem at the moment: no deadline."""
        self._deadline.lift()

    def read_now(self) -> None:
        """Take in what has come already: it may change what is right to do next."""
        if self.failure is None:
            self._readable()

    def lose(self, error: AtError) -> None:
        """End this link: the modem restarted or no longer agrees with us, or the port is gone.

        What waits at a prompt is escaped from: after a restart the modem may be in text mode, where it would take the
        PDU for a text and its length for the number.
        """
        if self.failure is not None:
            return
        was, self.state = self.state, step(self.state, Move.LOSE)
        self.failure = error
        self._deadline.lift()
        if was in {State.PROMPTING, State.PROMPTED, State.ESCAPING} and not isinstance(error, PortLost):
            with contextlib.suppress(OSError):
                self.port.write(ESC)
        self.detach()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.fail(error, was)
        if not self.lost.done():
            self.lost.set_result(None)

    def escape(self) -> None:
        """Write ESC while nothing is in flight: somebody before us may have left a prompt open."""
        self.write(ESC, 0.0)
        self.rest()

    def watch_restarts(self) -> None:
        """From now on a boot line is the end of this link."""
        self._restarts.watch(self.loop.time())

    def close(self, code: str = "closed") -> None:
        """End this link because we want to; the port stays open."""
        self.lose(PortLost("the port was closed under the dialogue", code=code))

    def detach(self) -> None:
        """Leave the port to the next link."""
        self.loop.remove_reader(self.port.fileno())
        self.loop.remove_writer(self.port.fileno())
        self._deadline.release()

    async def listen(self, quiet_s: float, at_most_s: float) -> None:
        """Return when nothing has come for ``quiet_s``, or after ``at_most_s``; raises what the link was lost by."""
        started = self.last_heard = self.loop.time()
        while (now := self.loop.time()) < min(self.last_heard + quiet_s, started + at_most_s):
            remaining = min(self.last_heard + quiet_s, started + at_most_s) - now
            await asyncio.wait([self.lost], timeout=remaining)
            if self.failure is not None:
                raise self.failure

    async def overhear(self, at_most_s: float) -> None:
        """Return when a final result has come that nobody asked for, or after ``at_most_s``; raises as `listen`."""
        if at_most_s <= 0:
            return
        await asyncio.wait({self._overheard, self.lost}, timeout=at_most_s, return_when=asyncio.FIRST_COMPLETED)
        if self.failure is not None:
            raise self.failure

    async def attend(self, tries: int) -> None:
        """Send ``AT`` until the modem answers OK; raises CommandTimeout when it never does, or what lost the link."""
        for left in range(tries - 1, -1, -1):
            try:
                await self.ask(ATTENTION)
            except CommandFailed:
                pass  # the late answer to something earlier, or an ESC that was no abort but a character
            except CommandTimeout:
                if not left:
                    raise
            else:
                return
        raise CommandTimeout("the modem answers AT with an error each time")

    def _readable(self) -> None:
        try:
            data = self.port.read()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.lose(PortLost("the port is gone"))
            return
        self.last_heard = self.loop.time()
        for event in self.parser.feed(data):
            self._hand_on(event)

    def _hand_on(self, event: Event) -> None:
        if isinstance(event, Unsolicited):
            self._hear(event)
            if not self._overheard.done() and grammar.final(event.text) is not None:
                self._overheard.set_result(None)
            if self._restarts.proven_by(event.text, self.dialect, self.loop.time()):
                self.lose(ModemLost("the modem has restarted", code="reset"))
        elif isinstance(event, Echo):
            self.echoed = True
            if self.echo_proves_restart and self.state is not State.SUBMITTED:  # some echo the PDU in spite of ATE0
                self.lose(ModemLost("the modem has restarted: it echoes again", code="reset"))
        elif isinstance(event, Prompt) and self.state in {State.IDLE, State.ASKED}:
            self.lose(ModemLost("the modem prompts unasked", code="out_of_step"))
        elif self._exchange is not None:
            self._exchange.take(event)

    def _writable(self) -> None:
        if self.failure is not None:
            return
        piece = self.dialect.piece or len(self._unwritten)
        try:
            taken = self.port.write(self._unwritten[:piece])
        except (BlockingIOError, InterruptedError):
            taken = 0
        except OSError:
            self.lose(PortLost("the port is gone"))
            return
        self._unwritten = self._unwritten[taken:]
        if self._unwritten:
            self._write_later(whole_piece=taken == piece)
            return
        if self._waits_to_write:
            self._waits_to_write = False
            self.loop.remove_writer(self.port.fileno())
        self._deadline.set(self._answer_s)

    def _write_later(self, *, whole_piece: bool) -> None:
        self._deadline.set(WRITE_S)
        if whole_piece:
            self.loop.call_later(self.dialect.piece_s, self._writable)
        else:
            self._waits_to_write = True
            self.loop.add_writer(self.port.fileno(), self._writable)

    def _late(self) -> None:
        self._readable()  # the answer may lie in the buffer already
        if self._deadline.over and self._exchange is not None:
            self._deadline.lift()
            self._exchange.expire()
