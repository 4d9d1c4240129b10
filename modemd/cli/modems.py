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
    """Show the modems; drain, resume, restart, probe them."""
    if context.invoked_subcommand is not None:
        return
    answer = place.call("modems")
    if as_json:
        print_json(answer)
        return
    columns = ("modem", "port", "imei", "model", "state", "STORAGE", "CREDIT", "GAP", "reason…")
    rows = (
        (
            modem["name"],
            modem["port"],
            modem["imei"],
            modem["model"],
            modem["state"],
            f"{modem['storage']['used']}/{modem['storage']['total']}",
            modem.get("credit"),
            _gap(modem.get("gap_ms")),
            modem["reason"],
        )
        for modem in answer["modems"]
    )
    console().print(table(columns, rows) if answer["modems"] else Text("no modems"))
    for each in answer["unusable"]:
        console().print(Text(f"at {each['place']}: {each['why']}; {each['cure']}"))


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


@command.command("reset")
@click.argument("name")
@as_json
@placed
def reset(place: Place, name: str, as_json: bool) -> None:
    """Restart a modem, also one in quarantine.

    The answer to the message in hand is awaited for up to 10 s; without one the message is uncertain.
    """
    _told(place.call("modems.reset", name=name), "restarts", as_json)


@command.command("ussd")
@click.argument("name")
@click.argument("code")
@as_json
@placed
def ussd(place: Place, name: str, code: str, as_json: bool) -> None:
    """Ask the SIM's network by a USSD code, such as *100# for the balance.

    Put the code in quotation marks: a shell takes * for file names. The network may take two minutes.
    """
    answer = place.call("modems.ussd", name=name, code=code)
    if as_json:
        print_json(answer)
        return
    if answer["text"]:
        click.echo(answer["text"])
    if answer["end"] != "done":
        click.echo(f"modemd: {answer['end']}", err=True)


@command.command("probe")
@click.argument("port")
@as_json
@placed
def probe(place: Place, port: str, as_json: bool) -> None:
    """Tell what is at a port, safe to paste in public.

    PORT is a device, or the name of a modem. The report holds no number, IMSI, ICCID or PIN, and of the IMEI only the
    digits that say its model.
    """
    report = place.call("modems.probe", port=port)
    if as_json:
        print_json(report)
        return
    rows = ((name.replace("_", " "), _reported(value)) for name, value in report.items())
    console().print(table(("what", "answer…"), rows))


def _reported(value: object) -> object:
    """A value of a report: yes and no for people, a storage as used of total."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value['used']}/{value['total']}" if isinstance(value, dict) else value


def _gap(gap: dict[str, float] | None) -> str | None:
    """From one message to the next: the middle one, and what one in a hundred exceeds."""
    return f"{gap['p50']:.1f} / {gap['p99']:.1f} ms" if gap else None


def _told(modem: dict[str, object], what: str, as_json: bool) -> None:
    if as_json:
        print_json(modem)
    else:
        click.echo(f"{modem['name']} {what}")
