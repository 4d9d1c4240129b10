"""A whole modemd as its users meet it: the daemon as a process, its HTTP API, its words, and what was on the air.

Nothing here reaches into the daemon; what a test knows it was told over HTTP, the control socket, the log or the air.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
from hw_sim.air_log import AirEntry, AirOutcome
from hw_sim.control import ask
from hw_sim.pytest_plugin import BankProcess
from leak_watch import LeakWatch

from modemd.cli import daemon as control
from modemd.errors import NotRunning

T = TypeVar("T")

COMMAND = Path(sys.executable).with_name("modemd")
DISTINCTIVE = 8
"""Characters of a word that no help text and no error says by itself."""
START_S = 30.0
"""Seconds a daemon may take to listen on a loaded machine; it takes one."""
STOP_S = 10.0
"""Seconds from SIGTERM to the end (interface, section 2)."""
MISHAPS = re.compile(
    r"Traceback \(most recent|was never (retrieved|awaited)|Exception ignored"
    r"|\b(loop\.error|crashed|thread\.crashed|unraisable|http\.failed|service\.part_failed)\b"
)
"""What no log of a journey may hold: an error that nobody expected."""


def until(ask: Callable[[], T | None], seconds: float = 15.0, every: float = 0.02) -> T:
    """Ask until there is an answer that counts as true, and give it; for what makes no event. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(every)
    return answer


@dataclass(slots=True)
class Private:
    """What users said in confidence in a journey: it must be in no log and, in the clear, in no file of the state."""

    numbers: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    """Texts, keys, e-mail addresses."""

    def found_in(self, content: bytes, shortest: int = 1) -> set[str]:
        """Which kinds of it are in some octets: numbers also without their country code and as a TPDU spells them.

        Words shorter than ``shortest`` are left out, for where people read sentences they are there anyhow.
        """
        spelled = {number[-9:].encode() for number in self.numbers} | {_semi_octets(number) for number in self.numbers}
        runs = (run.group() for run in re.finditer(rb"[0-9F]{9,}", content))
        windows = (run[at : at + size] for run in runs for size in (9, 10) for at in range(len(run) - size + 1))
        found = {"number"} if any(window in spelled for window in windows) else set()
        for word in self.words:
            if len(word) < shortest:
                continue
            if word.encode() in content or word.encode("utf-16-be").hex().upper().encode() in content:
                found.add("word")
        return found


