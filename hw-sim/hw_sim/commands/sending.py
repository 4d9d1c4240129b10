"""Commands that send: +CMGS, +CMSS and what they depend on (TS 27.005 3.1, 3.2, 3.5, 4.3)."""

from __future__ import annotations

import binascii
from functools import partial
from typing import TYPE_CHECKING

from hw_sim import tpdu
from hw_sim.commands.general import choice, whole
from hw_sim.commands.registry import Kind, Needs, on
from hw_sim.network import REGISTERED
from hw_sim.results import CmsError
from hw_sim.text_mode import encode_text, read_recipient, submit_of_text

if TYPE_CHECKING:
    from hw_sim.modem import Modem

LONGEST_TPDU = 176
"""Octets of a TPDU that +CMGS takes: 164 is the longest SUBMIT, makers allow a few more."""


@on("+CMGF", Kind.SET)
def set_format(modem: Modem, arguments: list[str]) -> list[str]:
    modem.settings.cmgf = choice(arguments, range(2))
    return []


@on("+CMGF", Kind.READ)
def read_format(modem: Modem, _: list[str]) -> list[str]:
    return [f"+CMGF: {modem.settings.cmgf}"]


@on("+CMGF", Kind.TEST)
def offer_format(modem: Modem, _: list[str]) -> list[str]:
    return ["+CMGF: (0,1)"]


@on("+CMMS", Kind.SET)
def set_more_messages(modem: Modem, arguments: list[str]) -> list[str]:
    if not modem.traits.cmms:
        raise CmsError(modem.traits.cmms_error)
    modem.transmitter.link_is_up()
    modem.settings.cmms = choice(arguments, range(3))
    return []


@on("+CMMS", Kind.READ)
def read_more_messages(modem: Modem, _: list[str]) -> list[str]:
    modem.transmitter.link_is_up()
    return [f"+CMMS: {modem.settings.cmms}"]


@on("+CMMS", Kind.TEST)
def offer_more_messages(modem: Modem, _: list[str]) -> list[str]:
    if not modem.traits.cmms:
        raise CmsError(modem.traits.cmms_error)
    return ["+CMMS: (0-2)"]


@on("+CSCA", Kind.SET, Needs.SMS)
def set_smsc(modem: Modem, arguments: list[str]) -> list[str]:
    number = arguments[0]
    international = len(arguments) > 1 and arguments[1] == "145" and not number.startswith("+")
    modem.smsc = "+" + number if international else number
    return []


@on("+CSCA", Kind.READ, Needs.SMS)
def read_smsc(modem: Modem, _: list[str]) -> list[str]:
    number = modem.smsc
    return [f'+CSCA: "{encode_text(number, modem.settings.cscs)}",{145 if number.startswith("+") else 129}']


@on("+CSMP", Kind.SET)
def set_text_parameters(modem: Modem, arguments: list[str]) -> list[str]:
    given = [whole(arguments, place, value) for place, value in enumerate(modem.settings.csmp)]
    modem.settings.csmp = given
    if modem.traits.csmp_wipes_smsc:
        modem.smsc = ""
    return []


@on("+CSMP", Kind.READ)
def read_text_parameters(modem: Modem, _: list[str]) -> list[str]:
    return ["+CSMP: " + ",".join(map(str, modem.settings.csmp))]


@on("+CSDH", Kind.SET)
def set_show_header(modem: Modem, arguments: list[str]) -> list[str]:
    modem.settings.csdh = choice(arguments, range(2))
    return []


@on("+CSDH", Kind.READ)
def read_show_header(modem: Modem, _: list[str]) -> list[str]:
    return [f"+CSDH: {modem.settings.csdh}"]


@on("+CGSMS", Kind.SET)
def set_bearer(modem: Modem, arguments: list[str]) -> list[str]:
    choice(arguments, range(4))
    return []


@on("+CGSMS", Kind.READ)
def read_bearer(modem: Modem, _: list[str]) -> list[str]:
    return ["+CGSMS: 1"]


@on("+CMGS", Kind.TEST)
def offer_send(modem: Modem, _: list[str]) -> list[str]:
    return []


@on("+CMGS", Kind.SET, Needs.SMS)
def send(modem: Modem, arguments: list[str]) -> None:
    """In PDU mode the argument is a length; in text mode it is a number, be it the length somebody meant."""
    modem.transmitter.messages += 1
    linked = modem.transmitter.link_is_up()
    if modem.settings.cmgf == 0:
        length = _length(arguments)
        modem.dialogue.ask(partial(_entered_pdu, modem, length, linked))
    else:
        modem.dialogue.ask(partial(_entered_text, modem, arguments, linked))


def _length(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0].isdigit() or not 7 <= int(arguments[0]) <= LONGEST_TPDU:
        raise CmsError(304)
    return int(arguments[0])


def read_pdu(entered: bytes, length: int) -> tuple[str | None, bytes]:
    """Give the SMSC that was entered (None: the one of +CSCA) and the TPDU; raises CMS 304."""
    try:
        octets = binascii.unhexlify(entered.translate(None, b"\r\n "))
    except binascii.Error:
        raise CmsError(304) from None
    if not octets or len(octets) != length + 1 + octets[0]:
        raise CmsError(304)
    size = octets[0]
    smsc = tpdu.read_number(octets[2 : size + 1], octets[1], 2 * size - 2).rstrip("?") if size > 1 else None
    return smsc, octets[size + 1 :]


def _entered_pdu(modem: Modem, length: int, linked: bool, entered: bytes) -> None:
    try:
        smsc, octets = read_pdu(entered, length)
        submit = tpdu.read_submit(octets)
        put_on_air(modem, submit, linked, smsc)
    except tpdu.BadTpdu:
        modem.dialogue.refuse(CmsError(304))
    except CmsError as refusal:
        modem.dialogue.refuse(refusal)


def _entered_text(modem: Modem, arguments: list[str], linked: bool, entered: bytes) -> None:
    try:
        number = read_recipient(arguments, modem.settings.cscs)
        put_on_air(modem, tpdu.read_submit(submit_of_text(number, entered, modem.settings)), linked)
    except binascii.Error:
        modem.dialogue.refuse(CmsError(305))
    except CmsError as refusal:
        modem.dialogue.refuse(refusal)


def put_on_air(modem: Modem, submit: tpdu.Submit, linked: bool, smsc: str | None = None, answer: str = "+CMGS") -> None:
    """Send it, if there is a service centre and a network to send it to."""
    if not (smsc or modem.smsc):
        raise CmsError(330)
    if modem.registration not in REGISTERED:
        raise CmsError(331)
    modem.transmitter.transmit(submit, linked=linked, answer=answer)
