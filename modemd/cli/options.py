"""What every command takes: where the daemon's state is, which configuration, and how to answer."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modemd.cli import daemon
from modemd.state_dir import locate, named_config

if TYPE_CHECKING:
    from modemd.config import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """Which daemon a command is about."""

    state_dir: Path
    config: Path | None
    debug: bool

    def call(self, verb: str, **args: Any) -> dict[str, Any]:
        """The daemon's answer."""
        return daemon.call(self.state_dir, verb, **args)

    def stream(self, verb: str, **args: Any) -> Iterator[dict[str, Any]]:
        """The daemon's answers as they come."""
        return daemon.stream(self.state_dir, verb, **args)

    def settings(self, **options: dict[str, Any]) -> Settings:
        """The settings, with what the command line says on top."""
        from modemd import config  # pydantic takes 150 ms, and most commands need no settings

        return config.load(self.state_dir, self.config, options=options)


def _said_before(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """What was said, else what was said to the group before the command's name (modemd modems --json probe …)."""
    group = context.parent
    return value or (group.params.get(parameter.name or "", value) if group else value)


def placed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its ``place``."""

    @_where
    @functools.wraps(function)
    def wrapped(state_dir: str | None, config: Path | None, debug: bool, **rest: Any) -> Any:
        file = named_config(config) if config else None  # a running daemon has read its own: nobody else would look
        return function(place=Place(locate(state_dir), file, debug), **rest)

    return wrapped


def grouped(function: Callable[[], None]) -> Callable[..., None]:
    """Let the place of its commands be said to a group, before a command's name."""

    @_where
    @functools.wraps(function)
    def wrapped(**_: object) -> None:
        function()

    return wrapped


def _where(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which daemon is meant."""
    state_dir = click.option(
        "--state-dir", metavar="DIR", callback=_said_before, help="Where the daemon keeps its state."
    )
    config = click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        callback=_said_before,
        help="The configuration file.",
    )
    debug = click.option("--debug", is_flag=True, callback=_said_before, hidden=True)
    return state_dir(config(debug(function)))


as_json = click.option("--json", "as_json", is_flag=True, callback=_said_before, help="Print JSON.")


def print_json(data: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))
