"""A bank as a process: real ptys, a host that comes, goes and dies."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import tty
from pathlib import Path

import pytest
from hw_sim.pytest_plugin import StartBank
from sim_host import HELLO

CMGS = b"AT+CMGS=18\r"


def open_port(path: str) -> int:
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(port)
    return port


def read_until(port: int, end: bytes, timeout: float = 10.0) -> bytes:
    deadline = time.monotonic() + timeout
    said = b""
    while not said.endswith(end):
        assert select.select([port], [], [], deadline - time.monotonic())[0], f"only {said!r}"
        said += os.read(port, 4096)
    return said


def send(port: int) -> bytes:
    os.write(port, CMGS)
    read_until(port, b"> ")
    os.write(port, HELLO + b"\x1a")
    return read_until(port, b"OK\r\n")


def test_every_modem_answers_on_its_link_and_echoes_with_a_doubled_cr(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank(modems=3)
    for path in bank.ports:
        port = open_port(path)
        os.write(port, b"AT+CMEE=1\r")
        assert read_until(port, b"OK\r\n") == b"AT+CMEE=1\r\r\nOK\r\n"
        os.close(port)


def test_a_message_is_one_line_of_the_air_log_with_exactly_the_promised_fields(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank("--air", "0.1", modems=1)
    port = open_port(bank.ports[0])
    before = time.time()
    assert send(port).endswith(b"\r\n+CMGS: 0\r\n\r\nOK\r\n")
    line = json.loads(bank.air_log.read_text().splitlines()[0])
    assert list(line) == [
        *("t", "modem", "mr", "to", "text", "part", "parts", "ref", "started", "ended", "outcome", "cause"),
    ]
    assert line | {"t": 0, "started": 0, "ended": 0} == {
        **{"t": 0, "modem": 0, "mr": 0, "to": "+48501234567", "text": "hello", "part": 1, "parts": 1, "ref": None},
        **{"started": 0, "ended": 0, "outcome": "accepted", "cause": None},
    }
    assert before <= line["started"] <= line["ended"] <= time.time()
    assert line["ended"] - line["started"] >= 0.1


def test_a_message_on_the_air_survives_the_death_of_its_host_and_the_next_host_reads_the_answer(
    hw_sim_bank: StartBank,
) -> None:
    bank = hw_sim_bank("--air", "0.5", modems=1)
    victim = f"""
import os, signal, tty
port = os.open({bank.ports[0]!r}, os.O_RDWR)
tty.setraw(port)
os.write(port, b"ATE0\\rAT+CMGS=18\\r")
while b"> " not in os.read(port, 100):
    pass
os.write(port, {HELLO!r} + b"\\x1a")
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", victim], check=False)
    port = open_port(bank.ports[0])
    assert read_until(port, b"OK\r\n").endswith(b"+CMGS: 0\r\n\r\nOK\r\n")
    assert [entry.outcome for entry in bank.wait_for_air(1)] == ["accepted"]


def test_an_exclusive_lock_does_not_outlive_the_host_that_took_it(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank(modems=1)
    path = os.path.realpath(bank.ports[0])
    taker = f"import fcntl, os, termios; p = os.open({path!r}, os.O_RDWR); fcntl.ioctl(p, termios.TIOCEXCL)"
    subprocess.run([sys.executable, "-c", taker], check=True)
    port = open_port(path)
    os.write(port, b"AT\r")
    read_until(port, b"OK\r\n")  # the bank has turned its loop since the close
    os.close(port)
    opener = f"""
import os
if os.getuid() == 0:  # root may open what is locked
    os.chmod({path!r}, 0o666)
    os.setuid(65534)
os.open({path!r}, os.O_RDWR)
"""
    assert subprocess.run([sys.executable, "-c", opener], check=False).returncode == 0


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_and_takes_its_links_away(hw_sim_bank: StartBank, name: signal.Signals) -> None:
    bank = hw_sim_bank(modems=2)
    began = time.monotonic()
    os.kill(bank.pid, name)
    assert bank.wait() == 0
    assert time.monotonic() - began < 2
    assert list(bank.folder.iterdir()) == []


def test_links_left_by_a_killed_bank_are_replaced(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank(modems=1)
    bank.kill()
    assert Path(bank.ports[0]).is_symlink()
    bank.start()
    port = open_port(bank.ports[0])
    os.write(port, b"AT\r")
    read_until(port, b"OK\r\n")


def test_cmms_shortens_the_air_time_of_messages_that_follow_in_time(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank("--air", "0.2", "--cmms-air", "0.05", modems=1)
    port = open_port(bank.ports[0])
    os.write(port, b"AT+CMMS=2\r")
    read_until(port, b"OK\r\n")
    for _ in range(3):
        send(port)
    first, *others = [entry.ended - entry.started for entry in bank.air()]
    assert first >= 0.2
    assert all(0.05 <= seconds < 0.2 for seconds in others)


def test_a_thousand_modems_run_in_one_process(hw_sim_bank: StartBank) -> None:
    bank = hw_sim_bank("--air", "0", modems=1000)
    for path in bank.ports[::111]:
        port = open_port(path)
        assert b"+CMGS: 0" in send(port)
        os.close(port)
