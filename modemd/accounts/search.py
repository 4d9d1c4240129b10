"""Looking for plain text in raw files, in every form that a gateway could have left it.

A needle is looked for as UTF-8 and UTF-16 both ways, as packed septets at each of eight alignments (TS 23.038 6.1.2.1),
as semi-octets at both (TS 23.040 9.1.2.3) and as the address of a TPDU or a phone book (type of address 91, then semi-
octets: 9.1.2.5), each of them raw and as hex in both cases; and as base64 at three offsets.
Where neighbours share an octet with the needle, that octet is left out of the form.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modemd.accounts.sieve import Sieve

LEAST = 4
"""Octets of a form: shorter ones would be found by chance."""
PIECE = 1 << 20
_INTERNATIONAL = b"\x91"
"""Type of address: an international number of the numbering plan of telephones."""

Septets = Callable[[str], Sequence[int] | None]
"""The septets of a text in the GSM 7 bit default alphabet; None if it has none."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A needle that was found; which one, by its place among those given, never by its words."""

    path: Path
    needle: int
    form: str
    offset: int


def forms(needle: str, septets: Septets) -> dict[str, bytes]:
    """Every form of a needle that is long enough to mean something, by its name."""
    base = {"utf-8": needle.encode(), "utf-16-le": needle.encode("utf-16-le"), "utf-16-be": needle.encode("utf-16-be")}
    packed = septets(needle)
    if packed is not None:
        base |= {f"septets {shift}": _packed(packed, shift) for shift in range(8)}
    digits = needle.removeprefix("+")
    if digits.isascii() and digits.isdigit():
        base |= {"digits": digits.encode(), "semi-octets 0": _swapped(digits), "semi-octets 1": _swapped(digits[1:])}
        base["address"] = _INTERNATIONAL + _swapped(digits)
    found = dict(base)
    for name, octets in base.items():
        found[f"hex {name}"], found[f"HEX {name}"] = octets.hex().encode(), octets.hex().upper().encode()
        if not name.startswith(("septets", "semi", "address")):
            found |= {f"base64 {shift} {name}": _in_base64(octets, shift) for shift in range(3)}
    return {name: form for name, form in found.items() if len(form) >= LEAST}


class Wanted:
    """Needles in all their forms, ready to be looked for in files; ``least`` octets of a form are asked for."""

    def __init__(self, needles: Sequence[str], septets: Septets, least: int = LEAST, variety: int = 1) -> None:
        """``variety`` is how many different octets a form has at least: zeros and rulers are in many files."""
        self._meaning: dict[bytes, list[tuple[int, str]]] = {}
        for place, needle in enumerate(needles):
            for name, form in forms(needle, septets).items():
                if len(form) >= least and len(set(form)) >= variety:
                    self._meaning.setdefault(form, []).append((place, name))
        self._sieve = Sieve(self._meaning)

    def in_file(self, path: Path) -> Iterator[Hit]:
        """The hits in one file, read in pieces that overlap by the longest form. Raises OSError."""
        kept, start, overlap = b"", 0, self._sieve.overlap
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                window = kept + piece
                for at, form in self._sieve.find(window):
                    if at + len(form) > len(kept):
                        yield from (Hit(path, place, name, start + at) for place, name in self._meaning[form])
                start += max(0, len(window) - overlap)
                kept = window[-overlap:] if overlap else b""

    def is_in(self, octets: bytes) -> bool:
        """Whether any of them is in there."""
        return next(self._sieve.find(octets), None) is not None


def search(paths: Iterable[Path], needles: Sequence[str], septets: Septets) -> Iterator[Hit]:
    """Where the needles are in these files, and in all files of these folders. Raises OSError for an unreadable one."""
    wanted = Wanted(needles, septets)
    for path in files(paths, _refuse):
        with suppress(FileNotFoundError):  # a journal that has gone since it was listed
            yield from wanted.in_file(path)


def files(paths: Iterable[Path], refuse: Callable[[OSError], None]) -> Iterator[Path]:
    """These files, and all files of these folders; ``refuse`` is told what cannot be listed."""
    for path in paths:
        try:
            path.stat()  # what was named has to be there
        except OSError as error:
            refuse(error)
            continue
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path, onerror=refuse):
            folders.sort()
            found = (Path(folder, name) for name in sorted(names))
            yield from (one for one in found if one.is_file() and not one.is_symlink())


def _refuse(error: OSError) -> None:
    """A folder that cannot be listed is no folder without hits."""
    raise error


def _packed(septets: Sequence[int], shift: int) -> bytes:
    """The octets that these septets alone decide, when ``shift`` septets stand before them."""
    bits, length = 0, 7 * shift
    for septet in septets:
        bits |= septet << length
        length += 7
    first, last = -(-7 * shift // 8), length // 8
    return (bits >> 8 * first).to_bytes(last - first + 1, "little")[: last - first] if last > first else b""


def _swapped(digits: str) -> bytes:
    """Digits as semi-octets, the second of each pair first; a last one alone is filled up with F."""
    nibbles = [int(digit) for digit in digits] + [0xF] * (len(digits) % 2)
    return bytes(high << 4 | low for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def _in_base64(octets: bytes, shift: int) -> bytes:
    """The characters of base64 that these octets alone decide, when ``shift`` octets stand before them."""
    text = b64encode(bytes(shift) + octets).rstrip(b"=")
    first = (0, 2, 3)[shift]
    whole = (len(octets) + shift) * 8 // 6
    return text[first:whole]
