"""A bus of USB devices that a test plugs and unplugs: a sysfs of our own making, over real ports."""

from __future__ import annotations

import shutil
from pathlib import Path

from modemd.pool import Discovery

CONTROLLER = "devices/pci0000:00/0000:00:14.0"


class Bus:
    """What the kernel shows of USB devices, below a folder that stands for ``/``."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        """Its place of sys and dev: the setting ``[modems] root``."""
        self.sysfs = folder / "sys"
        self.dev = folder / "dev"
        self._plugged = 1
        self.dev.mkdir(parents=True)
        (self.sysfs / "class" / "tty").mkdir(parents=True)
        (self.sysfs / "bus" / "usb" / "devices").mkdir(parents=True)
        (self.sysfs / "bus" / "pci").mkdir()
        (self.sysfs / CONTROLLER / "usb1").mkdir(parents=True)
        self._belongs_to(self.sysfs / CONTROLLER, "pci")
        self._belongs_to(self.sysfs / CONTROLLER / "usb1", "usb")

    def plug(self, place: str, usb_id: str, ports: dict[int, tuple[str, str]], kind: str = "ff:00:00") -> None:
        """A device at a place of the bus: ``{interface: (tty name, path of the real port)}``."""
        vendor, _, product = usb_id.partition(":")
        device = self._device(place)
        device.mkdir()
        self._belongs_to(device, "usb")
        self._plugged += 1
        (device / "devnum").write_text(f"{self._plugged}\n")
        (device / "idVendor").write_text(f"{vendor}\n")
        (device / "idProduct").write_text(f"{product}\n")
        (self.sysfs / "bus" / "usb" / "devices" / place).symlink_to(device)
        for number, (name, real) in ports.items():
            interface = device / f"{place}:1.{number}"
            (interface / name).mkdir(parents=True)
            self._belongs_to(interface, "usb")
            (interface / "bInterfaceNumber").write_text(f"{number:02x}\n")
            entry = self.sysfs / "class" / "tty" / name
            entry.mkdir()
            (entry / "device").symlink_to(interface / name)
            self.describe(name, kind)
            (self.dev / name).symlink_to(real)

    def describe(self, name: str, kind: str) -> None:
        """Another interface descriptor for one tty."""
        interface = (self.sysfs / "class" / "tty" / name / "device").resolve().parent
        for field, value in zip(("Class", "SubClass", "Protocol"), kind.split(":"), strict=True):
            (interface / f"bInterface{field}").write_text(f"{value}\n")

    def unplug(self, place: str) -> None:
        """Take a device and its ttys away."""
        for entry in list((self.sysfs / "class" / "tty").iterdir()):
            if self._device(place) in (entry / "device").resolve().parents:
                shutil.rmtree(entry)
                (self.dev / entry.name).unlink()
        (self.sysfs / "bus" / "usb" / "devices" / place).unlink()
        shutil.rmtree(self._device(place))

    def discovery(self, patterns: tuple[str, ...] = ()) -> Discovery:
        """Looks at this bus."""
        return Discovery(patterns, sysfs=self.sysfs, dev=self.dev)

    def _device(self, place: str) -> Path:
        return self.sysfs / CONTROLLER / "usb1" / place

    def _belongs_to(self, folder: Path, subsystem: str) -> None:
        (folder / "subsystem").symlink_to(self.sysfs / "bus" / subsystem)
