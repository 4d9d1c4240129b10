"""A group of commands that imports a command's module when it is used, not when help is shown."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """Knows its commands by name and one sentence; the command ``x`` is ``command`` in ``modemd.cli.x``."""

    def __init__(self, *args: Any, commands: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sentences = dict(commands)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return list(self.sentences)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported."""
        if cmd_name not in self.sentences:
            return None
        command = import_module(f"modemd.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"modemd.cli.{cmd_name}.command is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in the help, from their sentences."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.sentences.items()))
