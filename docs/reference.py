"""Writes reference.md: every command as its help tells it, every setting as the code declares it (``make docs``)."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click

from modemd.cli import app
from modemd.config import SECTIONS
from modemd.config.form import Section
from modemd.config.sections import WITHOUT_EFFECT

TARGET = Path(__file__).with_name("reference.md")

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
    commands = "\n".join(_commands(app, "modemd"))
    return f"{HEAD}\n{settings}\n## Commands\n\n{commands}".rstrip() + "\n"


def _section(name: str, model: type[Section]) -> Iterator[str]:
    yield f"### [{name}]\n\n{inspect.cleandoc(model.__doc__ or '')}\n"
    yield "| key | default | meaning |\n| --- | --- | --- |"
    for key, field in model.model_fields.items():
        if not field.exclude:
            yield f"| `{key}` | {_default(field.default)} | {field.description}{_effect(name, key)} |"
    yield ""
    if cards := model.model_fields.get("cards"):
        yield from _section(f'{name}."…"', get_args(cards.annotation)[1])


def _effect(section: str, key: str) -> str:
    return " (checked, but *without effect* in this version)" if f"{section}.{key}" in WITHOUT_EFFECT else ""


def _default(value: object) -> str:
    match value:
        case None | () | "":
            return "–"
        case dict() if not value:
            return "–"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`{list(value)!r}`".replace("'", '"')
        case str():
            return f'`"{value}"`'
    return f"`{value}`"


def _commands(group: click.Group, path: str) -> Iterator[str]:
    """Told in our own words and layout: click's differ from version to version."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            yield _command(f"{path} {name}", command)
            if isinstance(command, click.Group):
                yield from _commands(command, f"{path} {name}")


def _command(path: str, command: click.Command) -> str:
    arguments = [_argument(each) for each in command.params if isinstance(each, click.Argument)]
    options = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    usage = " ".join([path, "[OPTIONS]", *arguments, *(["COMMAND"] if isinstance(command, click.Group) else [])])
    rows = "\n".join(f"| `{_spelled(option)}` | {_meaning(option)} |" for option in options)
    table = f"\n| option | meaning |\n| --- | --- |\n{rows}\n" if rows else ""
    return f"### {path}\n\n`{usage}`\n\n{inspect.cleandoc(command.help or '')}\n{table}"


def _argument(argument: click.Argument) -> str:
    choices = argument.type.choices if isinstance(argument.type, click.Choice) else ()
    return "{" + ",".join(map(str, choices)) + "}" if choices else argument.metavar or (argument.name or "").upper()


def _spelled(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.metavar or 'X'}"
    if isinstance(option.type, click.Choice):
        value = f" {','.join(map(str, option.type.choices))}"
    return "/".join([*option.opts, *option.secondary_opts]) + value


def _meaning(option: click.Option) -> str:
    default = f" Default: {option.default}." if option.show_default is True else ""
    again = " Can be given again." if option.multiple else ""
    return f"{option.help or ''}{again}{default}".strip()


if __name__ == "__main__":
    TARGET.write_text(reference())
