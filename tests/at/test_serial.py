"""Ports are opened for one reader, and what cannot be opened says why and what to do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playbook import Play

from modemd.at import commands
from modemd.at.events import Unsolicited
from modemd.at.holders import cure_for, holder_of
from modemd.at.link import Link
from modemd.at.serial import open_port
from modemd.errors import PortUnusable

HOLD = """
import fcntl, os, sys
port = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
fcntl.flock(port, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


async def test_what_came_before_the_port_was_opened_is_not_thrown_away() -> None:
    """A killed daemon's answer may lie there: pyserial by itself would flush it."""
    modem = Play("< +CMGS: 41\n< OK")
    await modem.finished()
    port = await open_port(modem.pty.path)
    heard: list[Unsolicited] = []
    link = Link(port, heard.append)
    await link.listen(0.1, 1.0)
    assert heard == [Unsolicited("+CMGS: 41"), Unsolicited("OK")]
    link.close()
    await port.close()
    modem.pty.unplug()


async def test_a_port_is_opened_once() -> None:
    modem = Play("")
    port = await open_port(modem.pty.path)
    with pytest.raises(PortUnusable) as refused:
        await open_port(modem.pty.path)
    assert refused.value.code == "port_busy"
    await port.close()
    again = await open_port(modem.pty.path)
    await again.close()
    modem.pty.unplug()


async def test_a_busy_port_names_who_holds_it() -> None:
    modem = Play("")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, modem.pty.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    await asyncio.to_thread(holder.stdout.readline)
    with pytest.raises(PortUnusable) as refused:
        await open_port(modem.pty.path)
    assert f"pid {holder.pid}" in str(refused.value)
    assert refused.value.cure
    holder.communicate("")
    modem.pty.unplug()


async def test_a_port_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(PortUnusable) as refused:
        await open_port(str(tmp_path / "ttyUSB0"))
    assert refused.value.code == "port_missing"
    assert "plug" in refused.value.cure


async def test_a_file_that_is_no_port_says_so(tmp_path: Path) -> None:
    file = tmp_path / "modem"
    file.write_text("no port")
    with pytest.raises(PortUnusable) as refused:
        await open_port(str(file))
    assert refused.value.cure


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
async def test_a_port_without_permission_names_the_group(tmp_path: Path) -> None:
    file = tmp_path / "modem"
    file.write_text("")
    file.chmod(0)
    with pytest.raises(PortUnusable) as refused:
        await open_port(str(file))
    assert refused.value.code == "port_permission"
    assert "usermod" in refused.value.cure


async def test_a_socket_is_a_port() -> None:
    async def modem(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\r") == b"AT+CSQ\r"
        writer.write(b"\r\n+CSQ: 9,0\r\n\r\nOK\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(modem, "127.0.0.1", 0) as server:
        port = await open_port(f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        link = Link(port, lambda _event: None)
        assert await link.ask(commands.SIGNAL) == ["+CSQ: 9,0"]
        link.close()
        await port.close()


@pytest.mark.parametrize(
    ("address", "code"), [("socket://127.0.0.1:1", "port_missing"), ("socket://nowhere", "port_name")]
)
async def test_an_address_that_does_not_answer_says_so(address: str, code: str) -> None:
    with pytest.raises(PortUnusable) as refused:
        await open_port(address)
    assert refused.value.code == code


def test_the_well_known_holders_have_their_cures() -> None:
    assert "udev" in cure_for("ModemManager (pid 812)")
    assert "brltty" in cure_for("brltty (pid 1)")
    assert "fuser" in cure_for(None)


def test_nobody_holds_what_does_not_exist(tmp_path: Path) -> None:
    assert holder_of(str(tmp_path / "none")) is None
