"""Recipients from and to CSV, as spreadsheets write and read it.

The delimiter is a comma, a semicolon or a tab. A first line without a telephone number names the columns; one of them
has to be ``number``, and ``name`` is the name; the others are fields. Without such a line the columns are number and
name. What a spreadsheet would take for a formula is written with an apostrophe before it, and read without.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TypedDict

from modemd.accounts.numbers import Numbers
from modemd.accounts.recipients import MAX_FIELDS, Card, Recipient, is_field, read
from modemd.errors import InvalidField

NUMBER_NAMES = ("number", "phone", "mobile", "msisdn", "to")
SLICE = 100
"""Lines read in one turn of the loop."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class BadLine(TypedDict):
    """A line that was left out, and why; what it says is not repeated."""

    line: int
    code: str
    detail: str


class Reading:
    """One file being read; ``bad`` fills up on the way."""

    def __init__(self, text: str, numbers: Numbers) -> None:
        self._rows = csv.reader(io.StringIO(text), delimiter=_delimiter(text), strict=True)
        self._numbers = numbers
        self.bad: list[BadLine] = []

    async def slices(self) -> AsyncIterator[list[Card]]:
        """The cards, some at a time. Raises InvalidField if the first line has no column of numbers."""
        columns: list[str] | None = None
        cards: list[Card] = []
        for row in self._lines():
            if columns is None:
                columns, named = _columns(row, self._numbers)
                if named:
                    continue
            card = self._card(row, columns)
            if card is not None:
                cards.append(card)
            if self._rows.line_num % SLICE == 0:
                yield cards
                cards = []
                await asyncio.sleep(0)
        yield cards

    def _lines(self) -> Iterable[list[str]]:
        """The rows that are not empty; one that is no CSV is bad, and the last."""
        try:
            for row in self._rows:
                if any(cell.strip() for cell in row):
                    yield row
        except csv.Error:
            self._leave_out("not_csv", "the quotes of this line do not match; nothing after it was read")

    def _card(self, row: list[str], columns: list[str]) -> Card | None:
        if len(row) > len(columns):
            self._leave_out("too_many_columns", "this line has more columns than the first")
            return None
        cells = {name: _plain(cell) for name, cell in zip(columns, row, strict=False)}
        number, name = cells.pop("number", ""), cells.pop("name", "")
        filled = {key: value for key, value in cells.items() if value}
        try:
            return read({"number": number, "name": name, "fields": filled}, self._numbers)
        except InvalidField as error:
            self._leave_out(error.code, f"{error.field}: {error.detail}")
            return None

    def _leave_out(self, code: str, detail: str) -> None:
        self.bad.append(BadLine(line=self._rows.line_num, code=code, detail=detail))


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _columns(row: list[str], numbers: Numbers) -> tuple[list[str], bool]:
    """The names of the columns, and whether this row names them."""
    for cell in row:
        try:
            numbers.normalise(_plain(cell))
        except InvalidField:
            continue
        return ["number", "name"], False
    names = [cell.strip().lower().replace(" ", "_") for cell in row]
    names = ["number" if name in NUMBER_NAMES else name for name in names]
    if names.count("number") != 1 or len(set(names)) != len(names) or len(names) > MAX_FIELDS + 2:
        cure = 'name the columns in the first line, one of them "number", each once'
        raise InvalidField("body", "the file has no column of numbers, or its columns are not clear", cure=cure)
    if not all(name == "" or is_field(name) for name in names if name not in ("number", "name")):
        cure = "name columns by letters, digits and underscores, beginning with a letter"
        raise InvalidField("body", "a column has a name that no field can have", cure=cure)
    return names, True


def _plain(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _safe(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA) else cell


async def write(recipients: AsyncIterable[list[Recipient]], fields: list[str]) -> AsyncIterator[bytes]:
    """The file, piece by piece; ``fields`` are the columns beside number and name."""
    yield _written([["number", "name", *fields]])
    async for some in recipients:
        yield _written(
            [one.card.number, _safe(one.card.name), *(_safe(one.card.fields.get(name, "")) for name in fields)]
            for one in some
        )


def _written(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
