"""``modemd modems``: the pool."""

from __future__ import annotations

import click
from rich.text import Text

from modemd.cli.options import Place, as_json, placed, print_json
from modemd.cli.rendering import console, table


@click.group("modems", invoke_without_command=True)
@as_json
@placed
@click.pass_context
def command(context: click.Context, place: Place, as_json: bool) -> None:
    """Show the modems, drain and resume them."""
    if context.invoked_subcommand is not None:
        return
    answer = place.call("modems")
    if as_json:
        print_json(answer)
        return
    columns = ("modem", "port", "imei", "model", "state", "STORAGE", "GAP", "reason")
    rows = (
        (
            modem["name"],
            modem["port"],
            modem["imei"],
            modem["model"],
            modem["state"],
            f"{modem['storage']['used']}/{modem['storage']['total']}",
            _gap(modem.get("gap_ms")),
            modem["reason"],
        )
        for modem in answer["modems"]
    )
    console().print(table(columns, rows) if answer["modems"] else Text("no modems"))


@command.command("drain")
@click.argument("name")
@as_json
@placed
def drain(place: Place, name: str, as_json: bool) -> None:
    """Give a modem no further message."""
    _told(place.call("modems.drain", name=name), "gets no further message", as_json)


@command.command("resume")
@click.argument("name")
@as_json
@placed
def resume(place: Place, name: str, as_json: bool) -> None:
    """Use a modem again."""
    _told(place.call("modems.resume", name=name), "is used again", as_json)


def _gap(gap: dict[str, float] | None) -> str | None:
    """From one message to the next: the middle one, and what one in a hundred exceeds."""
    return f"{gap['p50']:.1f} / {gap['p99']:.1f} ms" if gap else None


def _told(modem: dict[str, object], what: str, as_json: bool) -> None:
    if as_json:
        print_json(modem)
    else:
        click.echo(f"{modem['name']} {what}")
