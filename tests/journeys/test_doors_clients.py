"""Programs of others, written for other gateways, send through modemd's front doors to simulated telephones."""

from __future__ import annotations

import base64
import contextlib
import shutil
import signal
import socket
import subprocess
import time
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
from receiver import receiving

NUMBER = "+48501234567"
TEXT = "Zażółć gęślą jaźń – and then some more, so that it takes two segments at least, as one of UCS-2 holds seventy."
SHORT = "Zażółć gęślą jaźń"
"""Kannel itself splits what is longer, and its segments are binary messages to the next gateway."""


def opened(
    daemon: StartDaemon, hw_sim_bank: StartBank, door: str, *, allow_private: bool = True
) -> tuple[Daemon, BankProcess]:
    """A running daemon with one modem, an account and this door open; and its bank."""
    bank = hw_sim_bank(modems=1)
    modemd = daemon(bank)
    modemd.environ[f"MODEMD_DOORS__{door.upper()}"] = "true"
    modemd.environ["MODEMD_WEBHOOKS__ALLOW_PRIVATE"] = str(allow_private).lower()
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


def test_a_promosms_client_is_called_when_its_message_is_delivered(daemon: StartDaemon, hw_sim_bank: StartBank) -> None:
    modemd, _ = opened(daemon, hw_sim_bank, "promosms")
    with receiving() as receiver:
        call = {"text": SHORT, "type": 1, "recipients": [NUMBER], "return-send-recipients": 1, "special-chars": 1}
        call["delivery-url"] = f"{receiver.url}/done?smsid=%smsID&report=%report&at=%timestamp"
        answer = modemd.request("POST", "/api/rest/v3_2/sms", json=call, headers=basic(modemd))
        [result] = answer.json()["response"]["recipientsResults"]
        [got] = receiver.wait(1)
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(got.path).query))
    assert (got.method, asked["smsid"], asked["report"]) == ("GET", result["sms-id"], "001")
    assert abs(int(asked["at"]) - time.time()) < 60


def test_a_kannel_client_is_called_for_what_its_mask_names(daemon: StartDaemon, hw_sim_bank: StartBank) -> None:
    modemd, _ = opened(daemon, hw_sim_bank, "kannel")
    with receiving() as receiver:
        words = {"username": "shop", "password": modemd.key, "to": NUMBER, "text": SHORT, "dlr-mask": "9"}
        words |= {"account": "till 4", "from": "Me&Co"}
        words["dlr-url"] = f"{receiver.url}/dlr?mine=7&what=%d&to=%P&who=%n&at=%T&acc=%o&by=%p&rest=%r%%"
        assert modemd.request("GET", "/cgi-bin/sendsms", params=words).status_code == 202
        came = receiver.wait(2)
    asked = [urllib.parse.parse_qs(urllib.parse.urlsplit(got.path).query) for got in came]
    assert [one["what"] for one in asked] == [["8"], ["1"]]
    told = {tuple(one[name][0] for name in ("mine", "to", "who", "acc", "by")) for one in asked}
    assert told == {("7", NUMBER, "shop", "till 4", "Me&Co")}


def test_a_callback_to_an_address_of_ones_own_is_refused_unless_the_operator_allows_it(
    daemon: StartDaemon, hw_sim_bank: StartBank
) -> None:
    modemd, bank = opened(daemon, hw_sim_bank, "kannel", allow_private=False)
    words = {"username": "u", "password": modemd.key, "to": NUMBER, "text": SHORT, "dlr-mask": "1"}
    words["dlr-url"] = "http://127.0.0.1:1/dlr"
    answer = modemd.request("GET", "/cgi-bin/sendsms", params=words)
    assert (answer.status_code, answer.text) == (400, "DLR-URL field misformed, rejected")
    assert bank.air() == []


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


def basic(modemd: Daemon) -> dict[str, str]:
    """The key as the password of Basic credentials."""
    return {"Authorization": "Basic " + base64.b64encode(f"shop@example.org:{modemd.key}".encode()).decode()}


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
