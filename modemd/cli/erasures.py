"""``modemd erasures``: deletions of accounts, and the proof that nothing is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modemd.cli import FAILED
from modemd.cli.offline import answer
from modemd.cli.options import Place, as_json, grouped, placed, print_json
from modemd.cli.receipt import told
from modemd.cli.rendering import console, moment, table
from modemd.cli.typed import HIDDEN, StandardInput

ID = click.argument("erasure_id", metavar="ID")


@click.group("erasures")
@grouped
def command() -> None:
    """Show deletions of accounts, and prove them."""


@command.command("list")
@as_json
@placed
def list_erasures(place: Place, as_json: bool) -> None:
    """List the deletions of accounts, the newest first. Works without a daemon."""
    found = answer(place, "erasures.list")
    if as_json:
        print_json(found)
        return
    moments = ("requested", "unreadable", "searched", "completed")
    if not found["erasures"]:
        click.echo("no erasures")
        return
    columns = ("erasure", "state", *moments, "waiting for…", "found in…")
    rows = (
        (
            erasure["id"],
            erasure["state"],
            *(moment(erasure[f"{what}_at"]) for what in moments),
            ", ".join(erasure["waiting_for"]),
            ", ".join(erasure["found"]),
        )
        for erasure in found["erasures"]
    )
    console().print(table(columns, rows))


@command.command("waive")
@ID
@as_json
@placed
def waive(place: Place, erasure_id: str, as_json: bool) -> None:
    """Wait no longer for SIMs that are gone for good, and for files that stay.

    The receipt says that they were never swept, and what was found and left.
    """
    told(place.call("erasures.waive", id=erasure_id), as_json)


@command.command("verify")
@ID
@click.option("--search", metavar="-", type=click.Choice([HIDDEN]), help="Search for the strings on standard input.")
@click.option(
    "--in", "more", multiple=True, metavar="PATH", type=click.Path(exists=True, path_type=Path), help="Search here too."
)
@as_json
@placed
def verify(place: Place, erasure_id: str, search: str | None, more: tuple[Path, ...], as_json: bool) -> int:
    """Look whether anything of an erased account is left: exit code 0 if nothing, 1 if something.

    Looks for its rows in every table, its key in every copy of the key store, and SIMs that were not swept. Works
    without a daemon. Where the search at the end of the erasure has found something in a file, a daemon that still has
    the words searches again.

    With --search -, every line on standard input is searched for in the raw files of the state directory, the
    database, the key store and its mirrors, and every --in PATH: as UTF-8, UTF-16 both ways, GSM 7-bit septets at
    every alignment, hex, semi-octets and base64. Hits name the line, never what stands on it.
    """
    if more and search is None:
        raise click.UsageError("--in goes with --search -.")
    needles = StandardInput().lines() if search else []
    if search and not needles:
        raise click.UsageError("Standard input holds nothing to search for.")
    found = answer(place, "erasures.verify", id=erasure_id)
    folders = [Path(folder) for folder in found.pop("key_folders")]
    if needles:
        found |= _searched(place, needles, [*folders, *more])
    if as_json:
        print_json(found)
    else:
        _show(found)
    return FAILED if found["left"] or found["found"] or found.get("hits") else 0


def _searched(place: Place, needles: list[str], folders: list[Path]) -> dict[str, Any]:
    from modemd import service  # heavy, and needed only here

    places = service.places(place.settings(), [folder for folder in folders if folder.exists()])
    hits = [
        {"line": hit.needle + 1, "form": hit.form, "path": str(hit.path), "offset": hit.offset}
        for hit in service.find(places, needles)
    ]
    return {"searched": [str(path) for path in places], "hits": hits}


def _show(found: dict[str, Any]) -> None:
    click.echo(f"erasure {found['id']} is {found['state']}")
    for place, count in found["left"].items():
        click.echo(f"left in {place}: {count}")
    for hit in found.get("hits", ()):
        click.echo(f"line {hit['line']} stands in {hit['path']} as {hit['form']} at {hit['offset']}")
    for path in found["found"]:
        click.echo(f"something of it stands in {path}")
    click.echo(_of_search(found))
    if not found["left"]:
        click.echo("no row, no key and no SIM to sweep is left")
    if "searched" in found and not found["hits"]:
        click.echo(f"no hit in {', '.join(found['searched'])}")


def _of_search(found: dict[str, Any]) -> str:
    """What the search at the end of the erasure says."""
    if found["searched_at"]:
        what = "with a hit" if found["found"] else "without a hit"
        return f"files were searched on {moment(found['searched_at'])}, {what}"
    if found["state"] == "complete":
        return "files were not searched at its end; --search - searches for what you type"
    return "files are searched when the rest is done"
