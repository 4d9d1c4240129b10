"""Texts with fields: ``Hello {name}``. Our own substitution: a text from outside never reaches ``format``.

A field is a word in braces; ``{{`` and ``}}`` stand for the braces themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from modemd.errors import InvalidField

_PIECE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]{0,39})\}")


def check(text: str) -> None:
    """Make sure that every brace means something: ``{ name }`` would go out as it stands. Raises InvalidField."""
    if re.search(r"[{}]", _PIECE.sub("", text)):
        cure = "a field is a word of letters, digits and _ in braces, like {name}; write {{ and }} for the braces"
        detail = "a brace of the text begins or ends no field"
        raise InvalidField("text", detail, cure=cure, code="invalid_template")


def fields(text: str) -> frozenset[str]:
    """The names of the fields in a text."""
    return frozenset(found[1] for found in _PIECE.finditer(text) if found[1])


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its fields filled in. Raises KeyError with the name of one that has no value."""

    def piece(found: re.Match[str]) -> str:
        return values[found[1]] if found[1] else found[0][0]

    return _PIECE.sub(piece, text)