def _semi_octets(number: str) -> bytes:
    """The last ten digits as TS 23.040 9.1.2.3 swaps them, in hex; of a number with an even count of digits all."""
    digits = number[-10:] if len(number) % 2 else number[-9:] + "F"
    return "".join(digits[place + 1] + digits[place] for place in range(0, len(digits), 2)).encode()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended."""

    code: int
    seconds: float
    out: str
    err: str


class Daemon:
    """`modemd start` on a state directory, started and ended as often as wanted."""

    def __init__(
        self, state_dir: Path, private: Private, *options: str, ports: Sequence[str] = (), wrap: Sequence[str] = ()
    ) -> None:
        self.state_dir = state_dir
        self.private = private
        self.url = ""
        self.key = ""
        self.wrap = list(wrap)
        """A command to run it under."""
        self.environ: dict[str, str] = {}
        self.watch = LeakWatch(state_dir, partial(private.found_in, shortest=DISTINCTIVE))
        self.discovery = ["--no-discover"]
        """No journey touches what is plugged in to this machine."""
        self._options = [*options, *(word for port in ports for word in ("--modem", port))]
        self._process: subprocess.Popen[str] | None = None
        self._run = 0
        self._http = httpx.Client(timeout=30.0)

    # --- its life ----------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The daemon's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def outputs(self) -> list[Path]:
        """Everything it has ever written to standard output and error."""
        return sorted(self.state_dir.parent.glob(f"{self.state_dir.name}.*.out")) + sorted(
            self.state_dir.parent.glob(f"{self.state_dir.name}.*.err")
        )

    @property
    def log(self) -> str:
        """What this run has logged so far."""
        return self._output("err").read_text("utf-8")

    def launch(self, *options: str) -> None:
        """Start it and do not wait."""
        self._run = len(list(self.state_dir.parent.glob(f"{self.state_dir.name}.*.err")))
        words = [*self.wrap, str(COMMAND), "start", "--state-dir", str(self.state_dir), "--listen", "127.0.0.1:0"]
        self.state_dir.parent.mkdir(parents=True, exist_ok=True)
        with self._output("err").open("w") as err:
            self._process = subprocess.Popen(
                [*words, *self.discovery, *self._options, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
                env=os.environ | self.watch.environ | self.environ,
            )

    def start(self) -> None:
        """Start it and return when it listens."""
        self.launch()
        if not self.says_where():
            raise AssertionError(f"the daemon did not start: {self.wait() if self._process else None}")

    def says_where(self) -> bool:
        """Wait until it says where it listens; False if it ends instead."""
        assert self._process is not None
        assert self._process.stdout is not None
        ready = select.select([self._process.stdout], [], [], START_S)[0]
        line = self._process.stdout.readline() if ready else ""
        self._output("out").write_text(line, "utf-8")
        found = re.search(r"http\S+", line)
        if not ready:
            self._process.kill()
        self.url = found.group() if found else ""
        return found is not None

    def end(self, number: signal.Signals) -> Ended:
        """Send a signal and wait for the end."""
        assert self._process is not None
        if number == signal.SIGTERM:
            self.watch.look(self.pid, self.url)
        self._process.send_signal(number)
        return self.wait()

    def stop(self) -> Ended:
        """SIGTERM."""
        return self.end(signal.SIGTERM)

    def kill(self) -> Ended:
        """SIGKILL, in the middle of whatever it does."""
        return self.end(signal.SIGKILL)

    def wait(self, seconds: float = 2 * STOP_S) -> Ended:
        """Wait for it to end by itself."""
        process, self._process = self._process, None
        assert process is not None
        started = time.monotonic()
        try:
            out, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise AssertionError(f"the daemon did not end within {seconds} s") from None
        took = time.monotonic() - started
        with self._output("out").open("a", encoding="utf-8") as file:
            file.write(out)
        return Ended(process.returncode, took, self._output("out").read_text("utf-8"), self.log)

    def wait_until_killed(self, seconds: float) -> Ended:
        """Let it live so long, then SIGKILL: a random moment of its start."""
        time.sleep(seconds)
        return self.kill()

    def close(self) -> None:
        """End it if it still runs."""
        if self._process is not None:
            self.watch.look(self.pid, self.url)
            self.end(signal.SIGTERM if "--simulate" in self._options else signal.SIGKILL)  # a simulator outlives a kill
        self._http.close()

    def _output(self, kind: str) -> Path:
        return self.state_dir.parent / f"{self.state_dir.name}.{self._run}.{kind}"

    # --- talking to it -----------------------------------------------------------------------------------------

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """What the control socket answers to a verb."""
        return control.call(self.state_dir, verb, **arguments)

    def open_account(self, email: str = "journey@example.org", phone: str = "+48600999111") -> str:
        """An account; its key is used from now on."""
        self.key = str(self.ask("accounts.create", email=email, phone=phone, with_key=True)["api_key"])
        self.private.words |= {email, self.key}
        self.private.numbers.add(phone)
        return self.key

    def begin(self, modems: int, seconds: float = 20.0) -> None:
        """Start it, open an account, and wait until so many modems may send."""
        self.start()
        self.open_account()
        self.ready(modems, seconds)

    def post(
        self,
        to: str | Sequence[str],
        text: str,
        headers: Mapping[str, str] = {},
        **more: Any,
    ) -> httpx.Response:
        """POST /v1/messages, whatever comes of it."""
        body = {"to": to if isinstance(to, str) else list(to), "text": text, **more}
        return self.request("POST", "/v1/messages", json=body, headers=headers)

    def post_and_die(self, to: Sequence[str], text: str, seconds: float, **more: Any) -> int | None:
        """Submit messages and be killed so much later; the status of the answer if there was one."""
        self.private.numbers |= set(to)
        self.private.words.add(text)
        blow = threading.Timer(seconds, os.kill, (self.pid, signal.SIGKILL))
        blow.start()
        try:
            return self.post(to, text, **more).status_code
        except httpx.TransportError:
            return None
        finally:
            blow.join()
            self.wait()

    def send(self, to: str | Sequence[str], text: str, **more: Any) -> list[str]:
        """Submit messages that must be accepted; their ids."""
        self.private.numbers |= {to} if isinstance(to, str) else set(to)
        self.private.words.add(text)
        answer = self.post(to, text, **more)
        assert answer.status_code == 202, answer.text
        assert answer.json()["rejected"] == []
        return [message["id"] for message in answer.json()["messages"]]

    def request(self, method: str, path: str, headers: Mapping[str, str] = {}, **more: Any) -> httpx.Response:
        """Any HTTP request, with the key unless the headers say otherwise."""
        key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return self._http.request(method, self.url + path, headers={**key, **headers}, **more)

    def message(self, number: str) -> dict[str, Any]:
        """One message as the API shows it."""
        answer = self.request("GET", f"/v1/messages/{number}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def messages(self, **query: str) -> list[dict[str, Any]]:
        """All messages of a listing, page after page."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.request("GET", "/v1/messages", params={"limit": "500", **query, **cursor}).json()
            found += page["messages"]
            if page["cursor"] is None:
                return found
            cursor = {"cursor": page["cursor"]}

    def states(self) -> Counter[str]:
        """How many messages are in which state."""
        return Counter(message["state"] for message in self.messages())

    def settled(self, messages: Sequence[str], seconds: float = 60.0) -> dict[str, int]:
        """Wait until these messages have ended or are uncertain; how many are in which state."""

        def all_ended() -> dict[str, int] | None:
            seen = self.ask("progress", messages=list(messages))
            return dict(seen["states"]) if seen["done"] == seen["total"] == len(messages) else None

        return until(all_ended, seconds, every=0.1)

    @contextmanager
    def watching(self, messages: Sequence[str]) -> Iterator[None]:
        """Follow the progress of messages without end, as `modemd send --wait` does."""

        def follow() -> None:
            with suppress(NotRunning):
                for _ in control.stream(self.state_dir, "progress", messages=list(messages)):
                    seen.set()

        seen = threading.Event()
        watcher = threading.Thread(target=follow)
        watcher.start()
        assert seen.wait(10)
        yield
        watcher.join(10)
        assert not watcher.is_alive(), "whoever watches is told that the daemon ends"

    def status(self) -> dict[str, Any]:
        """The status document."""
        return self.ask("status")

    def modem(self, name: str) -> dict[str, Any]:
        """One modem of the status document."""
        return next(modem for modem in self.status()["modems"] if modem["name"] == name)

    def ready(self, count: int, seconds: float = 20.0) -> None:
        """Wait until so many modems may send."""
        until(
            lambda: sum(modem["state"] in ("ready", "sending") for modem in self.status()["modems"]) >= count, seconds
        )

    # --- what it must never have done --------------------------------------------------------------------------

    def check(self) -> None:
        """No unexpected error; nothing private in any output, in the clear in its files, or anywhere outside."""
        for path in self.outputs:
            content = path.read_text("utf-8")
            mishap = MISHAPS.search(content)
            assert mishap is None, f"{path.name}: {content[max(0, mishap.start() - 200) :][:1000]}"
        for path in [*self.outputs, *(file for file in self.state_dir.glob("*") if file.is_file())]:
            found = self.private.found_in(path.read_bytes())
            assert not found, f"{path.name} holds a private {' and a '.join(sorted(found))}"
        leaks = self.watch.leaks()
        assert not leaks, leaks


