"""The words all layers share: frozen, without behaviour beyond reading themselves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Lane(IntEnum):
    """Which kind of traffic a message belongs to; a smaller number goes first."""

    SYSTEM = 0
    """Passwords and codes of the service itself."""
    TRANSACTIONAL = 1
    """A message somebody waits for."""
    BULK = 2
    """Campaigns: after the others, but never starved."""


class Verdict(StrEnum):
    """What is known about one segment after an attempt to send it (design: outcomes after Ctrl-Z)."""

    ACCEPTED = "accepted"
    """The SMSC has it."""
    REFUSED = "refused"
    """It is proven that the SMSC has not accepted it."""
    UNCERTAIN = "uncertain"
    """Ctrl-Z was written and nothing proves either."""
    UNSENT = "unsent"
    """Ctrl-Z was never written: it may be tried again at no risk."""


class Fault(StrEnum):
    """Whose fault a refusal is; decides what happens next (at/codes.py holds the tables)."""

    MESSAGE = "message"
    """This number or this content: no other modem will do better."""
    NETWORK = "network"
    """Congestion, no service: later, on another modem."""
    SIM = "sim"
    """Credit, barring, memory of the SIM: another SIM, this one is taken in hand."""
    MODEM = "modem"
    """The device: another modem, this one is taken in hand."""
    DRIVER = "driver"
    """Our PDU or our state was wrong: the same octets are not sent again."""


@dataclass(frozen=True, slots=True)
class Sms:
    """One text to one number, as the user meant it."""

    to: str
    """E.164 with the plus sign, or the digits of a short code."""
    text: str
    flash: bool = False
    """Class 0: shown at once, not stored (TS 23.038 4)."""
    report: bool = False
    """Ask for a status report (TP-SRR)."""
    valid_for: int | None = None
    """Seconds the SMSC may keep trying (TP-VP, rounded down to what it can say); None leaves it to the SMSC."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One SMS-SUBMIT ready for AT+CMGS in PDU mode (TS 27.005 4.3)."""

    pdu: str
    """SCA and TPDU as upper-case hex."""
    length: int
    """Octets of the TPDU without the SCA: the parameter of AT+CMGS."""
    number: int = 1
    total: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one segment."""

    verdict: Verdict
    reference: int | None = None
    """TP-MR from +CMGS, 0–255, if accepted."""
    code: str = ""
    """Stable and short: ``cms-38``, ``cme-14``, ``error``, ``timeout``, ``port_lost``, ``reset``."""
    fault: Fault | None = None
    detail: str = ""
    """A sentence for the operator, without personal data."""


@dataclass(frozen=True, slots=True)
class Report:
    """One SMS-STATUS-REPORT (TS 23.040 9.2.2.3), as it came from a SIM."""

    sim: str
    reference: int
    """TP-MR of the SUBMIT it reports on."""
    recipient: str
    status: int
    """TP-Status, 0–255 (TS 23.040 9.2.3.15)."""
    accepted_at: int | None
    """Service centre time stamp: when the SC took the SUBMIT; microseconds since 1970, None if unreadable."""
    discharged_at: int | None


class Change(NamedTuple):
    """Something an account may want to hear of, told in the transaction that makes it so (``Transaction.tell``)."""

    account: int
    kind: str
    """``message.sent`` and its like, ``inbound.received``."""
    subject: int
    """Id of the message or of the inbound SMS."""
    code: str = ""
    """Why, where something went wrong; as a message's ``error_code``."""
    detail: str = ""
    """A sentence without personal data."""
