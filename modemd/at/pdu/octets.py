"""A cursor over the octets of a PDU, so that every error can say which field broke, and where."""

from __future__ import annotations

from modemd.errors import PduError


class Octets:
    """Octets read from front to back; ``at`` is the offset of the next one."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def __len__(self) -> int:
        """How many octets are left."""
        return len(self.data) - self.at

    def octet(self, field: str) -> int:
        """The next octet, which belongs to ``field``. PduError if there is none."""
        return self.take(1, field)[0]

    def take(self, count: int, field: str) -> bytes:
        """The next ``count`` octets. PduError if there are fewer."""
        if len(self) < count:
            raise PduError(field, self.at, f"{count} octets expected, {len(self)} left")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self), "rest")
