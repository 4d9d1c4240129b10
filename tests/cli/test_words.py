"""The small parts of the command line: CSV files, what is typed, how numbers and times are shown."""

from __future__ import annotations

import io
import sys

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from modemd.cli.recipients import read_numbers
from modemd.cli.rendering import Rows, cell, counted, lately, listed, moment, span, table
from modemd.cli.typed import StandardInput
from modemd.clock import SECOND


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


def test_a_csv_file_that_cannot_be_read_is_told_by_its_option() -> None:
    with pytest.raises(click.UsageError, match="--from-csv"):
        read_numbers(io.StringIO('phone\n"' + "0" * 200_000 + '"\n'))


def drawn(rows: Rows, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), markup=False, highlight=False)
    with console.capture() as capture:
        console.print(rows)
    return [line.rstrip() for line in capture.get().splitlines()]


COLUMNS = ("modem", "state", "FAILED", "reason…")
POOL = table(COLUMNS, [("e173-7518", "ready", 0, None), ("me909-0042", "quarantined", 0, None)])
ILL = table(COLUMNS, [("e173-7518", "quarantined", 1_234, "it does not answer, whatever is done about it")])


def test_a_table_with_room_shows_every_column() -> None:
    assert drawn(POOL, 80) == [
        "modem       state        failed  reason",
        "e173-7518   ready             0  –",
        "me909-0042  quarantined       0  –",
    ]


def test_a_narrow_table_leaves_out_what_says_nothing_and_folds_sentences_alone() -> None:
    assert drawn(POOL, 30) == ["modem       state", "e173-7518   ready", "me909-0042  quarantined"]
    assert drawn(ILL, 52) == [
        "modem      state        failed  reason",
        "e173-7518  quarantined   1,234  it does not answer,",
        "                                whatever is done",
        "                                about it",
    ]


def test_where_no_table_fits_each_row_is_a_paragraph() -> None:
    assert drawn(POOL, 22) == [
        *("modem   e173-7518", "state   ready", ""),
        *("modem   me909-0042", "state   quarantined"),
    ]


@given(st.integers(25, 120))
def test_no_name_and_no_state_is_ever_cut_in_two(width: int) -> None:
    for rows in (POOL, ILL):
        shown = "\n".join(drawn(rows, width))
        assert all(row[column].plain in shown for row in rows.rows for column in (0, 1))


def test_of_today_the_time_alone_is_shown() -> None:
    stamp = "2026-10-21T12:00:00Z"
    noon = 1_792_584_000 * SECOND
    full = moment(stamp)
    assert full is not None
    assert lately(stamp, noon) == full[len("2026-10-21 ") :]
    assert lately(stamp, noon + 7 * 86_400 * SECOND) == full
    assert lately(None, noon) is None
