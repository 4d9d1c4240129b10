"""Text without diacritics, for who would rather have fewer segments: never done unless asked for."""

from __future__ import annotations

import unicodedata

from modemd.at.pdu.alphabet import DEFAULT

_ALIKE = {
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ı": "i",
    "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ĸ": "k", "ŋ": "n", "Ŋ": "N", "ẞ": "SS",
    "„": '"', "“": '"', "”": '"', "‟": '"', "«": '"', "»": '"', "″": '"',
    "‚": "'", "‘": "'", "’": "'", "‛": "'", "‹": "'", "›": "'", "′": "'", "`": "'", "´": "'",
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "•": "*", "·": ".", "×": "x", "÷": "/",
    "\t": " ", "\u2028": "\n", "\u2029": "\n", "\u00ad": "", "\u200b": "", "\u2060": "", "\ufeff": "",
    "©": "(c)", "®": "(R)",
}  # fmt: skip
"""Characters that do not decompose into a letter and its diacritics, and what they look like."""


def plain(text: str) -> str:
    """``text`` in the GSM default alphabet, with diacritics stripped and typographic characters made simple.

    What the alphabet has stays as it is (``é``, ``ä``). If something is left that it cannot say, nothing would be
    saved, and ``text`` is returned unchanged.
    """
    if DEFAULT.encode(text) is not None:
        return text
    simple = "".join(map(_simple, unicodedata.normalize("NFC", text)))
    return simple if simple and DEFAULT.encode(simple) is not None else text


def _simple(char: str) -> str:
    if DEFAULT.encode(char) is not None:
        return char
    if char in _ALIKE:
        return _ALIKE[char]
    letters = "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c))
    return letters if DEFAULT.encode(letters) is not None else char
