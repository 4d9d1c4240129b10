"""Who holds a port: read from /proc, told with the one line that makes him let go."""

from __future__ import annotations

import os

_CURES = {
    "ModemManager": "keep it off this modem with a udev rule: modemd install, then systemctl restart ModemManager",
    "brltty": "it takes USB serial adapters for braille displays: apt remove brltty, or mask its udev rule",
    "gpsd": "take the port out of /etc/default/gpsd",
    "gammu-smsd": "stop it: systemctl stop gammu-smsd",
    "smsd": "stop it: systemctl stop smstools",
    "pppd": "end its connection, or use the modem's other port",
    "agetty": "stop the login on this port: systemctl stop serial-getty@PORT",
}


def holder_of(path: str) -> str | None:
    """``program (pid n)`` that has ``path`` open; None where nobody else has, or /proc does not show it."""
    try:
        device = os.stat(path).st_rdev
    except OSError:
        return None
    if not device:  # no device file
        return None
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) != os.getpid() and _holds(pid, device):
            return f"{_name(pid)} (pid {pid})"
    return None


def cure_for(holder: str | None) -> str:
    """What to do so that ``holder`` lets the port go."""
    if holder is None:
        return "find it with: fuser -v PORT"
    program = holder.rpartition(" (pid")[0]
    return _CURES.get(program, f"stop {program}, or take the port from its configuration")


def _holds(pid: str, device: int) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        descriptors = os.listdir(folder)
    except OSError:  # ended meanwhile, or not ours to see
        return False
    return any(_device(f"{folder}/{descriptor}") == device for descriptor in descriptors)


def _device(descriptor: str) -> int:
    try:
        return os.stat(descriptor).st_rdev
    except OSError:
        return -1


def _name(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as name:
            return name.read().strip()
    except OSError:
        return "a program"
