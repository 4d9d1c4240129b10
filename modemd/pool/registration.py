"""How a modem stands with its network, as ``+CREG``, ``+CGREG``, ``+CEREG``, ``+CSQ`` and ``+COPS`` say it.

TS 27.007 7.2, 7.3, 8.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from modemd.at.grammar import after, fields, whole_numbers


class Registration(StrEnum):
    """How it stands with the network (TS 27.007 7.2)."""

    HOME = "home"
    ROAMING = "roaming"
    SEARCHING = "searching"
    DENIED = "denied"
    NONE = "none"

    @property
    def good(self) -> bool:
        """Whether SMS can be sent."""
        return self in {Registration.HOME, Registration.ROAMING}


PREFIXES = ("+CREG:", "+CGREG:", "+CEREG:")

_BEST_FIRST = list(Registration)
_STATES = {
    0: Registration.NONE,
    1: Registration.HOME,
    2: Registration.SEARCHING,
    3: Registration.DENIED,
    4: Registration.NONE,
    5: Registration.ROAMING,
    6: Registration.HOME,  # SMS only
    7: Registration.ROAMING,  # SMS only
    8: Registration.DENIED,  # emergency calls only
    9: Registration.HOME,  # CSFB not preferred
    10: Registration.ROAMING,  # CSFB not preferred
}


def best(states: Iterable[Registration]) -> Registration:
    """The one that counts of what a modem says of several domains (circuits, packets, EPS): any good one will do."""
    return min(states, key=_BEST_FIRST.index)


def answered(line: str) -> Registration:
    """What an answer says: ``+CREG: <n>,<stat>[,…]``."""
    values = whole_numbers(line.partition(":")[2])
    return _state(values[1] if len(values) > 1 else None)


def told(line: str) -> tuple[str, Registration] | None:
    """What an unsolicited code says: ``+CREG: <stat>[,<lac>,<ci>]``; None if it is another code."""
    prefix = line.partition(":")[0] + ":"
    if prefix not in PREFIXES:
        return None
    values = whole_numbers(line.partition(":")[2])
    return prefix, _state(values[0] if values else None)


def dbm(line: str) -> int | None:
    """Signal strength in dBm from ``+CSQ: <rssi>,<ber>``; None where the modem does not know."""
    values = whole_numbers(after("+CSQ:", line))
    rssi = values[0] if values else None
    return 2 * rssi - 113 if rssi is not None and rssi <= 31 else None


def operator(line: str) -> str | None:
    """The operator's name or code from ``+COPS: <mode>[,<format>,"<oper>"[,<AcT>]]``."""
    values = fields(after("+COPS:", line))
    return values[2] or None if len(values) > 2 else None


def _state(value: int | None) -> Registration:
    return _STATES.get(value, Registration.NONE) if value is not None else Registration.NONE
