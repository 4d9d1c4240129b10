"""Recipients in a CSV file: the column that says so in its heading, else the first."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

import click

HEADINGS = ("to", "phone", "number", "mobile", "msisdn", "recipient")
"""What the column with the numbers may be called, in any case."""

DELIMITERS = ",;\t"


def read_numbers(file: TextIO) -> list[str]:
    """The numbers, in the file's order, each once; a byte order mark and empty rows do no harm."""
    try:
        return list(dict.fromkeys(_numbers(file)))
    except csv.Error as error:
        raise click.UsageError(f"--from-csv cannot be read as CSV ({error}).") from None


def _numbers(file: TextIO) -> Iterator[str]:
    lines = (line.removeprefix("\ufeff") for line in file)
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    heading = [cell.strip().lower() for cell in next(csv.reader([first], delimiter=delimiter), [])]
    column = next((heading.index(name) for name in HEADINGS if name in heading), None)
    if column is None and heading and any(character.isdigit() for character in heading[0]):
        yield heading[0]
    for row in csv.reader(lines, delimiter=delimiter):
        cell = row[column or 0].strip() if len(row) > (column or 0) else ""
        if cell:
            yield cell
