"""The ports that one device shows, of which one answers: which to try now, and when to believe that none does."""

from __future__ import annotations

from collections.abc import Sequence

ROUNDS = 3
"""How often all candidates of a device are tried: each takes 3 s to be silent, and a stick up to 20 s to start."""


class Candidates:
    """They come one after the other, as the system makes them; the first that works is used."""

    __slots__ = ("_fruitless", "_ports", "proven")

    def __init__(self, ports: Sequence[str]) -> None:
        self._ports = ports
        self._fruitless = 0
        self.proven = len(ports) == 1
        """Whether the port in use is known to be the one that answers."""

    def in_turn(self, used: str) -> list[str]:
        """The ports in the order in which to try them now: the one after the last that was tried in vain first.

        ``used`` is the one in use; if it has proved itself there is no other.
        """
        if self.proven and used in self._ports:
            return [used]
        turn = self._fruitless % len(self._ports)
        return [*self._ports[turn:], *self._ports[:turn]]

    def failed(self) -> bool:
        """The one in use did not answer; whether to try another instead of blaming the modem."""
        if self.proven or self._fruitless >= ROUNDS * len(self._ports):
            return False
        self._fruitless += 1
        return True

    def offered(self, ports: Sequence[str]) -> bool:
        """The device shows these now; whether there are more or fewer than before."""
        before, self._ports = self._ports, ports
        return len(ports) != len(before)
