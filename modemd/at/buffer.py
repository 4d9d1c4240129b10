"""Bytes in any slices become lines; memory is bounded, whatever the modem sends."""

from __future__ import annotations

LONGEST_LINE = 4096
"""Octets. The longest line a modem owes us is a PDU of 164 + 12 octets in hex (352), or a long text-mode ``+CMGL``."""

_NOISE = bytes(octet for octet in range(256) if octet < 0x20 or octet > 0x7E) + b" "
"""What never begins or ends a line of a modem: control characters, bytes of a line at another speed, blanks."""


class LineBuffer:
    """Collects octets until a line is whole.

    CR, LF and both in any order end a line; empty lines vanish; NULs are dropped; a line longer than
    ``LONGEST_LINE`` is thrown away whole and counted in ``overlong``.
    """

    __slots__ = ("_skipping", "_tail", "overlong")

    def __init__(self) -> None:
        self._tail = b""
        self._skipping = False
        self.overlong = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read; return the lines that are whole now, stripped of noise at both ends."""
        if b"\0" in data:
            data = data.replace(b"\0", b"")
        pieces = (self._tail + data).replace(b"\r", b"\n").split(b"\n")
        self._tail = pieces.pop()
        if self._skipping and pieces:
            pieces.pop(0)
            self._skipping = False
        if len(self._tail) > LONGEST_LINE:
            self._tail = b""
            if not self._skipping:
                self._skipping = True
                self.overlong += 1
        elif self._skipping:
            self._tail = b""
        return [line for piece in pieces if (line := piece.strip(_NOISE)) and self._fits(line)]

    def _fits(self, line: bytes) -> bool:
        if len(line) <= LONGEST_LINE:
            return True
        self.overlong += 1
        return False

    @property
    def unfinished(self) -> bytes:
        """What has come of the line that is not whole yet, without the noise before it."""
        return self._tail.lstrip(_NOISE)

    def drop_unfinished(self, octets: int) -> None:
        """Take ``octets`` of ``unfinished`` away: they were a prompt."""
        self._tail = self.unfinished[octets:]
