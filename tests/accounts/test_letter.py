"""What is sealed of a message comes back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.accounts import letter
from modemd.accounts.letter import Letter
from modemd.errors import Unreadable
from modemd.values import Sms

texts = st.text(st.characters(exclude_categories=["Cs"]))
sms = st.builds(
    Sms,
    to=st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True),
    text=texts,
    flash=st.booleans(),
    report=st.booleans(),
    valid_for=st.none() | st.integers(1, 2**32 - 1),
)
tags = st.none() | texts.filter(lambda tag: len(tag.encode()) <= 255)


letters = st.builds(Letter, sms, tags, st.booleans())


@given(letters)
def test_every_message_comes_back_as_it_was(written: Letter) -> None:
    assert letter.decode(letter.encode(written)) == written


@given(letters)
def test_it_is_compact(written: Letter) -> None:
    plain = len(written.sms.to) + len(written.sms.text.encode()) + len((written.tag or "").encode())
    assert len(letter.encode(written)) <= plain + 8


@given(st.binary(max_size=60))
def test_other_octets_are_unreadable_or_a_message(octets: bytes) -> None:
    try:
        letter.decode(octets)
    except Unreadable:
        return


def test_another_format_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        letter.decode(b"\x02\x00\x00hello")
