"""Writes reference.md: every command as its help tells it, every setting as the code declares it (``make docs``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from modemd.cli import app
from modemd.config.sections import SECTIONS, WITHOUT_EFFECT, Section

TARGET = Path(__file__).with_name("reference.md")

WIDTH = 100
"""Columns of the help of a command."""

HEAD = """\
# Reference

This page is written by `make docs` from the code; a test fails when it is out of date.

## Settings

One TOML file: the one named with `--config`, else `modemd.toml` in the state directory. Each key is also an
environment variable, for instance `MODEMD_SERVER__LISTEN` for `listen` in `[server]`; lists are comma-separated there.
The command line comes before the environment, the environment before the file, the file before the default. An
unknown key is refused by name; one that is without effect in this version is named in the log at the start.
"""


def reference() -> str:
    """The whole page."""
    settings = "\n".join(line for name, model in SECTIONS.items() for line in _section(name, model))
    commands = "\n".join(_commands(app, click.Context(app, info_name="modemd", **app.context_settings)))
    return f"{HEAD}\n{settings}\n## Commands\n\n{commands}".rstrip() + "\n"


def _section(name: str, model: type[Section]) -> Iterator[str]:
    yield f"### [{name}]\n\n{model.__doc__}\n"
    yield "| key | default | meaning |\n| --- | --- | --- |"
    for key, field in model.model_fields.items():
        if not field.exclude:
            yield f"| `{key}` | {_default(field.default)} | {field.description}{_effect(name, key)} |"
    yield ""


def _effect(section: str, key: str) -> str:
    return " (checked, but *without effect* in this version)" if f"{section}.{key}" in WITHOUT_EFFECT else ""


def _default(value: object) -> str:
    match value:
        case None | ():
            return "–"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`{list(value)!r}`".replace("'", '"')
        case str():
            return f'`"{value}"`'
    return f"`{value}`"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            below = click.Context(command, info_name=name, parent=context, terminal_width=WIDTH)
            help_text = re.sub(r"\n{2,}", "\n\n", command.get_help(below))
            yield f"### {below.command_path}\n\n```text\n{help_text}\n```\n"
            if isinstance(command, click.Group):
                yield from _commands(command, below)


if __name__ == "__main__":
    TARGET.write_text(reference())
