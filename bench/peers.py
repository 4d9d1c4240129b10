"""Other people's gateways and modemd on the same simulated bank, in the same run, each with its best settings.

    python -m bench peers [--messages 80] [--modems 4] [--air 0.5] [--zero]

gammu-smsd, smstools and kannel come from Debian's packages (tests/hw_sim/install-peers.sh); what is not installed is
left out and named. --zero measures at zero air time what the software itself costs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.rig import Bank, bank, daemon, gaps_ms, percentile, report, span_s

TEXT = "Hello from the bench"
Submit = Callable[[list[str]], None]
Gateway = tuple[Submit, Callable[[], float]]
"""Hands numbers to a running gateway; the processor seconds that it has used."""


def cpu_s(*processes: subprocess.Popen[bytes]) -> float:
    """Processor seconds of processes and their children."""
    pids = {process.pid for process in processes}
    total = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            if int(entry.parent.name) in pids or int(fields[1]) in pids:
                total += sum(map(int, fields[11:15]))
    return total / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon, ended for good afterwards."""
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def smstools(folder: Path, ports: list[str]) -> Iterator[Gateway]:
    """smstools, sending only, with every setting by which its manual speeds up spooling."""
    spools = {name: folder / name for name in ("outgoing", "checked", "incoming", "sent", "failed", "report", "stats")}
    for spool in spools.values():
        spool.mkdir()
    names = [f"SIM{number}" for number in range(len(ports))]
    lines = [f"devices = {','.join(names)}", *(f"{name} = {spool}" for name, spool in spools.items())]
    lines += [f"logfile = {folder}/log", f"infofile = {folder}/info", f"pidfile = {folder}/pid", "delaytime = 1"]
    lines += [
        "trust_outgoing = yes",
        "ignore_outgoing_priority = yes",
        "spool_directory_order = yes",
    ]  # else 1 s a file
    for name, port in zip(names, ports, strict=True):
        lines += [f"[{name}]", f"device = {port}", "incoming = no", "detect_unexpected_input = no", "poll_faster = 100"]
    (folder / "smsd.conf").write_text("\n".join(lines) + "\n")

    def submit(numbers: list[str]) -> None:
        for number in numbers:
            draft = folder / number
            draft.write_text(f"To: {number[1:]}\n\n{TEXT}")
            draft.rename(spools["outgoing"] / number)

    with running(folder, "smsd", f"-c{folder}/smsd.conf", "-t") as process:
        yield submit, lambda: cpu_s(process)


@contextlib.contextmanager
def gammu_smsd(folder: Path, ports: list[str]) -> Iterator[Gateway]:
    """gammu-smsd, one daemon a modem, the messages dealt out evenly."""
    with contextlib.ExitStack() as stack:
        processes = []
        for place, port in enumerate(ports):
            home = folder / str(place)
            for name in ("inbox", "outbox", "sentsms", "errorsms"):
                (home / name).mkdir(parents=True)
            paths = "\n".join(f"{name}path = {home}/{name}/" for name in ("inbox", "outbox", "sentsms", "errorsms"))
            (home / "smsdrc").write_text(
                f"[gammu]\ndevice = {port}\nconnection = at\n[smsd]\nservice = files\nlogfile = {home}/log\n{paths}\n"
                "loopsleep = 1\ncommtimeout = 1\nreceivefrequency = 0\nstatusfrequency = 0\nchecksecurity = 0\n"
                "checkbattery = 0\nchecksignal = 0\n"
            )
            processes.append(stack.enter_context(running(home, "gammu-smsd", "-c", f"{home}/smsdrc")))

        def submit(numbers: list[str]) -> None:
            for place, number in enumerate(numbers):
                box = folder / str(place % len(ports)) / "outbox"
                draft = folder / number
                draft.write_bytes(TEXT.encode())
                draft.rename(box / f"OUTA20261122_120000_{place:05d}_{number}_x.txt")

        yield submit, lambda: cpu_s(*processes)


