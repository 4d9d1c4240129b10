"""What the benchmarks share: a simulated bank, a daemon on it, and what the air log says."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import hw_sim.control

from modemd.cli import daemon as control

T = TypeVar("T")

READY_S = 30


def until(ask: Callable[[], T | None], seconds: float = 60.0) -> T:
    """Ask until there is an answer that counts as true, and give it. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.02)
    return answer


@dataclass(frozen=True)
class Bank:
    """Simulated modems in a process of their own."""

    ports: list[str]
    air_log: Path
    process: subprocess.Popen[str]

    def messages(self) -> list[dict[str, Any]]:
        """Everything that was on the air so far."""
        return [json.loads(line) for line in self.air_log.read_text().splitlines()]

    def wait_for(self, count: int, timeout_s: float) -> list[dict[str, Any]]:
        """The air log once it has so many lines."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.air_log.exists() and self.air_log.read_bytes().count(b"\n") >= count:
                return self.messages()
            time.sleep(0.05)
        raise TimeoutError(f"the air log has not reached {count} messages")


@contextlib.contextmanager
def bank(folder: Path, modems: int, air_s: float, *options: str) -> Iterator[Bank]:
    """A bank of modems whose messages take ``air_s`` seconds, 0.45 of that on a link that CMMS kept up."""
    ports, air_log = folder / "ports", folder / "air.jsonl"
    ports.mkdir(parents=True)
    command = [sys.executable, "-m", "hw_sim", "--modems", str(modems), "--dir", str(ports)]
    command += ["--air-log", str(air_log), "--air", str(air_s), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield Bank([str(ports / f"modem{number}") for number in range(modems)], air_log, process)
    finally:
        process.terminate()
        process.wait()


def befall(each: Bank, fault: dict[str, Any]) -> None:
    """Let a fault befall every modem of a bank."""
    hw_sim.control.ask(Path(each.ports[0]).parent, {"verb": "fault", "modem": "all", "fault": fault})


@dataclass(frozen=True)
class Daemon:
    """A running modemd."""

    process: subprocess.Popen[bytes]
    url: str
    key: str
    state: Path
    start_s: float
    """From its command to its listening."""

    def request(self, method: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> dict[str, Any]:
        """One HTTP call with JSON both ways."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, content, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)  # type: ignore[no-any-return]

    def post(self, body: dict[str, Any], key: str = "") -> dict[str, Any]:
        """POST /v1/messages."""
        return self.request("POST", "/v1/messages", body, key)

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """What the control socket answers, without the cost of a command."""
        return control.call(self.state, verb, **arguments)

    def open_account(self, name: str, phone: str) -> str:
        """An account; its key."""
        return str(self.ask("accounts.create", email=f"{name}@example.org", phone=phone, with_key=True)["api_key"])

    def status(self) -> dict[str, Any]:
        """`modemd status --json`."""
        return run_json("status", state=self.state)

    def cpu_s(self) -> float:
        """Processor seconds used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self) -> float:
        """Memory of the daemon itself."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def run_json(*arguments: str, state: Path) -> dict[str, Any]:
    """A modemd command's --json output."""
    command = [sys.executable, "-m", "modemd", *arguments, "--json", "--state-dir", str(state)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # type: ignore[no-any-return]


@contextlib.contextmanager
def running(folder: Path, ports: list[str], **environment: str) -> Iterator[Daemon]:
    """A daemon on these ports, all of them ready; on the state that another left, if there is one."""
    state, log = folder / "state", folder / "daemon.log"
    command = [sys.executable, "-m", "modemd", "start", "--state-dir", str(state), "--listen", "127.0.0.1:0"]
    command += ["--no-discover", *(option for port in ports for option in ("--modem", port))]
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})
    try:
        port = _listening(log)
        gateway = Daemon(process, f"http://127.0.0.1:{port}", "", state, time.monotonic() - started)
        _ready(gateway, len(ports))
        yield gateway
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


@contextlib.contextmanager
def daemon(folder: Path, ports: list[str], **environment: str) -> Iterator[Daemon]:
    """A new daemon on these ports, with an account and its key, all modems ready."""
    with running(folder, ports, **environment) as gateway:
        yield replace(gateway, key=gateway.open_account("bench", "+48600100200"))


def _listening(log: Path) -> int:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if found := re.search(r"service\.started .*?port=(\d+)", log.read_text()):
            return int(found.group(1))
        time.sleep(0.05)
    raise TimeoutError(f"modemd does not start:\n{log.read_text()}")


def _ready(running: Daemon, modems: int) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if sum(modem["state"] in ("ready", "sending") for modem in running.status()["modems"]) == modems:
            return
        time.sleep(0.1)
    raise TimeoutError("not all modems are ready")


@contextlib.contextmanager
def sampled(look: Callable[[], float], every_s: float = 0.1) -> Iterator[list[float]]:
    """What something measures, again and again meanwhile."""
    seen = [look()]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(every_s):
            seen.append(look())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def gaps_ms(messages: list[dict[str, Any]]) -> list[float]:
    """Milliseconds between one message's end on the air and the next one's start, on each modem, sorted."""
    of_modem: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for message in sorted(messages, key=lambda message: message["started"]):
        of_modem[message["modem"]].append(message)
    return sorted(
        1000 * (after["started"] - before["ended"]) for each in of_modem.values() for before, after in pairwise(each)
    )


def busy_share(messages: list[dict[str, Any]]) -> float:
    """The share of the time between each modem's first and last message in which it had one on the air."""
    of_modem: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for message in messages:
        of_modem[message["modem"]].append(message)
    busy = sum(float(message["ended"]) - float(message["started"]) for message in messages)
    return busy / sum(span_s(each) for each in of_modem.values())


def span_s(messages: list[dict[str, Any]]) -> float:
    """Seconds from the first message's start to the last one's end."""
    return float(max(message["ended"] for message in messages) - min(message["started"] for message in messages))


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the sorted values lies."""
    return values[min(len(values) - 1, int(len(values) * share))]


def report(name: str, rows: dict[str, Any], **more: Any) -> None:
    """A small table, and the same as one JSON line with ``more`` that was shown before."""
    width = max(len(key) for key in rows)
    for key, value in rows.items():
        print(f"  {key:<{width}}  {value:.4g}" if isinstance(value, float) else f"  {key:<{width}}  {value}")
    print(json.dumps({"bench": name, **rows, **more}))
