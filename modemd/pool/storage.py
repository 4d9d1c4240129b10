"""Which message storages to use, from what a modem lists (TS 27.005 3.2.2), and what a listing says (3.4.2, 3.4.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from modemd.at.grammar import after, is_hex, whole_numbers
from modemd.values import Segment

_KNOWN = ("SM", "ME", "MT")
"""By preference: the SIM's own, which every modem has; the modem's; both together. SR and BM hold no messages."""
READ = ("SM", "ME", "SR")
"""Where messages and reports may lie; MT is SM and ME together, under indexes of its own."""
WRITABLE = ("SM", "ME")
MOST_RECORDS = 1000
"""More than any storage has: 255 is the most that is known (Quectel's ME)."""
BLANK = Segment("00" + "0100" + "0181F0" + "0004" + "8C" + "00" * 140, 148)
"""An SMS-SUBMIT of 140 zeros to nobody: it fills a whole record of a SIM (TS 31.102 4.2.25)."""
FILLING = BLANK.pdu[6:]
"""What tells it from any other message: a modem may put its service centre and a reference before that."""


@dataclass(frozen=True)
class Stored:
    """One message in a storage."""

    index: int
    pdu: str


def listed(answer: str) -> list[set[str]]:
    """The storages that ``+CPMS=?`` offers for mem1, mem2, mem3.

    Modems write this in every way imaginable; names are what is looked for: two upper-case letters, perhaps with
    ``_P`` ("preferred", SIMCom), which is taken off. One flat list, or one list, stands for all three.
    """
    text = after("+CPMS:", answer).strip()
    if text.startswith("((") and text.endswith("))"):
        text = text[1:-1]
    if "(" not in text:
        return [_names(text)] * 3
    groups = [_names(match[0]) for match in re.finditer(r"\([^()]*\)|[^(),]+", text) if match[0].strip(' ,"')]
    return (groups + [groups[-1]] * 3)[:3]


def preferences(answer: str) -> Iterator[tuple[str, ...]]:
    """What to try, best first: three storages, then two, then one (some modems take only so many)."""
    groups = listed(answer)
    usable = [next((name for name in _KNOWN if name in group), "SM") for group in groups]
    for count in (3, 2, 1):
        yield tuple(usable[:count])


def readable(answer: str, chosen: Sequence[str]) -> tuple[str, ...]:
    """The storages to read and empty: those that mem1 may be; the chosen one where the modem lists none."""
    names = listed(answer)[0] if answer else set()
    return tuple(name for name in READ if name in names) or tuple(chosen[:1])


def cannot_receive(answer: str) -> bool:
    """Whether the modem lists storages and there is none: ``+CPMS: (),(),()`` of Nokia S60."""
    return bool(after("+CPMS:", answer)) and not any(listed(answer))


def use(answer: str) -> tuple[int, int]:
    """Messages in the storage for received ones, and its places, from ``+CPMS?``; zeros where it says nothing."""
    numbers = [number for number in whole_numbers(after("+CPMS:", answer)) if number is not None]
    return (numbers[-2], numbers[-1]) if len(numbers) >= 2 else (0, 0)


def names(answer: str) -> tuple[str, ...]:
    """What ``+CPMS?`` says is set: a Falcom Samba ignores what it is told (smstools faq)."""
    return tuple(name.removesuffix("_P") for name in re.findall(r"\b([A-Z]{2}(?:_P)?)\b", after("+CPMS:", answer)))


def announced(line: str) -> tuple[str, int] | None:
    """Storage and index of ``+CMTI: <mem>,<index>`` or ``+CDSI: …``; None if it is another code."""
    found = re.fullmatch(r'\+C(?:MT|DS)I: ?"?(\w+)"?, ?(\d+)', line)
    return (found[1].removesuffix("_P"), int(found[2])) if found else None


def messages(lines: Iterable[str]) -> Iterator[Stored]:
    """The messages of a ``+CMGL`` listing in PDU mode: ``+CMGL: <index>,<stat>,[<alpha>],<length>`` and its PDU.

    A record that is no hex is given with an empty PDU, so that it is deleted like the others; a free place that some
    modems show as octets of FF is none.
    """
    index: int | None = None
    for line in lines:
        if line.startswith("+CMGL:"):
            if index is not None:
                yield Stored(index, "")
            numbers = whole_numbers(after("+CMGL:", line))
            index = numbers[0] if numbers else None
        elif index is not None:
            if set(line) != {"F"}:
                yield Stored(index, line if is_hex(line) else "")
            index = None
    if index is not None:
        yield Stored(index, "")


def _names(text: str) -> set[str]:
    return {name.removesuffix("_P") for name in re.findall(r"\b([A-Z]{2}(?:_P)?)\b", text)}
