"""``modemd start``: the daemon, in the foreground."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from modemd.cli.options import Place, placed
from modemd.cli.welcome import welcome
from modemd.state_dir import prepare

if TYPE_CHECKING:
    from modemd.config import Settings
    from modemd.service import Service


@click.command("start")
@click.option("--listen", metavar="HOST:PORT", help="Where the HTTP API listens.  [default: 127.0.0.1:8160]")
@click.option("--modem", "ports", metavar="PORT", multiple=True, help="A device, a pty or socket://host:port.")
@click.option(
    "--discover/--no-discover",
    default=None,
    help="Take modems that are plugged in.  [default: yes, unless modems are simulated]",
)
@click.option("--simulate", metavar="N", type=click.IntRange(1, 512), help="Simulate N modems.")
@click.option("--first-message", is_flag=True, help="Print a line that sends a first message when pasted.")
@placed
def command(
    place: Place,
    listen: str | None,
    ports: tuple[str, ...],
    discover: bool | None,
    simulate: int | None,
    first_message: bool,
) -> None:
    """Run the daemon in the foreground.

    SIGTERM or Ctrl-C lets the messages on the air finish and stops within 10 s.
    """
    settings = place.settings(
        server=_given(listen=listen),
        modems=_given(ports=ports or None, discover=discover),
        simulate=_given(modems=simulate),
    )
    from modemd import log, service  # after the settings: a mistake in them is told at once

    prepare(settings.state_dir)
    log.set_up(settings.logs.level, file=settings.log_file, days=settings.retention.logs, debug=place.debug)
    for setting in settings.without_effect:
        log.event("setting.without_effect", level="WARNING", setting=setting)
    welcoming: set[asyncio.Task[None]] = set()

    def announce(started: Service) -> None:
        url = f"{'https' if settings.certificate else 'http'}://{_host(settings)}:{started.port}"
        with suppress(OSError):  # nobody may be there to read it: that stops no gateway
            click.echo(f"modemd listens on {url}")
        if first_message:
            welcoming.add(asyncio.get_running_loop().create_task(welcome(started, url)))

    asyncio.run(service.run(settings, announce))


def _host(settings: Settings) -> str:
    """The host as it stands in a URL."""
    host = settings.server.host
    return f"[{host}]" if ":" in host else host


def _given(**options: Any) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}