@contextlib.contextmanager
def kannel(folder: Path, ports: list[str]) -> Iterator[Gateway]:
    """kannel with a spool store, short sleeps and CMMS."""
    admin, box, http = (_free_port() for _ in range(3))
    (folder / "store").mkdir()
    config = (
        f"group = core\nadmin-port = {admin}\nsmsbox-port = {box}\nadmin-password = x\nbox-allow-ip = 127.0.0.1\n"
        f"store-type = spool\nstore-location = {folder}/store\nlog-file = {folder}/bearer.log\nlog-level = 4\n\n"
        "group = modems\nid = generic\nname = generic\nenable-mms = true\nsendline-sleep = 1\n\n"
        f"group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {http}\nglobal-sender = 000\n"
        f"log-file = {folder}/smsbox.log\nlog-level = 4\n\n"
        "group = sendsms-user\nusername = u\npassword = p\nmax-messages = 10\n\n"
        "group = sms-service\nkeyword = default\nmax-messages = 0\ntext = x\n\n"
    )
    for place, port in enumerate(ports):
        config += (
            f"group = smsc\nsmsc = at\nsmsc-id = sim{place}\nmodemtype = generic\ndevice = {port}\nspeed = 115200\n\n"
        )
    (folder / "kannel.conf").write_text(config)

    def submit(numbers: list[str]) -> None:
        for number in numbers:
            words = urllib.parse.urlencode({"username": "u", "password": "p", "to": number, "text": TEXT})
            urllib.request.urlopen(f"http://127.0.0.1:{http}/cgi-bin/sendsms?{words}", timeout=10).close()

    with running(folder, "bearerbox", f"{folder}/kannel.conf") as bearer:
        _until_listening(box)
        with running(folder, "smsbox", f"{folder}/kannel.conf") as smsbox:
            _until_listening(http)
            yield submit, lambda: cpu_s(bearer, smsbox)


@contextlib.contextmanager
def modemd(folder: Path, ports: list[str]) -> Iterator[Gateway]:
    """Ours."""
    with daemon(folder, ports) as gateway:

        def submit(numbers: list[str]) -> None:
            gateway.post({"to": numbers, "text": TEXT})

        yield submit, gateway.cpu_s


@contextlib.contextmanager
def trivial(folder: Path, ports: list[str]) -> Iterator[Gateway]:
    """The trivial client: the practical limit."""
    before = os.times()

    def submit(numbers: list[str]) -> None:
        command = [sys.executable, "-m", "bench.trivial_client", str(len(numbers)), *ports]
        subprocess.run(command, check=True, capture_output=True)

    def used() -> float:
        now = os.times()
        return now.children_user + now.children_system - before.children_user - before.children_system

    yield submit, used


GATEWAYS: dict[str, tuple[Callable[[Path, list[str]], Any], str]] = {
    "trivial": (trivial, sys.executable),
    "modemd": (modemd, sys.executable),
    "smstools": (smstools, "smsd"),
    "gammu-smsd": (gammu_smsd, "gammu-smsd"),
    "kannel": (kannel, "bearerbox"),
}


SLOW, FEW = {"gammu-smsd", "kannel"}, 40
"""Those that sleep between messages whatever the air time: at zero air time they are given so few."""


def measure(folder: Path, name: str, modems: int, air_s: float, messages: int, settle_s: float) -> dict[str, Any]:
    """One gateway on a bank of its own."""
    make, _ = GATEWAYS[name]
    folder.mkdir()
    with bank(folder / "bank", modems, air_s) as each:
        home = folder / "home"
        home.mkdir()
        with make(home, each.ports) as (submit, used):
            time.sleep(settle_s)  # peers say in no way when their modems are ready
            before = used()
            submit([f"+48601{number:06d}" for number in range(messages)])
            sent = _sent(each, messages)
            cpu = used() - before
    gaps = gaps_ms(sent)
    return {
        f"{name}_s": span_s(sent),
        f"{name}_sent": len(sent),
        f"{name}_msg_per_s": len(sent) / span_s(sent),
        f"{name}_gap_p50_ms": percentile(gaps, 0.5),
        f"{name}_cpu_s_per_1000": 1000 * cpu / len(sent),
    }


def _sent(each: Bank, messages: int) -> list[dict[str, Any]]:
    with contextlib.suppress(TimeoutError):
        return each.wait_for(messages, 240)
    return each.messages()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _until_listening(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("kannel does not listen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, help="by default 80, with --zero 2,000")
    parser.add_argument("--modems", type=int, default=4)
    parser.add_argument("--air", type=float, default=0.5)
    parser.add_argument("--zero", action="store_true", help="zero air time")
    options = parser.parse_args()
    air_s = 0.0 if options.zero else options.air
    messages = options.messages or (2000 if options.zero else 80)
    rows: dict[str, Any] = {"modems": options.modems, "air_s": air_s, "messages": messages}
    with tempfile.TemporaryDirectory(prefix="modemd-bench-") as folder:
        for name, (_, program) in GATEWAYS.items():
            if shutil.which(program) is None:
                print(f"  {name} is left out: {program} is not installed")
                continue
            some = min(messages, FEW) if options.zero and name in SLOW else messages
            rows |= measure(Path(folder) / name, name, options.modems, air_s, some, settle_s=6.0)
    for name in GATEWAYS:
        if f"{name}_s" in rows and name != "modemd":
            rows[f"modemd_faster_than_{name}"] = rows["modemd_msg_per_s"] / rows[f"{name}_msg_per_s"]
    report("peers", rows)


if __name__ == "__main__":
    main()
