"""Wraps a port and logs the exchange, line by line, with everything personal masked.

Only the shape of a line is shown: whatever is quoted, every run of four digits or more, every PDU, and every line that
is neither a command nor a result code (it may be a text) gives its length instead. Octets are collected to whole lines
first, or a number that came one octet at a time would show.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from modemd import log
from modemd.at import grammar
from modemd.at.serial import Port

_PERSONAL = re.compile(r'"[^"]*"?|[0-9A-Fa-f*#]{8,}|\+?\d{4,}')
_LONGEST = 1024
"""Octets kept of a line that does not end."""


def masked(line: str) -> str:
    """The line's shape: verbs, small numbers and results stay, everything else is a length."""
    if line == "<ESC>":
        return line
    if not (line.startswith(("AT", "+", "^", "*", "$", "%", "#")) or grammar.final(line) or line in grammar.BARE_CODES):
        return f"<{len(line)} characters>"
    return _PERSONAL.sub(lambda found: f"<{len(found[0])}>", line)


class Traced:
    """A port whose exchange is logged under the name that ``name`` gives, while it gives one."""

    def __init__(self, port: Port, name: Callable[[], str | None]) -> None:
        self.path = port.path
        self._port = port
        self._name = name
        self._heard = b""
        self._said = b""

    def fileno(self) -> int:
        """The descriptor of the port underneath."""
        return self._port.fileno()

    def read(self) -> bytes:
        """What has come, logged."""
        data = self._port.read()
        self._heard = self._show("heard", self._heard + data)
        return data

    def write(self, data: bytes) -> int:
        """How many octets the port took, logged."""
        taken = self._port.write(data)
        self._said = self._show("said", self._said + data[:taken].replace(b"\x1a", b"\r").replace(b"\x1b", b"<ESC>\r"))
        return taken

    async def close(self) -> None:
        """Let the port underneath go."""
        await self._port.close()

    def _show(self, heading: str, data: bytes) -> bytes:
        *lines, rest = data.replace(b"\r", b"\n").split(b"\n")
        name = self._name()
        for line in lines:
            if line and name is not None:
                log.event(f"at.{heading}", modem=name, line=masked(line.decode("latin-1")))
        return rest[-_LONGEST:]
