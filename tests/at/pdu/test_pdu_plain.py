"""Stripping diacritics, when asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.at.pdu import Alphabet, count, plain


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ("Zażółć gęślą jaźń", "Zazolc gesla jazn"),
        ("ZAŻÓŁĆ GĘŚLĄ JAŹŃ", "ZAZOLC GESLA JAZN"),
        ("Příliš žluťoučký kůň", "Prilis zlutoucky kun"),
        ("„Cytat” – ‘cite’…", "\"Cytat\" - 'cite'..."),
        ("ce\u0301dille ç, no\u00a0break", "cédille c, no break"),
        ("smörgåsbord ż", "smörgåsbord z"),
        ("İstanbul'da ığdır", "Istanbul'da igdir"),
        ("½ ﬁn ①", "½ ﬁn ①"),
    ],
)
def test_what_the_alphabet_lacks_becomes_what_it_has(text: str, simple: str) -> None:
    assert plain(text) == simple


@pytest.mark.parametrize("text", ["ż 😀", "привет", "żółw 你好", "\u200b"])
def test_a_text_that_stays_expensive_anyway_is_left_alone(text: str) -> None:
    assert plain(text) == text


@given(st.text(min_size=1))
def test_plain_never_empties_or_breaks_a_text(text: str) -> None:
    simple = plain(text)
    assert simple
    assert simple == text or (count(simple).alphabet is Alphabet.GSM7 and count(text).alphabet is Alphabet.UCS2)
    assert plain(simple) == simple
