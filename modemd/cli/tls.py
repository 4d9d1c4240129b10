"""``modemd tls init``: a certificate for the HTTP listener."""

from __future__ import annotations

import shlex

import click

from modemd import certificates
from modemd.cli.options import Place, as_json, grouped, placed, print_json
from modemd.clock import SystemClock
from modemd.state_dir import TLS, prepare


@click.group("tls")
@grouped
def command() -> None:
    """Make a certificate for the HTTP listener."""


@command.command("init")
@click.option(
    "--host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="A name or address under which it is reached; loopback and this machine's name are always in.",
)
@as_json
@placed
def init(place: Place, hosts: tuple[str, ...], as_json: bool) -> None:
    """Make a CA and a certificate by it, for callers to trust with --cacert.

    Again, it renews the certificate; callers have to be given the CA anew only where it tells so.
    """
    made = certificates.make(prepare(place.state_dir) / TLS, hosts, SystemClock())
    if as_json:
        paths = {key: str(getattr(made.files, key)) for key in ("ca", "certificate", "key")}
        print_json({**paths, "names": made.names, "expires_at": f"{made.expires:%Y-%m-%dT%H:%M:%SZ}"})
        return
    click.echo(f"The certificate is for {', '.join(made.names)}, until {made.expires:%Y-%m-%d}.")
    trust = "Give callers the new" if made.new_ca else "Callers go on trusting"
    click.echo(f"{trust} {made.files.ca} (no secret), and they call:")
    click.echo(f"  curl --cacert {shlex.quote(str(made.files.ca))} https://{_host(made.names[-1])}:8160/healthz")
    click.echo("A daemon that serves TLS takes the certificate within seconds; another has to be started again.")


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name
