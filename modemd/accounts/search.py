"""Looking for plain text in raw files, in every form that a gateway could have left it.

A needle is looked for as UTF-8 and UTF-16 both ways, as packed septets at each of eight alignments (TS 23.038 6.1.2.1),
as semi-octets at both (TS 23.040 9.1.2.3), each of them raw and as hex in both cases; and as base64 at three offsets.
Where neighbours share an octet with the needle, that octet is left out of the form.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LEAST = 4
"""Octets of a form: shorter ones would be found by chance."""
PIECE = 1 << 20

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
    found = dict(base)
    for name, octets in base.items():
        found[f"hex {name}"], found[f"HEX {name}"] = octets.hex().encode(), octets.hex().upper().encode()
        if not name.startswith(("septets", "semi")):
            found |= {f"base64 {shift} {name}": _in_base64(octets, shift) for shift in range(3)}
    return {name: form for name, form in found.items() if len(form) >= LEAST}


def search(paths: Iterable[Path], needles: Sequence[str], septets: Septets) -> Iterator[Hit]:
    """Where the needles are in these files, and in all files of these folders. Raises OSError for an unreadable one."""
    wanted = [
        (place, name, form) for place, needle in enumerate(needles) for name, form in forms(needle, septets).items()
    ]
    overlap = max((len(form) for _, _, form in wanted), default=1) - 1
    for path in _files(paths):
        with suppress(FileNotFoundError):  # a journal that has gone since it was listed
            yield from _in_file(path, wanted, overlap)


def _in_file(path: Path, wanted: Sequence[tuple[int, str, bytes]], overlap: int) -> Iterator[Hit]:
    """The hits in one file, read in pieces that overlap by the longest form."""
    kept, start = b"", 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            window = kept + piece
            for place, name, form in wanted:
                at = window.find(form)
                while at >= 0:
                    if at + len(form) > len(kept):
                        yield Hit(path, place, name, start + at)
                    at = window.find(form, at + 1)
            start += max(0, len(window) - overlap)
            kept = window[-overlap:] if overlap else b""


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        path.stat()  # what was named has to be there
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path, onerror=_refuse):
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
