"""What a single line means by itself: final results, headers of two-line codes, parameters, lists of values."""

from __future__ import annotations

import re
from functools import cache

from modemd.at.events import Final

_OK = Final("ok")
_ERROR = Final("error")

_FINALS = {
    "OK": _OK,
    "ERROR": _ERROR,
    "COMMAND NOT SUPPORT": Final("error", None, "COMMAND NOT SUPPORT"),  # Huawei
    "TOO MANY PARAMETERS": Final("error", None, "TOO MANY PARAMETERS"),  # Huawei
    "NA": Final("error", None, "NA"),  # Samsung Z810
}
_CODED = re.compile(r"\+CM([ES]) ?ERROR ?: ?(.*)", re.IGNORECASE)
_MOTOROLA = re.compile(r"MODEM ERROR: ?(\d+)")

_PDU_FOLLOWS = re.compile(r"\+(?:CMT|CDS|CBM): ?(?:.*,)? ?(\d+)$")
"""TS 27.005 3.4.1: ``+CMT: [<alpha>],<length>``, ``+CDS: <length>``; ZTE writes ``+CDS: ,<length>``."""

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")

BARE_CODES = frozenset(
    {
        "RING", "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "RDY", "Call Ready", "SMS Ready", "SMS DONE",
        "PB DONE", "NORMAL POWER DOWN", "POWERED DOWN", "UNDER-VOLTAGE WARNNING", "UNDER-VOLTAGE POWER DOWN",
        "OVER-VOLTAGE WARNNING", "OVER-VOLTAGE POWER DOWN", "SMS FULL",
    }
)  # fmt: skip
"""Unsolicited lines that carry no mark of their kind (spelling as the modems have it)."""

_FIELD = re.compile(r'\s*(?:"([^"]*)"?|([^,]*))\s*(?:,|$)')


def final(line: str) -> Final | None:
    """The final result code this line is, or None. A text that merely contains OK is none: whole lines count."""
    known = _FINALS.get(line)
    if known is not None:
        return known
    coded = _CODED.match(line)
    if coded is not None:
        family = "cms" if coded[1] in "sS" else "cme"
        value = coded[2].strip()
        return Final(family, int(value)) if value.isdecimal() else Final(family, None, value)
    return Final("error", int(motorola[1])) if (motorola := _MOTOROLA.fullmatch(line)) else None


def pdu_length(line: str) -> int | None:
    """Octets of the TPDU that the next line brings, if this is the header of a two-line unsolicited code."""
    if not line.startswith("+C"):
        return None
    header = _PDU_FOLLOWS.match(line)
    return int(header[1]) if header else None


def names_nearly(prefix: str, line: str) -> bool:
    """Whether this is ``<prefix> <number>`` with noise before it, or with one octet of the prefix changed or lost."""
    return _nearly(prefix).fullmatch(line) is not None


@cache
def _nearly(prefix: str) -> re.Pattern[str]:
    damaged = [re.escape(prefix[:place]) + ".?" + re.escape(prefix[place + 1 :]) for place in range(len(prefix))]
    return re.compile(rf"(?:.*{re.escape(prefix)}|{'|'.join(damaged)})\s*\d{{1,3}}")


def is_hex(line: str) -> bool:
    """Whether the line is whole octets in hex and nothing else."""
    return _HEX.fullmatch(line) is not None


def is_pdu(line: str, length: int) -> bool:
    """Whether the line is an SCA and a TPDU of ``length`` octets in hex (TS 27.005 3.1 ``<pdu>``)."""
    return is_hex(line) and len(line) // 2 - 1 - int(line[:2], 16) == length


def after(prefix: str, line: str) -> str:
    """What stands after ``prefix`` and the blanks that may follow it; the line itself where there is no prefix."""
    return line[len(prefix) :].strip() if line.startswith(prefix) else line.strip()


def fields(text: str) -> list[str]:
    """The parameters of a response: parted by commas outside quotation marks, the marks and blanks taken off."""
    found: list[str] = []
    position = 0
    while position <= len(text):
        match = _FIELD.match(text, position)
        if match is None:
            found.append(text[position:].strip())
            break
        found.append(match[1] if match[1] is not None else match[2].strip())
        if match.end() == len(text) and not match[0].endswith(","):
            break
        position = match.end()
    return found


def whole_numbers(text: str) -> list[int | None]:
    """The parameters as numbers, None where one is none."""
    return [int(field) if field.isdecimal() else None for field in fields(text)]


def value_sets(text: str) -> list[frozenset[int]]:
    """What a test command lists (TS 27.007 4): ``(0-2),(0,1,3),(1)`` or without parentheses, as sets of numbers."""
    groups = re.findall(r"\(([^()]*)\)|(\d+(?:-\d+)?)", text)
    return [_values(grouped or single) for grouped, single in groups]


def _values(group: str) -> frozenset[int]:
    values: set[int] = set()
    for part in group.split(","):
        bounds = [int(bound) for bound in re.findall(r"\d+", part)]
        if bounds:
            values.update(range(bounds[0], min(bounds[-1], bounds[0] + 255) + 1))
    return frozenset(values)
