"""Which message storages to use, from what a modem lists (TS 27.005 3.2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modemd.at.grammar import after, whole_numbers

_KNOWN = ("SM", "ME", "MT")
"""By preference: the SIM's own, which every modem has; the modem's; both together. SR and BM hold no messages."""


def listed(answer: str) -> list[set[str]]:
    """The storages that ``+CPMS=?`` offers for mem1, mem2, mem3.

    Modems write this in every way imaginable; names are what is looked for: two upper-case letters, perhaps with
    ``_P`` ("preferred", SIMCom), which is taken off. One flat list stands for all three.
    """
    text = after("+CPMS:", answer)
    groups = [
        _names(group) for group in re.findall(r"\(([^()]*)\)|(\"[A-Z]{2}(?:_P)?\")", text) for group in group if group
    ]
    if len(groups) < 2 or "(" not in text:
        return [_names(text)] * 3
    return (groups + [groups[-1]] * 3)[:3]


def preferences(answer: str) -> Iterator[tuple[str, ...]]:
    """What to try, best first: three storages, then two, then one (some modems take only so many)."""
    groups = listed(answer)
    usable = [next((name for name in _KNOWN if name in group), "SM") for group in groups]
    for count in (3, 2, 1):
        yield tuple(usable[:count])


def use(answer: str) -> tuple[int, int]:
    """Messages in the storage for received ones, and its places, from ``+CPMS?``; zeros where it says nothing."""
    numbers = [number for number in whole_numbers(after("+CPMS:", answer)) if number is not None]
    return (numbers[-2], numbers[-1]) if len(numbers) >= 2 else (0, 0)


def _names(text: str) -> set[str]:
    return {name.removesuffix("_P") for name in re.findall(r"\b([A-Z]{2}(?:_P)?)\b", text)}
