"""Finds the USB device behind a port in sysfs, and re-authorises it: the kernel's own unplug and replug.

Everything here blocks for milliseconds at most, and is called in a thread. ``root`` is ``/sys``.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys")
OFF_S = 1.0
"""Between authorized 0 and 1: long enough for the stick's own power-down handling to see the suspend."""


@dataclass(frozen=True)
class UsbPort:
    """Where a tty hangs on the bus."""

    device: Path
    """The device's folder in sysfs."""
    vendor: int
    product: int
    interface: int
    """bInterfaceNumber; sysfs writes it as two hex digits."""
    kind: tuple[int, int, int]
    """bInterfaceClass, SubClass, Protocol: what tells Huawei's ports apart."""
    number: int
    """devnum: the kernel counts it up at each plug-in."""

    @property
    def place(self) -> str:
        """Bus and ports, such as ``1-1.4``: the same as long as it stays in the same socket."""
        return self.device.name


def usb_port(path: str, root: Path = SYSFS) -> UsbPort | None:
    """The USB side of a tty, None for anything else."""
    names = (Path(path).name, Path(os.path.realpath(path)).name)  # ttyUSB2 itself, or a link such as by-path makes
    ttys = (root / "class" / "tty" / name / "device" for name in names)
    folder = next((Path(os.path.realpath(tty)) for tty in ttys if tty.exists()), None)
    interface = None
    while folder is not None and folder != folder.parent:
        if interface is None and (folder / "bInterfaceNumber").exists():
            interface = folder
        if (folder / "idVendor").exists():
            return _usb_port(folder, interface)
        folder = folder.parent
    return None


def id_path(device: Path) -> str | None:
    """The place of a USB device as udev's ID_PATH says it (systemd's udev-builtin-path_id.c), which the rules go by.

    Unlike the kernel's name it stays when buses are numbered anew: ``pci-0000:00:14.0-usb-0:1.4``. None where the
    device hangs on no bus that udev knows.
    """
    parts = [f"usb-0:{device.name.partition('-')[2]}"]
    controllers: set[str] = set()
    for folder in device.parents:
        subsystem = Path(os.path.realpath(folder / "subsystem")).name if (folder / "subsystem").exists() else ""
        if subsystem in {"pci", "platform"} and subsystem not in controllers:
            controllers.add(subsystem)
            parts.insert(0, f"{subsystem}-{folder.name}")
    return "-".join(parts) if controllers else None


def may_reauthorise(port: UsbPort) -> bool:
    """Whether this process may take the device from its driver."""
    return os.access(port.device / "authorized", os.W_OK)


def reauthorise(port: UsbPort) -> None:
    """Take the device from its driver and give it back; raises OSError. Blocks for about a second."""
    switch = port.device / "authorized"
    switch.write_text("0")
    time.sleep(OFF_S)
    switch.write_text("1")


def _usb_port(device: Path, interface: Path | None) -> UsbPort:
    def read(folder: Path | None, name: str) -> int:
        try:
            return int((folder / name).read_text().strip(), 16) if folder else -1
        except (OSError, ValueError):
            return -1

    return UsbPort(
        device,
        read(device, "idVendor"),
        read(device, "idProduct"),
        read(interface, "bInterfaceNumber"),
        (
            read(interface, "bInterfaceClass"),
            read(interface, "bInterfaceSubClass"),
            read(interface, "bInterfaceProtocol"),
        ),
        read(device, "devnum"),
    )
