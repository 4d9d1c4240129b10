"""Which function answers which AT command; the families in this package register theirs by `on`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hw_sim.modem import Modem

Handler = Callable[["Modem", list[str]], "list[str] | None"]
"""Gives the lines before the final OK; None if the command goes on and ends by `Modem.finish`."""


class Kind(Enum):
    """The forms of a command: one for basic ones (V.250 5.3.1), four for extended ones (5.4.3, 5.4.4)."""

    BASIC = "basic"
    """A letter and a number, such as E0, &D2."""
    DO = ""
    READ = "?"
    TEST = "=?"
    SET = "="


class Needs(Enum):
    """What a command asks of the SIM, and whose error codes say that it is not given."""

    NOTHING = 0
    SIM = 1
    """A ready SIM; else +CME ERROR."""
    SMS = 2
    """A ready SIM; else +CMS ERROR."""


@dataclass(frozen=True, slots=True)
class Command:
    """One form of one command."""

    run: Handler
    needs: Needs
    own_to: str
    """The command's name if only some makes know it (Traits.own_commands), else empty."""


_commands: dict[tuple[str, str], Command] = {}
_BASIC = re.compile(r"(&?[A-Z])(\d*)", re.IGNORECASE)
_EXTENDED = re.compile(r"(S(?=\d)|[+^*$#%&][A-Z][A-Z0-9]*)(?:(?<=S)\d+)?(=\?|\?|=|$)")


def on(name: str, kind: Kind, needs: Needs = Needs.NOTHING, *, own: bool = False) -> Callable[[Handler], Handler]:
    """Register the function that answers one form of a command; *own* if only some makes know it."""

    def register(run: Handler) -> Handler:
        _commands[name, kind.value] = Command(run, needs, name if own else "")
        return run

    return register


def find(command: str) -> tuple[Command | None, str]:
    """Give what answers a command (without its AT) and the text of its arguments."""
    basic = _BASIC.fullmatch(command)
    if basic is not None:
        return _commands.get((basic[1].upper(), Kind.BASIC.value)), basic[2]
    match = _EXTENDED.match(command.upper())
    if match is None or (match[2] in ("?", "=?") and match.end() != len(command)):
        return None, ""
    return _commands.get((match[1], match[2])), command[match.end() :]


def known(own_commands: Collection[str]) -> list[str]:
    """Give the names of the commands of a make, as +CLAC lists them."""
    extended = {(name, command.own_to) for (name, _), command in _commands.items() if name[0] in "+^*$#%"}
    return sorted(name for name, own_to in extended if not own_to or own_to in own_commands)


def arguments(text: str) -> list[str]:
    """Cut the arguments of a command at commas outside quotation marks; the marks are taken off."""
    if '"' not in text:
        return [argument.strip() for argument in text.split(",")]
    return [cut.strip().removeprefix('"').removesuffix('"') for cut in re.findall(r'(?:^|,)((?:"[^"]*"|[^,"])*)', text)]


def split_line(line: str) -> list[str]:
    """Cut a command line (without its AT) into commands (V.250 5.2.1): ``E0V1+CMEE=1;+CREG?`` is four."""
    commands: list[str] = []
    while line:
        match = _FIRST_BASIC.match(line) or _UP_TO_SEMICOLON.match(line)
        if match is None:
            break
        commands.append(match[0])
        line = line[match.end() :].lstrip(" ;")
    return commands


_FIRST_BASIC = re.compile(r"D[^;]*|S\d+(?:=\d*|\?)|&?[A-Z]\d*(?=$|[^=?])", re.IGNORECASE)
_UP_TO_SEMICOLON = re.compile(r'(?:"[^"]*"?|[^;"])+')
