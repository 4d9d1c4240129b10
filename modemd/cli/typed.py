"""What is typed with ``-``: read from standard input, so that no process listing shows it."""

from __future__ import annotations

import sys
from typing import TextIO

import click

HIDDEN = "-"
"""Stands for a value that is read from standard input."""


class StandardInput:
    """Standard input, shared by the values of one command; each takes its own part."""

    def line(self, value: str) -> str:
        """The value, or the next line if it is ``-``."""
        if value != HIDDEN:
            return value
        line = _input().readline().strip()
        if not line:
            raise click.UsageError("Standard input ended before every value was read.")
        return line

    def lines(self) -> list[str]:
        """Every line that is left, without empty ones."""
        return [line.strip() for line in _input() if line.strip()]

    def rest(self, value: str) -> str:
        """The value, or all that is left if it is ``-``, without its last line end."""
        return _input().read().removesuffix("\n") if value == HIDDEN else value


def somebody_is_there() -> bool:
    """Whether standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def _input() -> TextIO:
    if sys.stdin is None:  # started with its descriptor closed
        raise click.UsageError("Standard input is closed: there is nothing to be read from it.")
    return sys.stdin
