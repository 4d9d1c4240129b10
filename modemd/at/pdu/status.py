"""TP-Status: what a status report says has become of a message (TS 23.040 9.2.3.15)."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Delivery(StrEnum):
    """What to make of a status."""

    DELIVERED = "delivered"
    """The recipient's phone has it."""
    UNCONFIRMED = "unconfirmed"
    """The service centre is done with it and cannot say whether it arrived."""
    PENDING = "pending"
    """The service centre keeps trying; another report will come."""
    EXPIRED = "expired"
    """The validity period ran out."""
    UNDELIVERED = "undelivered"
    """The service centre has given up."""


class Status(NamedTuple):
    """One TP-Status, read."""

    delivery: Delivery
    words: str


_CAUSES = (
    "congestion",
    "the phone is busy",
    "no response from the phone",
    "service rejected",
    "quality of service not available",
    "error in the phone",
)
_PERMANENT = (
    "remote procedure error",
    "incompatible destination",
    "connection rejected by the phone",
    "not obtainable",
    "quality of service not available",
    "no interworking available",
    "the validity period has run out",
    "deleted by the sender",
    "deleted by the service centre",
    "the service centre does not know the message",
)
_DONE = ("delivered to the phone", "forwarded, delivery cannot be confirmed", "replaced by a newer message")
_EXPIRED = 0x46


def meaning(status: int) -> Status:
    """What a TP-Status of 0-255 means; reserved values as the standard says to take them."""
    if status < 0x20:
        delivery = Delivery.UNCONFIRMED if status else Delivery.DELIVERED
        return Status(delivery, _words(_DONE, status, "the service centre is done with it"))
    if status < 0x40:
        words = _words(_CAUSES, status - 0x20, "not delivered yet")
        return Status(Delivery.PENDING, f"{words}; the service centre keeps trying")
    if status < 0x60:
        delivery = Delivery.EXPIRED if status == _EXPIRED else Delivery.UNDELIVERED
        return Status(delivery, _words(_PERMANENT, status - 0x40, "not deliverable"))
    # 80h and above are reserved and taken as 63h
    words = _words(_CAUSES, 3 if status >= 0x80 else status - 0x60, "not delivered")
    return Status(Delivery.UNDELIVERED, f"{words}; the service centre has given up")


def _words(known: tuple[str, ...], index: int, otherwise: str) -> str:
    return known[index] if index < len(known) else otherwise
