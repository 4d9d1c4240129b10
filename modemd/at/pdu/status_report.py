"""SMS-STATUS-REPORT: what became of a message (TS 23.040 9.2.2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from modemd.at.pdu.address import Address, read_recipient, write_address
from modemd.at.pdu.dcs import PLAIN_TEXT, DataCoding, read_coding
from modemd.at.pdu.octets import Octets
from modemd.at.pdu.status import Status, meaning
from modemd.at.pdu.timestamp import LENGTH, Stamp, read_stamp, write_stamp
from modemd.at.pdu.userdata import UserData, read_user_data

MTI = 0x02
_NO_MORE, _LOOP, _COMMAND, _HAS_HEADER = 0x04, 0x08, 0x20, 0x40
_HAS_PROTOCOL, _HAS_CODING, _HAS_BODY = 0x01, 0x02, 0x04


@dataclass(frozen=True, slots=True)
class StatusReport:
    """One SMS-STATUS-REPORT."""

    reference: int
    """TP-MR of the SUBMIT it reports on."""
    recipient: Address
    """May be written otherwise than it was sent to: national, normalised, ported."""
    status: int
    """TP-ST, 0-255; ``meaning`` says what it is."""
    accepted: Stamp | None = None
    """When the service centre took the SUBMIT (TP-SCTS); None if that is no date."""
    discharged: Stamp | None = None
    """When the status came about (TP-DT); None if that is no date."""
    protocol: int | None = None
    coding: DataCoding | None = None
    body: UserData | None = None
    more: bool = False
    """More messages wait (TP-MMS, whose bit says the opposite)."""
    loop: bool = False
    command: bool = False
    """It answers an SMS-COMMAND, not an SMS-SUBMIT (TP-SRQ)."""
    smsc: str = ""

    @property
    def meaning(self) -> Status:
        """What the status says."""
        return meaning(self.status)

    def octets(self) -> bytes:
        """The TPDU; what is None is left out. PduError if a field cannot be written."""
        first = MTI | (0 if self.more else _NO_MORE) | (_LOOP if self.loop else 0) | (_COMMAND if self.command else 0)
        first |= _HAS_HEADER if self.body and self.body.header else 0
        stamps = write_stamp(self.accepted) + write_stamp(self.discharged)
        start = bytes((first, self.reference)) + write_address(self.recipient)
        return start + stamps + bytes((self.status,)) + self._optional_octets()

    def _optional_octets(self) -> bytes:
        indicator, octets = 0, b""
        if self.protocol is not None:
            indicator, octets = _HAS_PROTOCOL, bytes((self.protocol,))
        if self.coding is not None:
            indicator, octets = indicator | _HAS_CODING, octets + bytes((self.coding.octet(),))
        if self.body is not None:
            indicator, octets = indicator | _HAS_BODY, octets + self.body.octets()
        return bytes((indicator,)) + octets if indicator else b""


def read_status_report(octets: Octets, smsc: str = "") -> StatusReport:
    """The SMS-STATUS-REPORT of ``octets``.

    What follows TP-ST is optional and often missing, cut off or wrong; it never spoils the report. PduError names the
    field before it that is missing or cut off.
    """
    first = octets.octet("first octet")
    reference = octets.octet("TP-MR")
    recipient = read_recipient(octets)
    accepted = read_stamp(octets.take(LENGTH, "TP-SCTS"))
    discharged = read_stamp(octets.take(LENGTH, "TP-DT"))
    status = octets.octet("TP-ST")
    protocol, coding, body = _read_optional(octets, has_header=bool(first & _HAS_HEADER))
    return StatusReport(
        reference,
        recipient,
        status,
        accepted,
        discharged,
        protocol,
        coding,
        body,
        more=not first & _NO_MORE,
        loop=bool(first & _LOOP),
        command=bool(first & _COMMAND),
        smsc=smsc,
    )


def _read_optional(octets: Octets, *, has_header: bool) -> tuple[int | None, DataCoding | None, UserData | None]:
    """TP-PID, TP-DCS and TP-UD as far as TP-PI announces them and they are there (9.2.3.27)."""
    indicator = octets.octet("TP-PI") if octets else 0
    protocol = octets.octet("TP-PID") if indicator & _HAS_PROTOCOL and octets else None
    coding = read_coding(octets.octet("TP-DCS")) if indicator & _HAS_CODING and octets else None
    if not indicator & _HAS_BODY or not octets:
        return protocol, coding, None
    return protocol, coding, read_user_data(octets, coding or PLAIN_TEXT, has_header=has_header)
