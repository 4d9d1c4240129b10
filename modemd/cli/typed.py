"""What is typed with ``-``: read from standard input, so that no process listing shows it."""

from __future__ import annotations

import sys

import click

HIDDEN = "-"
"""Stands for a value that is read from standard input."""


class StandardInput:
    """Standard input, shared by the values of one command; each takes its own part."""

    def line(self, value: str) -> str:
        """The value, or the next line if it is ``-``."""
        if value != HIDDEN:
            return value
        line = sys.stdin.readline().strip()
        if not line:
            raise click.UsageError("Standard input ended before every value was read.")
        return line

    def lines(self) -> list[str]:
        """Every line that is left, without empty ones."""
        return [line.strip() for line in sys.stdin if line.strip()]

    def rest(self, value: str) -> str:
        """The value, or all that is left if it is ``-``, without its last line end."""
        return sys.stdin.read().removesuffix("\n") if value == HIDDEN else value
