"""Finds modems that are plugged in: the ports of each USB device, and ports that match a pattern.

Looks into sysfs, which is there with and without udev; udev's or the kernel's own events say when to look again, and
where neither can be had (a container without netlink) it looks every other second. It opens nothing.
"""

from __future__ import annotations

import asyncio
import glob
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from modemd import log
from modemd.at.serial import in_thread
from modemd.pool import usb, usb_ids
from modemd.pool.usb import SYSFS, UsbPort

LOOK_EVERY_S = 1.0
"""Without events; a stick needs longer than that to start, and a look takes a fraction of a millisecond."""
LOOK_ANYWAY_S = 3.0
"""With events: the kernel drops them when nobody reads fast enough, and in most containers none arrive."""
SETTLE_S = 0.3
"""A composite device shows its ports one after the other; udev sets their group meanwhile."""


@dataclass(frozen=True)
class Found:
    """One device, or one port that matched a pattern."""

    place: str
    """What stays the same while it is plugged in: bus and socket, or the port's path."""
    ports: tuple[str, ...]
    """Its candidates for AT, the likeliest first."""
    number: int = 0
    """Another one is another plug-in at the same place; 0 where it is not known."""


@dataclass(frozen=True)
class Finding:
    """A device that is a modem but cannot be used as it is."""

    place: str
    why: str
    cure: str


class Discovery:
    """What is plugged in; ``patterns`` are globs such as ``/dev/serial/by-path/*``, ``usb``: whether devices count."""

    def __init__(
        self, patterns: Sequence[str] = (), *, usb: bool = True, sysfs: Path = SYSFS, dev: Path = Path("/dev")
    ) -> None:
        self._patterns = patterns
        self._usb = usb
        self._sysfs = sysfs
        self._dev = dev
        self._ids = usb_ids.load()
        self._ports: dict[str, tuple[tuple[int, int], UsbPort | None]] = {}
        self._without_events = bool(patterns) or sysfs != SYSFS

    async def look(self, known: Sequence[str] = ()) -> list[Found]:
        """What there is now besides the ``known`` ports; in a thread, for sysfs may block on a device that is dying."""
        return await in_thread(lambda: self._look(known))

    async def findings(self) -> list[Finding]:
        """Devices that are modems without an AT port: HiLink, not yet switched."""
        return await in_thread(lambda: list(self._not_yet()))

    async def places(self) -> list[Path]:
        """The folders in sysfs of the USB devices that are modems with an AT port."""
        found = await in_thread(lambda: list(self._devices()))
        return [(self._sysfs / "bus" / "usb" / "devices" / each.place).resolve() for each, _ in found]

    async def changes(self) -> AsyncIterator[None]:
        """Yield at once, then whenever something may have been plugged in or out."""
        yield
        async with _events() as events:
            while True:
                if events is None:
                    await asyncio.sleep(LOOK_EVERY_S)
                else:
                    await _either(events, LOOK_EVERY_S if self._without_events else LOOK_ANYWAY_S)
                    await asyncio.sleep(SETTLE_S)
                yield

    def _look(self, known: Sequence[str]) -> list[Found]:
        taken = {os.path.realpath(path) for path in known}
        found = []
        for each, paths in (*self._devices(), *self._matches()):
            real = {os.path.realpath(path) for path in paths}
            if not real & taken:
                found.append(each)
            taken |= real
        return found

    def _devices(self) -> Iterable[tuple[Found, Sequence[str]]]:
        """Each with all its ttys: a device of which one is in use already, or matches a pattern, is not two modems."""
        devices: dict[str, list[tuple[str, UsbPort]]] = {}
        for path in self._ttys() if self._usb else ():
            port = self._port(path)
            if port is not None and self._ids.is_modem(port.vendor, port.product):
                devices.setdefault(port.place, []).append((path, port))
        for place, ports in sorted(devices.items()):
            candidates = self._ids.candidates(ports)
            if candidates:
                yield Found(place, tuple(candidates), ports[0][1].number), [path for path, _ in ports]

    def _port(self, path: str) -> UsbPort | None:
        """The USB side of a tty, read once: with 64 sticks of four ports each look would take 60 ms of processor."""
        try:
            entry = os.stat(self._sysfs / "class" / "tty" / Path(path).name)
        except OSError:  # gone meanwhile
            return None
        key = (entry.st_ino, entry.st_ctime_ns)  # sysfs makes a new folder at each plug-in
        if path not in self._ports or self._ports[path][0] != key:
            self._ports[path] = (key, usb.usb_port(path, self._sysfs))
        return self._ports[path][1]

    def _ttys(self) -> list[str]:
        folder = self._sysfs / "class" / "tty"
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        paths = (self._dev / name for name in names if name.startswith(("ttyUSB", "ttyACM")))
        return [str(path) for path in paths if path.exists()]

    def _matches(self) -> Iterable[tuple[Found, Sequence[str]]]:
        for pattern in self._patterns:
            for path in sorted(glob.glob(pattern)):
                if os.path.exists(path) and not os.path.isdir(path):
                    yield Found(path, (path,)), (path,)

    def _not_yet(self) -> Iterable[Finding]:
        folder = self._sysfs / "bus" / "usb" / "devices"
        for device in sorted(folder.iterdir()) if self._usb and folder.is_dir() else ():
            try:
                vendor, product = (int((device / name).read_text(), 16) for name in ("idVendor", "idProduct"))
            except (OSError, ValueError):
                continue
            reason = self._ids.not_yet.get((vendor, product))
            if reason is not None:
                yield Finding(device.name, reason.why, reason.cure)


async def _either(event: asyncio.Event, at_most_s: float | None) -> None:
    try:
        async with asyncio.timeout(at_most_s):
            await event.wait()
    except TimeoutError:
        return
    event.clear()


@asynccontextmanager
async def _events() -> AsyncIterator[asyncio.Event | None]:
    """An event that is set when a tty comes or goes; None where the kernel tells nobody."""
    try:
        import pyudev  # type: ignore[import-untyped]  # here because it needs libudev, which a container may lack

        monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="kernel")
        monitor.filter_by("tty")
        monitor.start()
    except (ImportError, OSError) as reason:
        log.failed("discovery.polls", reason, level="INFO", every_s=LOOK_EVERY_S)
        yield None
        return
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def readable() -> None:
        while monitor.poll(timeout=0) is not None:
            changed.set()

    loop.add_reader(monitor.fileno(), readable)
    try:
        yield changed
    finally:
        loop.remove_reader(monitor.fileno())
