"""SMS-DELIVER: a message from the network (TS 23.040 9.2.2.1)."""

from __future__ import annotations

from dataclasses import dataclass

from modemd.at.pdu.address import Address, read_address, write_address
from modemd.at.pdu.dcs import PLAIN_TEXT, DataCoding, read_coding
from modemd.at.pdu.octets import Octets
from modemd.at.pdu.timestamp import LENGTH, Stamp, read_stamp, write_stamp
from modemd.at.pdu.userdata import UserData, read_user_data

MTI = 0x00
_NO_MORE, _LOOP, _REPORT_INDICATION, _HAS_HEADER, _REPLY_PATH = 0x04, 0x08, 0x20, 0x40, 0x80


@dataclass(frozen=True, slots=True)
class Deliver:
    """One SMS-DELIVER."""

    sender: Address
    body: UserData
    coding: DataCoding = PLAIN_TEXT
    sent: Stamp | None = None
    """When the service centre took it (TP-SCTS); None if that is no date."""
    protocol: int = 0
    """TP-PID (TS 23.040 9.2.3.9)."""
    more: bool = False
    """More messages wait (TP-MMS, whose bit says the opposite)."""
    loop: bool = False
    """Forwarded: nothing automatic may answer it (TP-LP)."""
    report_indication: bool = False
    """The sender gets a status report (TP-SRI)."""
    reply_path: bool = False
    """TP-RP."""
    smsc: str = ""
    """The service centre it came from, if the modem says."""

    @property
    def text(self) -> str:
        """The text of this segment; ``join`` gives that of several."""
        return self.body.text

    def octets(self) -> bytes:
        """The TPDU. PduError if a field cannot be written."""
        first = MTI | (0 if self.more else _NO_MORE) | (_LOOP if self.loop else 0)
        first |= (_REPORT_INDICATION if self.report_indication else 0) | (_REPLY_PATH if self.reply_path else 0)
        first |= _HAS_HEADER if self.body.header else 0
        fields = bytes((self.protocol, self.coding.octet())) + write_stamp(self.sent)
        return bytes((first,)) + write_address(self.sender) + fields + self.body.octets()


def read_deliver(octets: Octets, smsc: str = "") -> Deliver:
    """The SMS-DELIVER of ``octets``. PduError names the field that is missing or cut off."""
    first = octets.octet("first octet")
    sender = read_address(octets, "TP-OA")
    protocol = octets.octet("TP-PID")
    coding = read_coding(octets.octet("TP-DCS"))
    sent = read_stamp(octets.take(LENGTH, "TP-SCTS"))
    body = read_user_data(octets, coding, has_header=bool(first & _HAS_HEADER))
    return Deliver(
        sender,
        body,
        coding,
        sent,
        protocol,
        more=not first & _NO_MORE,
        loop=bool(first & _LOOP),
        report_indication=bool(first & _REPORT_INDICATION),
        reply_path=bool(first & _REPLY_PATH),
        smsc=smsc,
    )
