"""Other people's gateways on the simulated modems: each sends a short, a long and a Unicode message and reads one.

They come from Debian's packages (`install-peers.sh` beside this file) and run with configurations of their own, away
from the system's; what is not installed is skipped.
"""

from __future__ import annotations

import contextlib
import queue
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hw_sim.inotify import CLOSE_WRITE, MODIFY, MOVED_TO, Inotify
from hw_sim.pytest_plugin import StartBank

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]

NUMBER = "+48501234567"
SHORT = "Hello, {world} [short] ~ 5 €"
LONG = "".join(f"This is sentence {number} of a long message. " for number in range(1, 11))
UNICODE = "Zażółć gęślą jaźń"
EMOJI = "Cześć 😀"
INBOUND = "A phone says hello."
SENDER = "+48600700800"

Send = Callable[[str], None]
Receive = Callable[[], str]
Gateway = tuple[Send, Receive]
"""What a peer can do: send a text to NUMBER, and give the next text it receives."""


def need(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: run tests/hw_sim/install-peers.sh")


def wait_for_file(folder: Path, seconds: float = 60.0) -> Path:
    """Wait until a finished file lies in a folder."""
    deadline = time.monotonic() + seconds
    with contextlib.closing(Inotify()) as changes:
        changes.watch(folder, CLOSE_WRITE | MOVED_TO, lambda: None)
        while not (files := [path for path in folder.iterdir() if path.stat().st_size]):
            assert select.select([changes], [], [], deadline - time.monotonic())[0], f"nothing came into {folder}"
            changes.dispatch()
    return files[0]


def wait_for_line(path: Path, text: str, seconds: float = 30.0) -> None:
    """Wait until a log holds a text."""
    deadline = time.monotonic() + seconds
    path.touch()
    with contextlib.closing(Inotify()) as changes:
        changes.watch(path, MODIFY, lambda: None)
        while text not in path.read_text("utf-8", "replace"):
            assert select.select([changes], [], [], deadline - time.monotonic())[0], f"no {text!r} in {path}"
            changes.dispatch()


@contextlib.contextmanager
def running(folder: Path, *command: str) -> Iterator[None]:
    """Run a daemon, and end it for good afterwards."""
    with (folder / f"{Path(command[0]).name}.out").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def options_of(text: str) -> list[str]:
    """How gammu's programs are told what a text needs."""
    return [*(["-unicode"] if not text.isascii() and "€" not in text else []), "-len", str(len(text)), "-text", text]


@contextlib.contextmanager
def gammu(port: str, folder: Path) -> Iterator[Gateway]:
    need("gammu")
    config = folder / "gammurc"
    config.write_text(f"[gammu]\ndevice = {port}\nconnection = at\n")

    def send(text: str) -> None:
        run("gammu", "-c", str(config), "sendsms", "TEXT", NUMBER, *options_of(text))

    def receive() -> str:
        return run("gammu", "-c", str(config), "getallsms")

    yield send, receive


@contextlib.contextmanager
def gammu_smsd(port: str, folder: Path) -> Iterator[Gateway]:
    need("gammu-smsd", "gammu-smsd-inject")
    boxes = {name: folder / name for name in ("inbox", "outbox", "sentsms", "errorsms")}
    for box in boxes.values():
        box.mkdir()
    paths = "\n".join(f"{name}path = {box}/" for name, box in boxes.items())
    config = folder / "smsdrc"
    config.write_text(
        f"[gammu]\ndevice = {port}\nconnection = at\n[smsd]\nservice = files\nlogfile = {folder}/log\n{paths}\n"
        "loopsleep = 1\nreceivefrequency = 1\nstatusfrequency = 0\nchecksecurity = 0\ncheckbattery = 0\n"
    )

    def send(text: str) -> None:
        run("gammu-smsd-inject", "-c", str(config), "TEXT", NUMBER, *options_of(text))

    with running(folder, "gammu-smsd", "-c", str(config)):
        yield send, lambda: wait_for_file(boxes["inbox"]).read_text()


@contextlib.contextmanager
def smstools(port: str, folder: Path) -> Iterator[Gateway]:
    need("smsd")
    spools = {name: folder / name for name in ("outgoing", "checked", "incoming", "sent", "failed", "report", "stats")}
    for spool in spools.values():
        spool.mkdir()
    config = folder / "smsd.conf"
    config.write_text(
        "devices = SIM\n" + "\n".join(f"{name} = {spool}" for name, spool in spools.items()) + "\n"
        f"logfile = {folder}/log\ninfofile = {folder}/info\npidfile = {folder}/pid\ndelaytime = 1\nautosplit = 3\n"
        f"[SIM]\ndevice = {port}\nincoming = yes\ndetect_unexpected_input = no\npoll_faster = 100\n"
    )
    sent = 0

    def send(text: str) -> None:
        nonlocal sent
        sent += 1
        unicode = text in (UNICODE, EMOJI)
        alphabet, octets = ("Unicode", text.encode("utf-16-be")) if unicode else ("UTF-8", text.encode())
        draft = folder / f"draft{sent}"
        draft.write_bytes(f"To: {NUMBER[1:]}\nAlphabet: {alphabet}\n\n".encode() + octets)
        draft.rename(spools["outgoing"] / draft.name)

    with running(folder, "smsd", f"-c{config}", "-t"):
        yield send, lambda: wait_for_file(spools["incoming"]).read_text()


class Inbox(HTTPServer):
    """Where kannel delivers what comes in."""

    def __init__(self) -> None:
        self.texts: queue.Queue[str] = queue.Queue()
        texts = self.texts

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                texts.put(query["text"][0])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)


