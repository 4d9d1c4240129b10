"""One text, several segments: where to cut, and what each segment's user data is.

No segment ends between an escape and its second septet, or within a surrogate pair; nor, unless it is longer than a
segment, within a grapheme cluster (a CR LF, a letter with its accents, a family of emoji).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, replace

import regex  # type: ignore[import-untyped]  # its stubs are a package of their own

from modemd.at.pdu.alphabet import Language
from modemd.at.pdu.dcs import Alphabet
from modemd.at.pdu.encoding import Encoded, encode, room
from modemd.at.pdu.header import MAX_SEGMENTS, Concat, Ports
from modemd.at.pdu.primitives import ESC
from modemd.at.pdu.userdata import UserData
from modemd.errors import InvalidField

_CR, _LF = 0x0D, 0x0A
_CONCAT_8_OCTETS, _CONCAT_16_OCTETS = 5, 6
# Blocks whose characters are 16-bit and never join into clusters: Latin, Greek, Cyrillic, common punctuation, kana,
# CJK. For them clusters need not be looked for, which takes most of the time.
_NEVER_JOINS = re.compile(
    "[\x0e-\u02ff\u0370-\u0482\u048a-\u0590\u2010-\u2027\u20a0-\u20cf\u3041-\u3096\u30a0-\u30ff\u4e00-\u9fff\\n]*"
)
_CLUSTER = regex.compile(r"\X")


# Where texts with clusters were cut, by a keyed digest: a bulk message is counted thousands of times, and nobody's text
# stays in memory for it.
_KEY = secrets.token_bytes(16)
_MEMO_SIZE = 512
_memo: dict[tuple[int, bytes], list[int]] = {}


@dataclass(frozen=True, slots=True)
class Count:
    """What a text costs."""

    alphabet: Alphabet
    parts: int
    used: int
    """Septets (``gsm7``) or 16-bit units (``ucs2``) of text in all segments together."""
    left: int
    """How many more fit in the last segment."""
    single: Language | None = None
    """The national single shift table, if one is used."""
    locking: Language | None = None
    """The national locking shift table, if one is used."""


def count(text: str, *, national: tuple[Language, ...] = (), wide: bool = False) -> Count:
    """What ``text`` costs, without building it.

    ``national`` lists the languages whose tables the operator has switched on, ``wide`` asks for 16-bit references.
    InvalidField ``text`` if it is empty, malformed, or longer than 255 segments.
    """
    encoded = encode(text, national)
    ends, size = _cut(encoded, len(encoded.header.octets()), wide)
    width = 2 if encoded.alphabet is Alphabet.UCS2 else 1
    left = size - len(encoded.units) + (ends[-1] if ends else 0)
    pair = encoded.tables
    return Count(encoded.alphabet, len(ends) + 1, len(encoded.units) // width, left // width, pair.single, pair.locking)


def split(encoded: Encoded, reference: int, *, wide: bool = False, ports: Ports | None = None) -> list[UserData]:
    """``encoded`` cut into segments, with a concatenation of ``reference`` where one is not enough.

    InvalidField if it takes more than 255; PduError if a port does not fit.
    """
    header = replace(encoded.header, ports=ports) if ports else encoded.header
    ends, _ = _cut(encoded, len(header.octets()), wide)
    if not ends:
        return [UserData(encoded.units, encoded.alphabet, header)]
    total = len(ends) + 1
    bounds = enumerate(zip([0, *ends], [*ends, len(encoded.units)], strict=True), 1)
    return [
        UserData(
            encoded.units[start:end],
            encoded.alphabet,
            replace(header, concat=Concat(reference, total, number, wide)),
        )
        for number, (start, end) in bounds
    ]


def _cut(encoded: Encoded, header_octets: int, wide: bool) -> tuple[list[int], int]:
    """Offsets at which segments but the last end, and how much fits in a segment (septets or octets)."""
    size = room(encoded.alphabet, header_octets)
    if len(encoded.units) <= size:
        return [], size
    concat = _CONCAT_16_OCTETS if wide else _CONCAT_8_OCTETS
    size = room(encoded.alphabet, (header_octets or 1) + concat)
    ends = _ends(encoded, size)
    if len(ends) >= MAX_SEGMENTS:
        raise InvalidField(
            "text" if encoded.text else "data",
            f"this needs {len(ends) + 1} segments, and a message has at most {MAX_SEGMENTS}",
            cure="shorten it, or send several messages",
            code="text_too_long",
        )
    return ends, size


def _ends(encoded: Encoded, size: int) -> list[int]:
    if encoded.alphabet is Alphabet.GSM7:
        return _septet_ends(encoded.units, size)
    if encoded.alphabet is Alphabet.DATA or _NEVER_JOINS.fullmatch(encoded.text):
        return list(range(size, len(encoded.units), size))
    key = size, hashlib.blake2b(encoded.units, key=_KEY, digest_size=16).digest()
    ends = _memo.get(key)
    if ends is None:
        if len(_memo) >= _MEMO_SIZE:
            _memo.clear()
        ends = _memo[key] = _cluster_ends(encoded.text, size)
    return ends


def _septet_ends(septets: bytes, size: int) -> list[int]:
    ends = []
    end = size
    while end < len(septets):
        last = septets[end - 1]
        # no table has an escape for a second septet, so one at the end always opens a pair
        if last == ESC or (last == _CR and septets[end] == _LF):
            end -= 1
        ends.append(end)
        end += size
    return ends


def _cluster_ends(text: str, size: int) -> list[int]:
    ends = []
    used = at = 0
    for cluster in _CLUSTER.findall(text):
        whole = _octets(cluster)
        for length in [whole] if whole <= size else map(_octets, cluster):
            if used + length > size:
                ends.append(at)
                used = 0
            used += length
            at += length
    return ends


def _octets(text: str) -> int:
    return len(text.encode("utf-16-be"))
