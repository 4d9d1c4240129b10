"""From a message to what AT+CMGS takes: the SMS-SUBMITs that carry it, in order (TS 27.005 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

from modemd.at.pdu.address import recipient
from modemd.at.pdu.alphabet import Language
from modemd.at.pdu.dcs import Alphabet, DataCoding, MessageClass
from modemd.at.pdu.encoding import Encoded, encode
from modemd.at.pdu.header import Ports
from modemd.at.pdu.segmentation import split
from modemd.at.pdu.submit import Submit
from modemd.at.pdu.timestamp import Stamp
from modemd.at.pdu.validity import Validity
from modemd.errors import InvalidField
from modemd.values import Segment, Sms


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


def segments(sms: Sms, *, reference: int, options: Options = DEFAULTS, until: int | None = None) -> list[Segment]:
    """The SMS-SUBMITs that carry ``sms``, in order.

    ``reference`` is the concatenation reference all of them share; its lower 8 (or, if ``options.wide``, 16) bits are
    used. ``until``, in microseconds since 1970, gives the validity as a moment in place of ``sms.valid_for``.
    InvalidField ``to``, ``text`` or ``valid_for`` if no SMS can carry it.
    """
    return _build(sms, encode(sms.text, options.national), reference, options, _validity(sms, until))


def data_segments(
    sms: Sms,
    data: bytes,
    *,
    reference: int,
    ports: Ports | None = None,
    options: Options = DEFAULTS,
    until: int | None = None,
) -> list[Segment]:
    """The SMS-SUBMITs that carry ``data`` as 8-bit octets to ``ports``, addressed as ``sms`` is; its text is not used.

    InvalidField ``to``, ``data`` or ``valid_for``; PduError if a port does not fit.
    """
    if not data:
        raise InvalidField("data", "there is no data", cure="give at least one octet")
    return _build(sms, Encoded(Alphabet.DATA, data), reference, options, _validity(sms, until), ports)


def _validity(sms: Sms, until: int | None) -> Validity:
    if until is not None:
        return Stamp(until)
    if sms.valid_for is not None and sms.valid_for <= 0:
        raise InvalidField("valid_for", "a validity of no time", cure="give a positive number of seconds")
    return sms.valid_for


def _build(
    sms: Sms,
    encoded: Encoded,
    reference: int,
    options: Options,
    validity: Validity,
    ports: Ports | None = None,
) -> list[Segment]:
    to = recipient(sms.to)
    coding = DataCoding(encoded.alphabet, MessageClass.FLASH if sms.flash else options.message_class)
    bodies = split(encoded, reference, wide=options.wide, ports=ports)
    found = []
    for number, body in enumerate(bodies, 1):
        tpdu = Submit(
            to,
            body,
            coding,
            validity,
            protocol=options.protocol,
            report=sms.report,
            reject_duplicates=options.reject_duplicates,
        ).octets()
        found.append(Segment("00" + tpdu.hex().upper(), len(tpdu), number, len(bodies)))
    return found
