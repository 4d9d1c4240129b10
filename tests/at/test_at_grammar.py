"""What a single line says: parameters, lists of values, lengths of PDUs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.at import grammar


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ('"+48790998250",145', ["+48790998250", "145"]),
        ('0,0,"Acme, Ltd",7', ["0", "0", "Acme, Ltd", "7"]),
        ("0, 167, 0, 0", ["0", "167", "0", "0"]),
        ('"SM",3', ["SM", "3"]),
        (",26", ["", "26"]),
        ("", [""]),
        ('"",129', ["", "129"]),
        ('"unfinished', ["unfinished"]),
        ("1,", ["1", ""]),
    ],
)
def test_parameters_are_parted_by_commas_outside_quotation_marks(text: str, parameters: list[str]) -> None:
    assert grammar.fields(text) == parameters


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("(0-2),(0-3),(0,2),(0-2),(0,1)", [{0, 1, 2}, {0, 1, 2, 3}, {0, 2}, {0, 1, 2}, {0, 1}]),
        ("(0,1,2),(0,1),(0,2),(0),(1)", [{0, 1, 2}, {0, 1}, {0, 2}, {0}, {1}]),
        ("(2),(0-1,3),(0,2),(0-1),(0)", [{2}, {0, 1, 3}, {0, 2}, {0, 1}, {0}]),
        ("(1,2),(0-2),(0,2),(0-2),(0-1)", [{1, 2}, {0, 1, 2}, {0, 2}, {0, 1, 2}, {0, 1}]),
        ("(0-3)", [{0, 1, 2, 3}]),
        ("1", [{1}]),
        ("", []),
    ],
)
def test_lists_of_values_as_modems_write_them(text: str, sets: list[set[int]]) -> None:
    assert grammar.value_sets(text) == [frozenset(values) for values in sets]


@pytest.mark.parametrize(
    ("line", "length"),
    [
        ("+CMT: ,23", 23),
        ('+CMT: "",23', 23),
        ("+CDS: 26", 26),
        ("+CDS: ,26", 26),
        ("+CBM: 88", 88),
        ('+CMTI: "SM",3', None),
        ('+CDSI: "SM",3', None),
        ("+CMGS: 26", None),
    ],
)
def test_headers_tell_how_long_the_pdu_is_that_follows(line: str, length: int | None) -> None:
    assert grammar.pdu_length(line) == length


def test_a_pdu_is_an_sca_and_as_many_octets_as_its_header_says() -> None:
    assert grammar.is_pdu("00" + "AB" * 19, 19)
    assert grammar.is_pdu("07918497908952F0" + "AB" * 26, 26)
    assert not grammar.is_pdu("00" + "AB" * 19, 18)
    assert not grammar.is_pdu("xyz", 1)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_parameters(text: str) -> None:
    grammar.fields(text)
    grammar.whole_numbers(text)
    grammar.value_sets(text)
    grammar.final(text)
    grammar.pdu_length(text)


@given(st.lists(st.text(st.characters(exclude_characters='",', exclude_categories=["C", "Z"]), min_size=1), min_size=1))
def test_what_is_quoted_comes_back(values: list[str]) -> None:
    assert grammar.fields(",".join(f'"{value}"' for value in values)) == values
