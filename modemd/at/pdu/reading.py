"""From the hex of +CMGR, +CMGL, +CMT or +CDS to the TPDU it is (TS 27.005 3.1 ``<pdu>``)."""

from __future__ import annotations

import re

from modemd.at.pdu import deliver, status_report, submit
from modemd.at.pdu.address import read_smsc, write_smsc
from modemd.at.pdu.octets import Octets
from modemd.errors import PduError

_OCTETS = re.compile(r"(?:[0-9A-Fa-f]{2})*")

Tpdu = deliver.Deliver | submit.Submit | status_report.StatusReport


def read(pdu: str, length: int | None = None) -> Tpdu:
    """The TPDU in ``pdu``: service centre address and TPDU in hex, as a modem gives them.

    ``length`` is what the modem says the TPDU has in octets; where it is that of the whole, there is no service centre
    address. A type that is reserved is read as a SMS-DELIVER (TS 23.040 9.2.3.1). PduError names the field and the
    octet, counted from the first of the TPDU; ``SCA`` and ``PDU`` from the first of all.
    """
    octets = Octets(_from_hex(pdu))
    smsc = "" if length == len(octets) else read_smsc(octets)
    tpdu = Octets(octets.rest())
    if not tpdu:
        raise PduError("first octet", 0, "nothing follows the service centre address")
    match tpdu.data[0] & 0x03:
        case submit.MTI:
            return submit.read_submit(tpdu)
        case status_report.MTI:
            return status_report.read_status_report(tpdu, smsc)
    return deliver.read_deliver(tpdu, smsc)


def write(tpdu: Tpdu, smsc: str = "") -> str:
    """The hex a modem would give for ``tpdu``, from the service centre ``smsc``. PduError if it cannot be written."""
    return (write_smsc(smsc) + tpdu.octets()).hex().upper()


def is_empty(pdu: str) -> bool:
    """Whether this is what some modems give for a slot of the SIM that holds nothing: all FF, or all zeros."""
    return not pdu.strip("Ff \r\n") or not pdu.strip("0 \r\n")


def _from_hex(pdu: str) -> bytes:
    if is_empty(pdu):
        raise PduError("PDU", 0, "an empty record")
    pdu = pdu.strip()
    good = _OCTETS.match(pdu)
    if good is None or good.end() < len(pdu):
        raise PduError("PDU", (good.end() if good else 0) // 2, "no octet in hex")
    return bytes.fromhex(pdu)
