"""docs/modems.md names for each quirk the test that plays it: each of them exists, and each dialogue is named."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "modems.md").read_text("utf-8")
HANDLED, _, NOT_HANDLED = PAGE.partition("## Not handled")


def names_in(folder: Path) -> set[str]:
    """Every test by its name."""
    files = folder.rglob("test_*.py")
    return {name for path in files for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.M)}


def rows(section: str) -> list[str]:
    """The numbers of the quirks in a section, each as often as it has a row."""
    cells = re.findall(r"^\| (\d+b?(?:, \d+b?)*) \|", section, re.M)
    return [number for cell in cells for number in cell.split(", ")]


def test_every_test_that_the_table_names_exists() -> None:
    named = re.findall(r"`(test_\w+)`", PAGE)
    assert len(named) > 75
    assert set(named) - names_in(TESTS) == set()


def test_every_dialogue_of_a_quirk_stands_in_the_rows_of_its_numbers() -> None:
    """Where several play one quirk, the table names the one that says most."""
    missing = []
    for test in names_in(TESTS / "dialogs"):
        numbers = re.match(r"test_((?:\d+b?_)+)", test)
        for number in numbers[1].strip("_").split("_") if numbers else ():
            if number != "330" and number not in rows(HANDLED):  # 330 is a result code
                missing.append(test)
    assert missing == []


def test_every_quirk_has_one_row_and_no_number_is_left_out() -> None:
    every = [str(number) for number in range(1, 94)] + ["11b", "82b"]
    assert sorted([*rows(HANDLED), *rows(NOT_HANDLED)]) == sorted(every)
