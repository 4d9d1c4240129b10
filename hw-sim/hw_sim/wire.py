"""The line between a modem and its host, when it is a bad one: slow, noisy, losing bytes, or cut at a certain byte."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hw_sim.clock import Clock
    from hw_sim.dialogue import Dialogue

GARBAGE = bytes(range(0x80, 0x100))
"""What a disturbed line makes of a byte."""


class Wire:
    """Stands between a dialogue and its port once something is wrong with the line; before, it is not there."""

    def __init__(self, dialogue: Dialogue, clock: Clock) -> None:
        self._dialogue = dialogue
        self._clock = clock
        self._through: Callable[[bytes], None] | None = None
        self._position = 0
        self._moments: list[tuple[int, Callable[[], None]]] = []
        self._to_lose = 0
        self._slow: tuple[int, float] | None = None
        self._queue = bytearray()
        self.disturb: Callable[[bytes], bytes] | None = None
        """What the line makes of each write, until it is set to None."""

    def connect(self, through: Callable[[bytes], None]) -> None:
        """Let what the modem says go this way."""
        if self._through is None:
            self._dialogue.send = through
        else:
            self._through = through
            self._queue.clear()

    def at_byte(self, offset: int, do: Callable[[], None]) -> None:
        """Do it when so many more bytes have been written, in the middle of a write if it comes to that."""
        self._install()
        self._moments.append((self._position + offset, do))
        self._moments.sort(key=lambda moment: moment[0])

    def lose(self, count: int) -> None:
        """Lose the next bytes."""
        self._install()
        self._to_lose += count

    def slow_down(self, size: int, seconds: float) -> None:
        """Write only so many bytes at a time, so many seconds apart; 0 bytes is the full speed again."""
        self._install()
        self._slow = (size, seconds) if size else None
        if not size:
            self._write_all()

    def disturb_by(self, disturb: Callable[[bytes], bytes] | None) -> None:
        """Let each write pass through a disturbance, or none again."""
        self._install()
        self.disturb = disturb

    def garble(self, count: int, chance: random.Random) -> None:
        """Put so many bytes of noise on the line."""
        self._install()
        self._out(bytes(chance.choices(GARBAGE, k=count)))

    def _install(self) -> None:
        if self._through is None:
            self._through, self._dialogue.send = self._dialogue.send, self._write

    def _write(self, data: bytes) -> None:
        while self._moments and self._moments[0][0] <= self._position + len(data):
            position, do = self._moments.pop(0)
            head, data = data[: position - self._position], data[position - self._position :]
            self._position = position
            self._disturbed(head)
            do()
        self._position += len(data)
        self._disturbed(data)

    def _disturbed(self, data: bytes) -> None:
        if self._to_lose:
            lost = min(self._to_lose, len(data))
            self._to_lose -= lost
            data = data[lost:]
        if self.disturb is not None and data:
            data = self.disturb(data)
        if data:
            self._out(data)

    def _out(self, data: bytes) -> None:
        if self._through is None:
            return
        if self._slow is None and not self._queue:
            self._through(data)
            return
        self._queue += data
        if len(self._queue) == len(data):
            self._write_some()

    def _write_some(self) -> None:
        if self._through is None or not self._queue:
            return
        if self._slow is None:
            self._write_all()
            return
        size, seconds = self._slow
        self._through(bytes(self._queue[:size]))
        del self._queue[:size]
        if self._queue:
            self._clock.later(seconds, self._write_some)

    def _write_all(self) -> None:
        if self._through is not None and self._queue:
            rest, self._queue = bytes(self._queue), bytearray()
            self._through(rest)
