"""Text mode: what the host writes and reads in a character set instead of a PDU (TS 27.005 3, TS 27.007 5.5)."""

from __future__ import annotations

import binascii

from hw_sim import alphabet
from hw_sim.results import CmsError
from hw_sim.settings import Settings
from hw_sim.storage import Record, RecordState
from hw_sim.tpdu import Coding, Deliver, coding_of, read_deliver, read_number, read_submit, write_number, write_submit


def encode_text(text: str, character_set: str) -> str:
    """Give text as the host reads it under +CSCS; what a set lacks becomes a question mark."""
    if character_set == "UCS2":
        return alphabet.encode_ucs2(text).hex().upper()
    if character_set == "HEX":
        return (alphabet.encode_septets(text) or b"").hex().upper()
    if character_set == "GSM":
        return "".join((alphabet.encode_septets(character) or b"?").decode("latin-1") for character in text)
    return text


def decode_text(octets: bytes, character_set: str) -> str:
    """Read text as the host writes it under +CSCS; raises CMS 305 for hex that is none."""
    try:
        if character_set == "UCS2":
            return alphabet.decode_ucs2(binascii.unhexlify(octets))
        if character_set == "HEX":
            return alphabet.decode_septets(bytes(octet & 0x7F for octet in binascii.unhexlify(octets)))
    except binascii.Error:
        raise CmsError(305) from None
    if character_set == "GSM":
        return alphabet.decode_septets(bytes(octet & 0x7F for octet in octets))
    return octets.decode("latin-1")


def read_recipient(arguments: list[str], character_set: str) -> str:
    """Give the number of AT+CMGS=<da>[,<toda>]; raises CMS 305."""
    number = arguments[0]
    if character_set == "UCS2" and len(number) % 4 == 0 and number[:2] == "00":
        number = decode_text(number.encode("latin-1"), character_set)
    digits = number.removeprefix("+")
    if not digits or len(digits) > 20 or not set(digits) <= set("0123456789*#"):
        raise CmsError(305)
    international = len(arguments) > 1 and arguments[1] == "145"
    return "+" + digits if international else number


def submit_of_text(number: str, entered: bytes, settings: Settings) -> bytes:
    """Make an SMS-SUBMIT of what was entered, as +CSMP says; what does not fit is cut off, as many modems do."""
    first, validity, pid, dcs = settings.csmp
    body = entered.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    coding = coding_of(dcs)
    if coding is Coding.UCS2:
        units = alphabet.encode_ucs2(decode_text(body, settings.cscs))[:140]
    elif coding is Coding.DATA:
        units = binascii.unhexlify(body)[:140]
    else:
        units = (alphabet.encode_septets(_replace(decode_text(body, settings.cscs))) or b"")[:160]
    return write_submit(number, units, first=first, pid=pid, dcs=dcs, validity=validity)


def _replace(text: str) -> str:
    """Put a question mark in place of what GSM 7 bit lacks."""
    return "".join(character if alphabet.encode_septets(character) is not None else "?" for character in text)


STATES = {
    RecordState.UNREAD: "REC UNREAD",
    RecordState.READ: "REC READ",
    RecordState.UNSENT: "STO UNSENT",
    RecordState.SENT: "STO SENT",
}


def describe_record(record: Record, settings: Settings, *, listed: bool = False) -> str:
    """Give what follows ``+CMGR: `` or, *listed*, the index of ``+CMGL: ``: header line, then PDU or text."""
    if settings.cmgf == 0:
        return f"{record.state.value},,{len(record.tpdu)}\r\n{write_pdu(record.smsc, record.tpdu)}"
    state = STATES[record.state]
    if record.tpdu[0] & 3 == 2:
        return f'"{state}",{_report_header(record.tpdu)}'
    if record.tpdu[0] & 3 == 1:
        submit = read_submit(record.tpdu)
        return f'"{state}","{encode_text(submit.to, settings.cscs)}",\r\n{encode_text(submit.text, settings.cscs)}'
    deliver = read_deliver(record.tpdu)
    show = f",{145 if deliver.sender.startswith('+') else 129},{len(deliver.text)}" if settings.csdh and listed else ""
    return f'"{state}",{_deliver_header(deliver, settings)}{show}\r\n{encode_text(deliver.text, settings.cscs)}'


def describe_deliver(tpdu: bytes, smsc: str, settings: Settings) -> str:
    """Give the +CMT of an SMS-DELIVER."""
    if settings.cmgf == 0:
        return f"+CMT: ,{len(tpdu)}\r\n{write_pdu(smsc, tpdu)}"
    deliver = read_deliver(tpdu)
    return f"+CMT: {_deliver_header(deliver, settings)}\r\n{encode_text(deliver.text, settings.cscs)}"


def describe_report(tpdu: bytes, smsc: str, settings: Settings, *, comma: bool = False) -> str:
    """Give the +CDS of an SMS-STATUS-REPORT; some makes put a comma before the length."""
    if settings.cmgf == 0:
        return f"+CDS: {',' if comma else ''}{len(tpdu)}\r\n{write_pdu(smsc, tpdu)}"
    return f"+CDS: {_report_header(tpdu)}"


def write_pdu(smsc: str, tpdu: bytes) -> str:
    """Give SCA and TPDU in hex, as +CMGR, +CMT and +CDS show them in PDU mode."""
    if not smsc:
        return "00" + tpdu.hex().upper()
    address = write_number(smsc)[1:]
    return (bytes((len(address),)) + address + tpdu).hex().upper()


def _deliver_header(deliver: Deliver, settings: Settings) -> str:
    return f'"{encode_text(deliver.sender, settings.cscs)}",,"{show_time(deliver.sent)}"'


def _report_header(tpdu: bytes) -> str:
    size = 4 + -(-tpdu[2] // 2)
    number = read_number(tpdu[4:size], tpdu[3], tpdu[2])
    accepted, discharged = show_time(tpdu[size : size + 7]), show_time(tpdu[size + 7 : size + 14])
    return f'{tpdu[0]},{tpdu[1]},"{number}",{tpdu[3]},"{accepted}","{discharged}",{tpdu[size + 14]}'


def show_time(stamp: bytes) -> str:
    """Give a time stamp as ``yy/MM/dd,hh:mm:ss±zz`` (TS 27.005 3.1)."""
    digits = [f"{octet & 0x0F}{octet >> 4}" for octet in stamp[:6]]
    quarter_hours = (stamp[6] & 0x07) * 10 + (stamp[6] >> 4)
    return "{}/{}/{},{}:{}:{}".format(*digits) + f"{'-' if stamp[6] & 0x08 else '+'}{quarter_hours:02d}"
