"""How answers look on a terminal: tables and words by rich, plain when nobody is looking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.table import Table
from rich.text import Text

from modemd.clock import SECOND

PIPED_WIDTH = 10_000
"""Columns of what goes into a pipe, where the terminal's width says nothing: one row is one line."""

SENTENCE = 16
"""Columns that a sentence is given at least; narrower, it cannot be read."""

GAP = 2
"""Columns between two columns."""

UNKNOWN = "–"
NOTHING = (UNKNOWN, "0")
"""Cells that nobody misses."""

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


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Rows:
    """Rows under their headings, without lines.

    A column named in capitals is right-aligned, one whose name ends in … holds sentences, which may be folded.
    """
    return Rows(tuple(columns), [tuple(cell(value) for value in row) for row in rows])


@dataclass(frozen=True)
class Rows:
    """A table that fits its room and cuts no id, number or name in two: nobody could copy it.

    Where it is too narrow, the columns that say nothing are left out; if that is not enough, each row is a paragraph.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Text, ...]]

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        every = range(len(self.columns))
        telling = [index for index in every if any(row[index].plain not in NOTHING for row in self.rows)]
        if self._room(every) <= options.max_width:
            yield self._table(every)
        elif self._room(telling, folded=True) <= options.max_width:
            yield self._table(telling)
        else:
            yield from self._paragraphs()

    def _room(self, indexes: Sequence[int], *, folded: bool = False) -> int:
        """What some columns take with the gaps between them; ``folded`` as little as they may."""
        taken = GAP * (len(indexes) - 1)
        for index in indexes:
            name = self.columns[index]
            width = max([len(_heading(name)), *(row[index].cell_len for row in self.rows)])
            taken += min(width, SENTENCE) if folded and _folds(name) else width
        return taken

    def _table(self, indexes: Iterable[int]) -> Table:
        made = Table(box=None, pad_edge=False, header_style="bold")
        for name in (self.columns[index] for index in indexes):
            justify: JustifyMethod = "right" if name.isupper() else "left"
            made.add_column(_heading(name), justify=justify, overflow="fold", no_wrap=not _folds(name))
        for row in self.rows:
            made.add_row(*(row[index] for index in indexes))
        return made

    def _paragraphs(self) -> Iterator[Text]:
        """Each row with a line for each value that says something."""
        names = [_heading(name) for name in self.columns]
        margin = max(map(len, names)) + GAP
        for number, row in enumerate(self.rows):
            if number:
                yield Text("")
            for name, value in zip(names, row, strict=True):
                if value.plain not in NOTHING:
                    yield Text.assemble(name.ljust(margin), value, overflow="fold")


def _heading(name: str) -> str:
    return name.removesuffix("…").lower()


def _folds(name: str) -> bool:
    return name.endswith("…")


def cell(value: object) -> Text:
    """A value as it is shown; what is not known is a dash."""
    text = UNKNOWN if value is None or value == "" else f"{value:,}" if isinstance(value, int) else str(value)
    return Text(text, style=COLOURS.get(text, ""))


def moment(stamp: str | None) -> str | None:
    """A time of the API (RFC 3339, UTC) in the terminal's time zone."""
    return f"{datetime.fromisoformat(stamp).astimezone():%Y-%m-%d %H:%M:%S}" if stamp else None


def lately(stamp: str | None, now: int) -> str | None:
    """The same, on the day of ``now`` (microseconds since 1970) the time alone."""
    shown = moment(stamp)
    return shown.removeprefix(f"{datetime.fromtimestamp(now / SECOND).astimezone():%Y-%m-%d }") if shown else None


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
