"""``?`` becomes ``$1``, ``$2``… for PostgreSQL, and only where it is a parameter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.db.postgresql import numbered

QUOTED = ["'why?'", "'it''s ?'", '"odd? name"', "-- really?\n", "/* ? \n ? */", "''", '""', "'--?'", "'/* ?'"]
PLAIN = [" SELECT ", ", ", "100%", "$", "::text", "\n"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", "SELECT 1"),
        ("INSERT INTO t VALUES (?, ?)", "INSERT INTO t VALUES ($1, $2)"),
        ("SELECT '?' || ? -- ?\n, ?", "SELECT '?' || $1 -- ?\n, $2"),
        ("SELECT 'it''s ?', ?", "SELECT 'it''s ?', $1"),
    ],
)
def test_parameters_are_numbered_in_order(sql: str, expected: str) -> None:
    assert numbered(sql) == expected


@given(st.lists(st.sampled_from([*QUOTED, *PLAIN, "?"])))
def test_what_is_quoted_or_a_comment_is_left_alone(parts: list[str]) -> None:
    spaced = " ".join(parts)  # the blank keeps two literals from becoming one with an escaped quote
    places = iter(range(1, len(parts) + 1))
    assert numbered(spaced) == " ".join(f"${next(places)}" if part == "?" else part for part in parts)
