"""SMS-SUBMIT: from a message to the octets of AT+CMGS (TS 23.040 9.2.2.2, TS 27.005 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

from modemd.at.pdu import validity
from modemd.at.pdu.address import dialled
from modemd.at.pdu.alphabet import Language
from modemd.at.pdu.dcs import Alphabet, DataCoding, MessageClass
from modemd.at.pdu.encoding import Encoded, encode
from modemd.at.pdu.header import Ports
from modemd.at.pdu.primitives import pack
from modemd.at.pdu.segmentation import Part, split
from modemd.errors import InvalidField
from modemd.values import Segment, Sms

_SUBMIT, _REJECT_DUPLICATES, _RELATIVE, _REPORT, _HAS_HEADER = 0x01, 0x04, 0x10, 0x20, 0x40


@dataclass(frozen=True, slots=True)
class Options:
    """What an operator sets once, and a message does not say."""

    national: tuple[Language, ...] = ()
    """Languages whose tables may be used; many networks and phones break them."""
    wide: bool = False
    """16-bit concatenation references: a septet dearer, and 256 times rarer to be mixed up."""
    message_class: MessageClass | None = None
    """Where phones put messages that are not flash."""
    reject_duplicates: bool = False
    """TP-RD: the SMSC refuses a copy of a message it still holds (answered by CMS 197)."""
    protocol: int = 0
    """TP-PID (TS 23.040 9.2.3.9): 0 is a plain message, 41h–47h replace an earlier one."""


DEFAULTS = Options()


def segments(sms: Sms, *, reference: int, options: Options = DEFAULTS) -> list[Segment]:
    """The SMS-SUBMITs that carry ``sms``, in order.

    ``reference`` is the concatenation reference all of them share; its lower 8 (or, if ``options.wide``, 16) bits are
    used. InvalidField ``to``, ``text`` or ``valid_for`` if no SMS can carry it.
    """
    return _build(encode(sms.text, options.national), sms, reference, options)


def data_segments(
    sms: Sms, data: bytes, *, reference: int, ports: Ports | None = None, options: Options = DEFAULTS
) -> list[Segment]:
    """The SMS-SUBMITs that carry ``data`` as 8-bit octets to ``ports``, addressed as ``sms`` is; its text is not used.

    InvalidField ``to``, ``data`` or ``valid_for``; PduError if a port does not fit.
    """
    if not data:
        raise InvalidField("data", "there is no data", cure="give at least one octet")
    return _build(Encoded(Alphabet.DATA, data), sms, reference, options, ports)


def _build(encoded: Encoded, sms: Sms, reference: int, options: Options, ports: Ports | None = None) -> list[Segment]:
    body = _after_address(encoded, sms, options)
    address = dialled(sms.to)
    first = _SUBMIT
    if options.reject_duplicates:
        first |= _REJECT_DUPLICATES
    if sms.report:
        first |= _REPORT
    if sms.valid_for is not None:
        first |= _RELATIVE
    return [
        _segment(part, bytes((first | _HAS_HEADER if part.header else first, 0)) + address + body, encoded.alphabet)
        for part in split(encoded, reference, wide=options.wide, ports=ports)
    ]


def _after_address(encoded: Encoded, sms: Sms, options: Options) -> bytes:
    """TP-PID, TP-DCS and TP-VP."""
    coding = DataCoding(encoded.alphabet, MessageClass.FLASH if sms.flash else options.message_class)
    fields = bytes((options.protocol, coding.octet()))
    if sms.valid_for is None:
        return fields
    if sms.valid_for <= 0:
        raise InvalidField("valid_for", "a validity of no time", cure="give a positive number of seconds")
    return fields + bytes((validity.relative(sms.valid_for),))


def _segment(part: Part, head: bytes, alphabet: Alphabet) -> Segment:
    tpdu = head + user_data(part.header, part.units, alphabet)
    return Segment("00" + tpdu.hex().upper(), len(tpdu), part.number, part.total)


def user_data(header: bytes, units: bytes, alphabet: Alphabet) -> bytes:
    """TP-UDL and TP-UD (TS 23.040 9.2.3.16 and .24): for GSM 7-bit the text begins at a septet boundary."""
    if alphabet is not Alphabet.GSM7:
        return bytes((len(header) + len(units),)) + header + units
    header_septets = (len(header) * 8 + 6) // 7
    fill_bits = header_septets * 7 - len(header) * 8
    return bytes((header_septets + len(units),)) + header + pack(units, fill_bits)
