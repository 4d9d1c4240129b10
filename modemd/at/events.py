"""What a modem says, as the parser hands it on: each line becomes exactly one of these."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """One line of information text that answers the command in flight (V.250 5.7.1)."""

    text: str


class Echo(NamedTuple):
    """The modem sent back what it was sent; after an ATE0 that it honoured, this proves that it restarted."""

    text: str


class Prompt(NamedTuple):
    """``>``: the modem waits for a PDU (TS 27.005 4.3). No line end follows it."""


class Final(NamedTuple):
    """A final result code: the command in flight has ended."""

    family: str
    """``ok``, ``cms``, ``cme``, or ``error`` for a failure without a number."""
    number: int | None = None
    """The code within its family (TS 27.005 3.2.5, TS 27.007 9.2)."""
    text: str = ""
    """What stood in place of a number (``SIM busy``), or the whole line of a vendor's own result code."""

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.family == "ok"

    @property
    def code(self) -> str:
        """Stable and short, as outcomes carry it: ``cms-38``, ``cme-14``, ``error``."""
        return self.family if self.number is None else f"{self.family}-{self.number}"


class Unsolicited(NamedTuple):
    """A line that answers nothing: a result code of the modem's own accord, or noise."""

    text: str
    pdu: str | None = None
    """The hex line that followed ``+CMT``, ``+CDS`` or ``+CBM`` (TS 27.005 3.4.1); None for every other line."""


Event = Line | Echo | Prompt | Final | Unsolicited