@contextlib.contextmanager
def inbox() -> Iterator[Inbox]:
    with Inbox() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def kannel(port: str, folder: Path) -> Iterator[Gateway]:
    need("bearerbox", "smsbox")
    admin, box, http = free_port(), free_port(), free_port()
    config = folder / "kannel.conf"
    (folder / "store").mkdir()
    with inbox() as server:
        config.write_text(
            f"group = core\nadmin-port = {admin}\nsmsbox-port = {box}\nadmin-password = x\nbox-allow-ip = 127.0.0.1\n"
            f"store-type = spool\nstore-location = {folder}/store\nlog-file = {folder}/bearer.log\nlog-level = 0\n\n"
            f"group = smsc\nsmsc = at\nsmsc-id = sim\nmodemtype = auto\ndevice = {port}\nspeed = 115200\n"
            "sim-buffering = true\n\n"
            "group = modems\nid = generic\nname = generic\nenable-mms = true\nsendline-sleep = 1\n\n"
            f"group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {http}\nglobal-sender = 000\n"
            f"log-file = {folder}/smsbox.log\nlog-level = 0\n\n"
            "group = sendsms-user\nusername = u\npassword = p\nmax-messages = 10\nconcatenation = true\n\n"
            "group = sms-service\nkeyword = default\nmax-messages = 0\n"
            f'get-url = "http://127.0.0.1:{server.server_port}/?text=%a"\n'
        )

        def send(text: str) -> None:
            words = {"username": "u", "password": "p", "to": NUMBER, "text": text, "charset": "UTF-8"}
            words["coding"] = "2" if text in (UNICODE, EMOJI) else "0"
            url = f"http://127.0.0.1:{http}/cgi-bin/sendsms?{urllib.parse.urlencode(words)}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.status == 202

        with running(folder, "bearerbox", str(config)):
            wait_for_line(folder / "bearer.log", "AT2[sim]: AT SMSC successfully opened")
            with running(folder, "smsbox", str(config)):
                wait_for_line(folder / "smsbox.log", "Connected to bearerbox")
                yield send, lambda: server.texts.get(timeout=60)


@contextlib.contextmanager
def python_gsmmodem(port: str, folder: Path) -> Iterator[Gateway]:
    del folder
    from gsmmodem.modem import GsmModem  # type: ignore[import-untyped]

    texts: queue.Queue[str] = queue.Queue()
    modem = GsmModem(port, 115200, smsReceivedCallbackFunc=lambda sms: texts.put(sms.text))
    modem.connect()
    try:
        yield lambda text: modem.sendSms(NUMBER, text) and None, lambda: texts.get(timeout=60)
        for thread in threading.enumerate():
            if "ModemNotification" in thread.name:  # it is still deleting what it has read
                thread.join(10)
    finally:
        modem.close()


PEERS = {
    "gammu": (gammu, True),
    "gammu-smsd": (gammu_smsd, True),
    "smstools": (smstools, True),
    "kannel": (kannel, True),
    "python-gsmmodem": (python_gsmmodem, False),
}
"""By name: the peer, and whether it can send an emoji."""


@pytest.mark.parametrize("name", PEERS)
def test_a_gateway_sends_a_short_a_long_and_a_unicode_message_and_reads_an_inbound_one(
    hw_sim_bank: StartBank, tmp_path: Path, name: str
) -> None:
    peer, sends_emoji = PEERS[name]
    texts = [SHORT, LONG, UNICODE, *([EMOJI] if sends_emoji else [])]
    bank = hw_sim_bank("--air", "0.05", modems=1)
    with peer(bank.ports[0], tmp_path) as (send, receive):
        for text in texts:
            send(text)
        bank.wait_for_air(len(texts) + 2, timeout=90)
        bank.strike("modem0", "receive", text=INBOUND, sender=SENDER)
        assert INBOUND in receive()
    assert sorted(bank.received(NUMBER)) == sorted(texts)


@pytest.mark.parametrize("make", ["huawei-e3372", "zte-mf180", "wavecom-q2403"])
def test_gammu_knows_the_makes_it_has_words_for(hw_sim_bank: StartBank, tmp_path: Path, make: str) -> None:
    """It goes on with a Huawei only after ^PORTSEL=1, with a ZTE only after +ZCDRUN=8 and +ZOPRT=5."""
    bank = hw_sim_bank("--air", "0.05", "--personality", make, modems=1)
    with gammu(bank.ports[0], tmp_path) as (send, _):
        send(SHORT)
    assert bank.received(NUMBER) == [SHORT]
