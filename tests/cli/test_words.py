"""The small parts of the command line: CSV files, what is typed, how numbers and times are shown."""

from __future__ import annotations

import io
import sys

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.cli.recipients import read_numbers
from modemd.cli.rendering import cell, counted, listed, span
from modemd.cli.typed import StandardInput


@pytest.mark.parametrize(
    "text",
    [
        "600100200\n600100201\n",
        "600100200\r\n600100201\r\n",
        "\ufeff600100200\n600100201",
        "phone\n600100200\n600100201\n",
        "\ufeffPhone\n600100200\n600100201\n",
        "name,Number\nAnna,600100200\nJan,600100201\n",
        "name;mobile;note\nAnna;600100200;x\nJan;600100201;y\n",
        'name\tto\n"Nowak, Anna"\t600100200\nJan\t600100201\n',
        "\n\n600100200\n\n600100201\n600100200\n",
        'name,to\n"Nowak\nAnna",600100200\nJan,600100201\nshort\n',
        "600100200,Anna\n600100201,Jan\n",
        "who is called\n600100200\n600100201\n",
    ],
)
def test_numbers_are_found_in_many_kinds_of_csv(text: str) -> None:
    assert read_numbers(io.StringIO(text, newline="")) == ["600100200", "600100201"]


def test_an_empty_file_has_no_numbers() -> None:
    assert read_numbers(io.StringIO("")) == []
    assert read_numbers(io.StringIO("phone\n")) == []


@given(st.text())
def test_no_file_at_all_makes_the_reader_stumble(text: str) -> None:
    assert all(number.strip() for number in read_numbers(io.StringIO(text, newline="")))


def test_what_is_typed_is_taken_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("first\n  second \n"))
    typed = StandardInput()
    assert [typed.line("-"), typed.line("given"), typed.line("-")] == ["first", "given", "second"]
    with pytest.raises(click.UsageError):
        typed.line("-")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0.0 s"), (12.54, "12.5 s"), (60, "1 min"), (3_661, "1 h 1 min"), (176_400, "2 d 1 h")]
)
def test_a_length_of_time_is_shown_in_its_largest_units(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


def test_numbers_are_shown_with_their_unit_and_unknown_things_as_a_dash() -> None:
    assert counted(1, "message") == "1 message"
    assert counted(2_000, "message") == "2,000 messages"
    assert listed({"sent": 1_200, "failed": 0}) == "1,200 sent"
    assert listed({}) == "nothing"
    assert [cell(value).plain for value in (None, "", 0, 1_234, "[red]")] == ["–", "–", "0", "1,234", "[red]"]
