"""How the receipt of an erasure is shown."""

from __future__ import annotations

from typing import Any

import click

from modemd.cli.options import print_json
from modemd.cli.rendering import listed, moment


def told(receipt: dict[str, Any], as_json: bool) -> None:
    """Print it."""
    if as_json:
        print_json(receipt)
        return
    lines = {
        "erasure": receipt["id"],
        "state": receipt["state"],
        "requested": moment(receipt["requested_at"]),
        "unreadable": moment(receipt["unreadable_at"]),
        "searched": moment(receipt["searched_at"]),
        "completed": moment(receipt["completed_at"]),
        "removed": listed(receipt["removed"]),
        "waiting for": ", ".join(receipt["waiting_for"]),
        "retained": "; ".join(receipt["retained"]),
        "found in": ", ".join(receipt["found"]),
    }
    for name, value in lines.items():
        click.echo(f"{name:12} {value or '–'}")
