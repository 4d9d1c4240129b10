"""One SIM: who it is, its PIN, its message reference counter, its storages (TS 31.101, TS 31.102)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hw_sim.storage import Storage


class PinState(StrEnum):
    """What +CPIN? says (TS 27.007 8.3)."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    BLOCKED = "SIM BLOCKED"
    """No answer of +CPIN?: after ten wrong PUKs the SIM is dead (CME 13)."""
    ABSENT = "NOT INSERTED"
    """No answer of +CPIN?: there is no SIM (CME 10)."""


PIN_TRIES, PUK_TRIES = 3, 10


@dataclass
class SimCard:
    """A SIM card; it keeps its counters and records when the modem loses power."""

    imsi: str
    iccid: str
    msisdn: str
    smsc: str = "+48601000310"
    pin: str = "1234"
    puk: str = "12345678"
    pin_enabled: bool = False
    pin_tries: int = PIN_TRIES
    puk_tries: int = PUK_TRIES
    last_mr: int = 255
    """TP-MR of the last message sent (EF_SMSS); the next one is one more, modulo 256."""
    records: Storage = field(default_factory=lambda: Storage("SM", 50))
    inserted: bool = True
    verified: bool = False
    """The PIN was entered since power came on."""

    @classmethod
    def numbered(cls, index: int) -> SimCard:
        """Make the SIM of the index-th modem of a bank; its numbers are invented, check digits right."""
        iccid = f"894801{index:012d}"
        return cls(imsi=f"26001{index:010d}", iccid=iccid + luhn(iccid), msisdn=f"+48700{index:06d}")

    @property
    def pin_state(self) -> PinState:
        """What stands between the host and this SIM."""
        if not self.inserted:
            return PinState.ABSENT
        if self.puk_tries == 0:
            return PinState.BLOCKED
        if self.pin_tries == 0:
            return PinState.PUK
        return PinState.PIN if self.pin_enabled and not self.verified else PinState.READY

    def power_on(self) -> None:
        """Forget that a PIN was entered."""
        self.verified = False

    def verify_pin(self, pin: str) -> bool:
        """Check a PIN; a wrong one costs a try, the third blocks the PIN."""
        if self.pin_tries == 0:
            return False
        if pin != self.pin:
            self.pin_tries -= 1
            return False
        self.pin_tries = PIN_TRIES
        self.verified = True
        return True

    def unblock(self, puk: str, new_pin: str) -> bool:
        """Set a new PIN by the PUK; the tenth wrong PUK destroys the SIM."""
        if self.puk_tries == 0:
            return False
        if puk != self.puk:
            self.puk_tries -= 1
            return False
        self.pin, self.pin_tries, self.puk_tries, self.verified = new_pin, PIN_TRIES, PUK_TRIES, True
        return True

    def next_mr(self) -> int:
        """Count up the message reference and give it (TS 23.040 9.2.3.6)."""
        self.last_mr = (self.last_mr + 1) % 256
        return self.last_mr


def luhn(digits: str) -> str:
    """Give the check digit of an IMEI or ICCID."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
