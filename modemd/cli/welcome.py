"""The newcomer's first message: an account, a key, and a line to paste."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modemd.errors import Conflict
from modemd.state_dir import TLS

if TYPE_CHECKING:
    from modemd.service import Service

EMAIL = "newcomer@example.org"
"""Who the first account belongs to; the name example.org can belong to nobody (RFC 2606)."""

TO, TEXT = "+48600100200", "Hello from modemd"


async def welcome(service: Service, url: str) -> None:
    """Print how to send a first message, with a key made for it; and how to see that it arrived."""
    key = await _key(service)
    body = json.dumps({"to": TO, "text": TEXT})
    ca = service.settings.state_dir / TLS / "ca.pem"
    trust = ["--cacert", _relative(ca)] if url.startswith("https") and service.settings.tls.certificate is None else []
    send = ["curl", "-sS", *trust, "-w", "\\n", f"{url}/v1/messages", "-H", f"Authorization: Bearer {key}"]
    send += ["-H", "Content-Type: application/json", "-d", body]
    lines = ["", "Send a first message:", "", f"  {shlex.join(send)}", "", "Then look:", ""]
    bin_dir = Path(sys.argv[0]).parent
    lines.append(f"  {_relative(bin_dir / 'modemd')} status --state-dir {_relative(service.settings.state_dir)}")
    if service.simulator is not None:
        air_log = shlex.quote(_relative(service.simulator.air_log))
        lines.append(f"  {_relative(bin_dir / 'hw-sim')} phone {TO} --air-log {air_log}")
    lines += ["", "Ctrl-C stops everything.", ""]
    click.echo("\n".join(lines))


async def _key(service: Service) -> str:
    """A new key of the newcomer's account, which is made at the first start."""
    found = await service.accounts.directory.find(EMAIL)
    while not found:
        phone = f"+4850{secrets.randbelow(10_000_000):07}"  # a Polish mobile number that has no account yet
        try:
            found = [await service.accounts.directory.create(EMAIL, phone)]
        except Conflict:
            continue
    _, key = await service.accounts.keys.mint(found[0].id, "first message")
    return key


def _relative(path: Path) -> str:
    """The path as it is typed from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
