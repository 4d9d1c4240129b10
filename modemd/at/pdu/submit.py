"""SMS-SUBMIT: one TPDU to send, written and read (TS 23.040 9.2.2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from modemd.at.pdu.address import Address, read_address, write_address
from modemd.at.pdu.dcs import PLAIN_TEXT, DataCoding, read_coding
from modemd.at.pdu.octets import Octets
from modemd.at.pdu.userdata import UserData, read_user_data
from modemd.at.pdu.validity import Validity, read_validity, write_validity

MTI = 0x01
_REJECT_DUPLICATES, _REPORT, _HAS_HEADER, _REPLY_PATH = 0x04, 0x20, 0x40, 0x80


@dataclass(frozen=True, slots=True)
class Submit:
    """One SMS-SUBMIT."""

    to: Address
    body: UserData
    coding: DataCoding = PLAIN_TEXT
    validity: Validity = None
    reference: int = 0
    """TP-MR; the modem writes its own over it."""
    protocol: int = 0
    """TP-PID (TS 23.040 9.2.3.9)."""
    report: bool = False
    """TP-SRR: a status report is asked for."""
    reject_duplicates: bool = False
    """TP-RD."""
    reply_path: bool = False
    """TP-RP."""

    def octets(self) -> bytes:
        """The TPDU. PduError if a field cannot be written."""
        format_bits, validity = write_validity(self.validity)
        body = self.body.octets()
        first = MTI | format_bits
        first |= (_REJECT_DUPLICATES if self.reject_duplicates else 0) | (_REPORT if self.report else 0)
        first |= (_REPLY_PATH if self.reply_path else 0) | (_HAS_HEADER if self.body.header else 0)
        start = bytes((first, self.reference)) + write_address(self.to)
        return start + bytes((self.protocol, self.coding.octet())) + validity + body


def read_submit(octets: Octets) -> Submit:
    """The SMS-SUBMIT of ``octets``. PduError names the field that is missing or cut off."""
    first = octets.octet("first octet")
    reference = octets.octet("TP-MR")
    to = read_address(octets, "TP-DA")
    protocol = octets.octet("TP-PID")
    coding = read_coding(octets.octet("TP-DCS"))
    validity = read_validity(first, octets)
    body = read_user_data(octets, coding, has_header=bool(first & _HAS_HEADER))
    return Submit(
        to,
        body,
        coding,
        validity,
        reference,
        protocol,
        report=bool(first & _REPORT),
        reject_duplicates=bool(first & _REJECT_DUPLICATES),
        reply_path=bool(first & _REPLY_PATH),
    )
