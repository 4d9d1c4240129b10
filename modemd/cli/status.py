"""``modemd status``: the queue, the rates and the modems."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from modemd.cli import NOT_RUNNING
from modemd.cli.options import Place, as_json, placed, print_json
from modemd.cli.rendering import console, lately, listed, span, table
from modemd.clock import SystemClock
from modemd.errors import NotRunning

EVERY_S = 1.0
"""How often --watch looks again."""


@click.command("status")
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C; with --json, one line each time.")
@as_json
@placed
def command(place: Place, watch: bool, as_json: bool) -> int:
    """Show the queue, the rates and the modems.

    Without a daemon the answer comes from the database alone, and the exit code is 3.
    """
    if watch:
        _watch(place, as_json)
        return 0
    document = _document(place)
    if as_json:
        print_json(document)
    else:
        console().print(rendered(document))
    return 0 if document["running"] else NOT_RUNNING


def _document(place: Place) -> dict[str, Any]:
    try:
        return place.call("status")
    except NotRunning:
        return _offline(place)


def _offline(place: Place) -> dict[str, Any]:
    """The document from the database; where there is none yet, what an empty one says."""
    from modemd import service  # heavy, and needed only without a daemon

    return asyncio.run(service.offline_status(place.settings()))


def _watch(place: Place, as_json: bool) -> None:
    try:
        if as_json:
            for document in _documents(place):
                click.echo(json.dumps(document, ensure_ascii=False))
            return
        shown = console()
        if not shown.is_terminal or shown.is_dumb_terminal:  # where nothing can be drawn over, Live shows only the end
            for document in _documents(place):
                shown.print(rendered(document), Text(""))
            return
        with Live(console=shown, auto_refresh=False, screen=False) as live:
            for document in _documents(place):
                live.update(rendered(document), refresh=True)
    except KeyboardInterrupt:
        return


def _documents(place: Place) -> Iterator[dict[str, Any]]:
    """The document now and then: its rates are about time, so they change without any event."""
    while True:
        yield place.call("status")
        time.sleep(EVERY_S)


def rendered(document: dict[str, Any]) -> RenderableType:
    """The document for people."""
    return Group(*_head(document), Text(""), *_modems(document["modems"]))


def _head(document: dict[str, Any]) -> list[Text]:
    queue, rate = document["queue"], document["rate"]
    running = f"running for {span(document['uptime_s'])}" if document["running"] else "not running"
    waiting = {state: queue[state] for state in ("scheduled", "queued", "sending", "uncertain")}
    lines = [f"modemd {document['version']} on {document['node']}, {running}"]
    oldest = f", the oldest for {span(queue['oldest_queued_s'])}" if queue["queued"] else ""
    lines.append(f"queue    {listed(waiting)}{oldest}")
    lines.append(f"totals   {listed(document['totals'])}")
    if document["running"]:
        utilisation = f"pool used to {rate['pool_utilisation']:.0%}"
        lines.append(f"rate     {rate['sent_per_min']:.0f} sent in the last minute, {utilisation}")
    alarms = [Text(f"alarm    {alarm}", style="bold red") for alarm in document.get("alarms", ())]
    return [*(Text(line) for line in lines), *alarms]


def _modems(modems: list[dict[str, Any]]) -> list[RenderableType]:
    """What is known of each modem; its port only where it is not its name."""
    if not modems:
        return [Text("no modems")]
    now = SystemClock().now()
    columns = ("modem", "state", "registration", "operator", "SIGNAL", "SENT", "FAILED", "UNCERTAIN", "last", "reason…")
    rows = (
        (
            modem["name"],
            modem["state"],
            modem["registration"],
            modem["operator"],
            None if modem["signal_dbm"] is None else f"{modem['signal_dbm']} dBm",
            modem["sent"],
            modem["failed"],
            modem["uncertain"],
            lately(modem["last_success"], now),
            modem["reason"],
        )
        for modem in modems
    )
    return [table(columns, rows)]
