"""A modem and the ports it shows: plugged in, pulled out, and back at the same path or another."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from hw_sim.clock import Clock
from hw_sim.inotify import Inotify
from hw_sim.modem import Modem
from hw_sim.ports import PtyPort, TcpPort
from hw_sim.second_port import SecondPort

NMEA = b"$GPGSV,1,1,00*79\r\n$GPRMC,,V,,,,,,,,,,N*53\r\n"
"""What a GPS port without a view of the sky says."""
NMEA_SECONDS = 1.0


class Device:
    """One USB device, or one modem on a TCP port.

    Its usable port is ``modemN``; if all its interfaces are shown, they are ``modemN.if00``, ``modemN.if01`` … beside
    it, the usable one among them.
    """

    def __init__(
        self,
        modem: Modem,
        folder: Path,
        *,
        clock: Clock,
        watcher: Inotify,
        loop: asyncio.AbstractEventLoop,
        all_ports: bool = False,
    ) -> None:
        self.modem = modem
        self._folder = folder
        self._clock = clock
        self._watcher = watcher
        self._loop = loop
        self._all_ports = all_ports
        self._name = f"modem{modem.index}"
        self._ports: list[PtyPort] = []
        self._tcp: TcpPort | None = None
        modem.unplug, modem.plug_in = self.unplug, self.plug_in

    @property
    def path(self) -> Path:
        """Where the usable port is, or was when the device was in."""
        return self._folder / self._name

    def open(self) -> None:
        """Be there from the beginning, the modem long since on."""
        self._show_ports()
        self.modem.start()

    async def listen(self, port: int) -> None:
        """Be there on a TCP port instead of a pty."""
        self._tcp = TcpPort("127.0.0.1", port)
        await self._tcp.open()
        self._tcp.received = self.modem.dialogue.feed
        self.modem.wire.connect(self._tcp.write)
        self.modem.start()

    def unplug(self) -> None:
        """Take the ports away and the power with them; on TCP the host loses its connection."""
        self.modem.power_off("unplug")
        if self._tcp is not None:
            self._tcp.drop()
            return
        self.close()

    def plug_in(self, other_path: bool = False) -> None:
        """Show the ports again and start up."""
        if self._tcp is None:
            if self._ports:
                return
            if other_path:
                self._name = self._free_name()
            self._show_ports()
        self.modem.power_on()

    def _free_name(self) -> str:
        """The next number that no modem has: how the kernel names a device whose old name is still held open."""
        number = self.modem.index + 1
        while (self._folder / f"modem{number}").is_symlink():
            number += 1
        return f"modem{number}"

    def _show_ports(self) -> None:
        usable = self._show(self.path, "at")
        if self._all_ports:
            for interface, role in enumerate(self.modem.traits.ports):
                link = self._folder / f"{self._name}.if{interface:02d}"
                if role == "at":
                    usable.also_at(link)
                else:
                    self._show(link, role)

    def _show(self, link: Path, role: str) -> PtyPort:
        port = PtyPort(self._loop, link, self._watcher)
        self._ports.append(port)
        if role == "at":
            port.received = self.modem.dialogue.feed
            self.modem.wire.connect(port.write)
        elif role == "second":
            second = SecondPort(self.modem).dialogue
            second.send, port.received = port.write, second.feed
        elif role == "parrot":
            port.received = partial(_parrot, port)
        elif role == "nmea":
            self._say_nmea(port)
        return port

    def _say_nmea(self, port: PtyPort) -> None:
        if port in self._ports:
            port.write(NMEA)
            self._clock.later(NMEA_SECONDS, partial(self._say_nmea, port))

    def close(self) -> None:
        """Take the ports away."""
        for port in self._ports:
            port.close()
        self._ports.clear()
        if self._tcp is not None:
            self._tcp.close()


def _parrot(port: PtyPort, data: bytes) -> None:
    """Say OK to every line, whatever it asks, as Sierra's APP ports do."""
    port.write(b"\r\nOK\r\n" * data.count(b"\r"))
