"""Which USB devices are modems, on which interface they answer AT, and which need something first (devices.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from modemd.pool.usb import UsbPort

HUAWEI = 0x12D1
_PCUI, _MODEM = 0x02, 0x01
"""bInterfaceProtocol of Huawei's ports under class ff, subclass 01 or 02 (ModemManager); 05, 14 and others are GPS."""


@dataclass(frozen=True)
class NotYet:
    """Why a device has no AT port as it is, and what to do."""

    why: str
    cure: str


@dataclass(frozen=True)
class UsbIds:
    """The table."""

    makers: frozenset[int]
    interfaces: Mapping[tuple[int, int], Sequence[int]]
    not_yet: Mapping[tuple[int, int], NotYet]

    def is_modem(self, vendor: int, product: int) -> bool:
        """Whether to try this device at all."""
        return vendor in self.makers or (vendor, product) in self.interfaces

    def candidates(self, ports: Iterable[tuple[str, UsbPort]]) -> list[str]:
        """The ports of one device that may answer AT, the likeliest first."""
        found = list(ports)
        if not found:
            return []
        known = self.interfaces.get((found[0][1].vendor, found[0][1].product))
        if known is not None:
            numbered = {port.interface: path for path, port in found}
            return [numbered[number] for number in known if number in numbered]
        if found[0][1].vendor == HUAWEI and any(port.kind[0] == 0xFF for _, port in found):
            return _by_descriptor(found)
        return [path for path, _ in sorted(found, key=lambda each: each[1].interface)]


def _by_descriptor(ports: Iterable[tuple[str, UsbPort]]) -> list[str]:
    """Huawei's descriptors tell the ports apart whatever the product id: PCUI first, then the modem port."""
    usable = [
        (path, port.kind[2]) for path, port in ports if port.kind[1] in {1, 2} and port.kind[2] in {_PCUI, _MODEM}
    ]
    return [path for path, _ in sorted(usable, key=lambda each: each[1], reverse=True)]


@cache
def load() -> UsbIds:
    """Read the packaged table."""
    document = tomllib.loads(resources.files("modemd.pool").joinpath("devices.toml").read_text(encoding="utf-8"))
    return UsbIds(
        frozenset(int(maker, 16) for maker in document["makers"]),
        {_id(name): row["at"] for row in document["device"] for name in row["ids"]},
        {_id(name): NotYet(row["why"], row["cure"]) for row in document["not_yet"] for name in row["ids"]},
    )


def _id(name: str) -> tuple[int, int]:
    vendor, _, product = name.partition(":")
    return int(vendor, 16), int(product, 16)
