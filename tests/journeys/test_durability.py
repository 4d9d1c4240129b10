"""What is promised is on the disk first: seen from the kernel, by strace."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import until

STRACE = shutil.which("strace")
pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed: the order of system calls is not seen")

CALLS = "recvfrom,sendto,write,fdatasync,fsync"
SYNC = re.compile(r"f(data)?sync\(\d+<[^>]*-wal>\)? *(= 0|<unfinished)")
KINDS = {
    "request": re.compile(r'recvfrom\(.*"POST /v1/messages '),
    "202": re.compile(r'sendto\(.*"HTTP/1\.1 202'),
    "AT+CMGS": re.compile(r'write\(\d+<[^>]*>, "AT(?:\+CMGF=0;)?\+CMGS='),
    "Ctrl-Z": re.compile(r'write\(\d+<[^>]*>, "[0-9A-F]+\\32"'),
    "sync": SYNC,
}


@contextmanager
def traced(pid: int, log: Path) -> Iterator[None]:
    """Follow all threads of a process from now on."""
    command = [str(STRACE), "-f", "-y", "-s", "512", "-e", f"trace={CALLS}", "-o", str(log), "-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    attached = tracer.stderr.readline()
    if "attached" not in attached:
        tracer.wait(10)
        pytest.skip(f"strace may not attach here: {attached.strip()}")
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=10)


def happenings(log: str) -> list[str]:
    """What happened, in order: a ``sync`` stands where it was begun, a ``synced`` where it was over."""
    found: list[str] = []
    begun: set[str] = set()
    for line in log.splitlines():
        thread, _, call = line.partition(" ")
        if "sync resumed" in call and thread in begun:
            begun.discard(thread)
            found.append("synced" if call.rstrip().endswith("= 0") else "failed")
            continue
        kind = next((name for name, pattern in KINDS.items() if pattern.search(call)), None)
        if kind == "sync":
            found += ["sync"] if "<unfinished" in call else ["sync", "synced"]
            if "<unfinished" in call:
                begun.add(thread)
        elif kind is not None:
            found.append(kind)
    return found


def synced_between(seen: list[str], first: str, then: str) -> list[bool]:
    """For each ``then``: whether a sync was begun and over since the last ``first`` before it."""
    answers = []
    for place, what in enumerate(seen):
        if what == then:
            start = max((at for at in range(place) if seen[at] == first), default=place)
            since = seen[start:place]
            answers.append("sync" in since and "synced" in since[since.index("sync") :])
    return answers


def test_every_202_and_every_ctrl_z_comes_after_its_fdatasync(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    modemd = daemon(hw_sim_bank("--air", "0.05", modems=1))
    modemd.begin(1)
    log = tmp_path / "strace"
    with traced(modemd.pid, log):
        messages = [one for turn in range(5) for one in modemd.send(f"+4860011110{turn}", f"number {turn}")]
        messages += modemd.send([f"+48600222{turn:03}" for turn in range(300)][:300], "staged", if_uncertain="fail")
        messages += modemd.send("+48600111109", "three segments, one after the other " * 10)
        until(lambda: modemd.status()["totals"]["sent"] >= 20)
    seen = happenings(log.read_text("utf-8", "replace"))
    answers, submits = synced_between(seen, "request", "202"), synced_between(seen, "AT+CMGS", "Ctrl-Z")
    assert len(answers) == 7
    assert all(answers), "an fdatasync before each 202"
    assert len(submits) >= 20
    assert all(submits), "an fdatasync before each Ctrl-Z"


@pytest.mark.parametrize(
    ("log", "synced"),
    [
        ("1 AT\n2 S =\n1 Z", [True]),
        ("2 S =\n1 AT\n1 Z", [False]),
        ("1 AT\n2 S ...\n1 Z\n2 R", [False]),
        ("1 AT\n2 S ...\n2 R\n1 Z", [True]),
        ("2 S ...\n1 AT\n2 R\n1 Z", [False]),
    ],
)
def test_the_order_is_read_from_the_trace_as_it_was(log: str, synced: list[bool]) -> None:
    words = {
        "AT": 'write(9</dev/pts/1>, "AT+CMGS=19\\r", 11) = 11',
        "Z": 'write(9</dev/pts/1>, "0011000B91\\32", 11) = 11',
        "S =": "fdatasync(5</state/modemd.db-wal>) = 0",
        "S ...": "fdatasync(5</state/modemd.db-wal> <unfinished ...>",
        "R": "<... fdatasync resumed>) = 0",
    }
    lines = [line.partition(" ") for line in log.splitlines()]
    spelled = "\n".join(f"{thread} {words[word]}" for thread, _, word in lines)
    assert synced_between(happenings(spelled), "AT+CMGS", "Ctrl-Z") == synced
