"""Supplementary service data: +CUSD (TS 27.007 7.15) and Huawei's ^USSDMODE."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from hw_sim import alphabet
from hw_sim.commands.general import choice, whole
from hw_sim.commands.registry import Kind, Needs, on
from hw_sim.results import CmeError, Refused
from hw_sim.text_mode import decode_text

if TYPE_CHECKING:
    from hw_sim.modem import Modem


@on("+CUSD", Kind.SET, Needs.SIM)
def send_ussd(modem: Modem, arguments: list[str]) -> list[str]:
    if not modem.ussd_mode:
        raise Refused
    mode = whole(arguments)
    if mode == 2 or len(arguments) < 2:
        modem.settings.cusd = mode
        return []
    modem.settings.cusd = 1
    modem.network.ussd(modem, _code(modem, arguments[1]))
    return []


def _code(modem: Modem, entered: str) -> str:
    """Read what was dialled, in the coding this make of modem wants."""
    try:
        if modem.traits.ussd == "packed":
            octets = binascii.unhexlify(entered)
            return alphabet.decode_septets(alphabet.unpack(octets, len(octets) * 8 // 7)).rstrip("\r@")
        return decode_text(entered.encode("latin-1"), modem.settings.cscs)
    except (binascii.Error, Refused):
        raise CmeError(50) from None


@on("+CUSD", Kind.READ)
def read_ussd(modem: Modem, _: list[str]) -> list[str]:
    return [f"+CUSD: {modem.settings.cusd}"]


@on("+CUSD", Kind.TEST)
def offer_ussd(modem: Modem, _: list[str]) -> list[str]:
    return ["+CUSD: (0-2)"]


@on("^USSDMODE", Kind.SET, own=True)
def set_ussd_mode(modem: Modem, arguments: list[str]) -> list[str]:
    """1 hands USSD to the stick's own program, and +CUSD is an ERROR; 0 gives it to the host."""
    modem.ussd_mode = choice(arguments, range(2)) == 0
    return []
