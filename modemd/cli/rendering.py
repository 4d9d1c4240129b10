"""How answers look on a terminal: tables and words by rich, plain when nobody is looking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 200
"""Columns of a table that goes into a pipe, where the terminal's width says nothing."""

COLOURS = {
    "ready": "green",
    "sending": "green",
    "delivered": "green",
    "sent": "green",
    "starting": "yellow",
    "draining": "yellow",
    "uncertain": "yellow",
    "expired": "yellow",
    "quarantined": "red",
    "absent": "red",
    "failed": "red",
    "undelivered": "red",
}
"""States that want to be seen."""


def console(*, stderr: bool = False) -> Console:
    """Standard output (or error); nothing in what is shown is taken for markup."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    return made if made.is_terminal else Console(stderr=stderr, markup=False, highlight=False, width=PIPED_WIDTH)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """Rows under their headings, without lines; a column named in capitals is right-aligned."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.lower(), justify="right" if column.isupper() else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def cell(value: object) -> Text:
    """A value as it is shown; what is not known is a dash."""
    text = "–" if value is None or value == "" else f"{value:,}" if isinstance(value, int) else str(value)
    return Text(text, style=COLOURS.get(text, ""))


def moment(stamp: str | None) -> str | None:
    """A time of the API (RFC 3339, UTC) in the terminal's time zone."""
    return f"{datetime.fromisoformat(stamp).astimezone():%Y-%m-%d %H:%M:%S}" if stamp else None


def counted(number: int, one: str, many: str = "") -> str:
    """``1 message``, ``2,000 messages``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(counts: Mapping[str, int]) -> str:
    """``3 sent, 1 failed``; what is zero is left out."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing"


def span(seconds: float) -> str:
    """A length of time in its two largest units: ``2 d 3 h``, ``12.5 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next(place for place, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
