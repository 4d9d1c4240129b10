"""Programs of others, written for other gateways, send through modemd's front doors to simulated telephones."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from android_sms_gateway import domain
from android_sms_gateway.client import APIClient
from android_sms_gateway.enums import ProcessState
from conftest import StartDaemon
from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import Daemon, arrived, until

NUMBER = "+48501234567"
TEXT = "Zażółć gęślą jaźń – and then some more, so that it takes two segments at least, as one of UCS-2 holds seventy."
SHORT = "Zażółć gęślą jaźń"
"""Kannel itself splits what is longer, and its segments are binary messages to the next gateway."""


def opened(daemon: StartDaemon, hw_sim_bank: StartBank, door: str) -> tuple[Daemon, BankProcess]:
    """A running daemon with one modem, an account and this door open; and its bank."""
    bank = hw_sim_bank(modems=1)
    modemd = daemon(bank)
    modemd.environ[f"MODEMD_DOORS__{door.upper()}"] = "true"
    modemd.start()
    modemd.open_account()
    modemd.private.numbers.add(NUMBER)
    modemd.private.words |= {TEXT, SHORT}
    modemd.ready(1)
    return modemd, bank


def test_capcom6s_own_client_sends_and_sees_its_message_sent(daemon: StartDaemon, hw_sim_bank: StartBank) -> None:
    modemd, bank = opened(daemon, hw_sim_bank, "capcom6")
    message = domain.Message(phone_numbers=[NUMBER], text_message=domain.TextMessage(TEXT), with_delivery_report=False)
    with APIClient("anybody", modemd.key, base_url=f"{modemd.url}/3rdparty/v1") as client:
        sent = client.send(message)
        assert sent.state is ProcessState.Pending
        until(lambda: client.get_state(sent.id).state is ProcessState.Sent)
    assert [(one.to, one.text) for one in arrived(bank.air())] == [(NUMBER, TEXT)]


@pytest.mark.peers
@pytest.mark.timeout(120)
def test_kannel_itself_sends_through_the_door_that_imitates_it(
    daemon: StartDaemon, hw_sim_bank: StartBank, tmp_path: Path
) -> None:
    if shutil.which("bearerbox") is None:
        pytest.skip("kannel not installed: run tests/hw_sim/install-peers.sh")
    modemd, bank = opened(daemon, hw_sim_bank, "kannel")
    with kannel(modemd, tmp_path / "kannel") as port:
        words = {"username": "u", "password": "p", "to": NUMBER, "text": SHORT, "charset": "UTF-8", "coding": "2"}
        url = f"http://127.0.0.1:{port}/cgi-bin/sendsms?{urllib.parse.urlencode(words)}"

        def taken() -> bool:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
                return bool(answer.status == 202)
            return False

        until(taken, 60, every=0.2)
        until(lambda: arrived(bank.air()), 60)
    assert {(one.to, one.text) for one in arrived(bank.air())} == {(NUMBER, SHORT)}


@contextlib.contextmanager
def kannel(modemd: Daemon, folder: Path) -> Iterator[int]:
    """Kannel's two boxes, with modemd as their service centre; the port where they take messages."""
    folder.mkdir()
    admin, box, http, back = (free_port() for _ in range(4))
    config = folder / "kannel.conf"
    config.write_text(
        f"group = core\nadmin-port = {admin}\nsmsbox-port = {box}\nadmin-password = x\nbox-allow-ip = 127.0.0.1\n\n"
        f"group = smsc\nsmsc = http\nsystem-type = kannel\nsmsc-username = u\nsmsc-password = {modemd.key}\n"
        f"port = {back}\nsend-url = {modemd.url}/cgi-bin/sendsms\n\n"
        f"group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {http}\nglobal-sender = 000\n\n"
        "group = sendsms-user\nusername = u\npassword = p\nmax-messages = 10\nconcatenation = true\n"
    )
    with contextlib.ExitStack() as stack:
        for program in ("bearerbox", "smsbox"):
            if program == "smsbox":  # it gives up when nobody listens
                until(lambda: listens(box))
            output = stack.enter_context((folder / f"{program}.out").open("wb"))
            process = subprocess.Popen([program, str(config)], stdout=output, stderr=output, cwd=folder)
            stack.callback(process.wait, 20)
            stack.callback(process.send_signal, signal.SIGTERM)
        yield http


def listens(port: int) -> bool:
    """Whether somebody does on this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