def cli(*words: str, state_dir: Path | None = None, stdin: str = "") -> Ended:
    """Run `modemd` with these words to its end."""
    command = [str(COMMAND), *words, *(["--state-dir", str(state_dir)] if state_dir else [])]
    started = time.monotonic()
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    return Ended(done.returncode, time.monotonic() - started, done.stdout, done.stderr)


def one_line_with_cure(ended: Ended) -> str:
    """The one line in which a command that failed says what is wrong and, after a colon, what to do."""
    lines = ended.err.splitlines()
    last = lines[-1]
    assert last.startswith("modemd: "), ended.err
    assert ": " in last.removeprefix("modemd: "), f"no cure: {last}"
    assert "Traceback" not in ended.err
    return last


def befall(bank: BankProcess, modem: int | str, fault: str, **settings: Any) -> None:
    """Let a fault befall a modem of a bank, or ``all``; `hw-sim faults` lists them."""
    name = modem if isinstance(modem, str) else f"modem{modem}"
    ask(bank.folder, {"verb": "fault", "modem": name, "fault": {"name": fault, **settings}})


def look(bank: BankProcess, modem: int) -> dict[str, Any]:
    """What is inside a modem of a bank: phase, registration, storages."""
    [seen] = ask(bank.folder, {"verb": "look", "modem": f"modem{modem}"})
    return dict(seen)


# --- the air ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message on one phone, all its segments together."""

    to: str
    text: str
    modem: int


def arrived(entries: Iterable[AirEntry]) -> list[Arrived]:
    """What the phones have, each complete message as often as it came."""
    phones: dict[tuple[str, int, int | None, int], dict[int, AirEntry]] = defaultdict(dict)
    found: list[Arrived] = []
    for entry in entries:
        if entry.outcome == AirOutcome.REJECTED:
            continue
        segments = phones[entry.to, entry.modem, entry.ref, entry.parts]
        segments[entry.part] = entry
        if len(segments) == entry.parts:
            whole = "".join(segments[part].text for part in sorted(segments))
            segments.clear()
            found.append(Arrived(entry.to, whole, entry.modem))
    return found


def on_air(entries: Iterable[AirEntry]) -> Counter[tuple[str, int]]:
    """How often the network took each (recipient, segment)."""
    return Counter((entry.to, entry.part) for entry in entries if entry.outcome != AirOutcome.REJECTED)


def numbers(count: int, first: int = 0) -> list[str]:
    """Different mobile numbers."""
    return [f"+48600{100000 + first + place:06}" for place in range(count)]


def told(log: str, event: str) -> list[dict[str, str]]:
    """The events of a name in a log, each with its fields."""
    lines = (line.split(f" {event} ", 1)[1] for line in log.splitlines() if f" {event} " in line + " ")
    return [dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line)) for line in lines]


def as_json(text: str) -> dict[str, Any]:
    """A document that a command printed."""
    return dict(json.loads(text))
