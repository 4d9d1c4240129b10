"""``modemd suppression``: numbers that no account may send to."""

from __future__ import annotations

import click

from modemd.cli.options import Place, as_json, grouped, placed, print_json
from modemd.cli.typed import StandardInput


@click.group("suppression")
@grouped
def command() -> None:
    """Keep numbers that no account may send to.

    Nobody can list them: only keyed forms are kept.
    """


@command.command("add")
@click.argument("number")
@as_json
@placed
def add(place: Place, number: str, as_json: bool) -> None:
    """Let no account send to a number any more; - reads it from standard input."""
    _asked(place, "suppression.add", number, as_json)


@command.command("lift")
@click.argument("number")
@as_json
@placed
def lift(place: Place, number: str, as_json: bool) -> None:
    """Allow a number again; - reads it from standard input."""
    _asked(place, "suppression.lift", number, as_json)


@command.command("check")
@click.argument("number")
@as_json
@placed
def check(place: Place, number: str, as_json: bool) -> None:
    """Say whether a number is suppressed; - reads it from standard input."""
    _asked(place, "suppression.check", number, as_json)


def _asked(place: Place, verb: str, number: str, as_json: bool) -> None:
    answer = place.call(verb, number=StandardInput().line(number))
    if as_json:
        print_json(answer)
    else:
        click.echo("suppressed: nobody here may send to it" if answer["suppressed"] else "not suppressed")
