"""Commands about where received messages go: +CNMI, +CSMS, +CNMA (TS 27.005 3.4.1, 3.2.1, 3.4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.commands.general import choice, whole
from hw_sim.commands.registry import Kind, Needs, on
from hw_sim.results import CmsError, Refused

if TYPE_CHECKING:
    from hw_sim.modem import Modem

PARAMETERS = ("mode", "mt", "bm", "ds", "bfr")


@on("+CNMI", Kind.SET, Needs.SMS)
def set_indications(modem: Modem, arguments: list[str]) -> list[str]:
    if len(arguments) > len(PARAMETERS):
        raise Refused
    wanted = [whole(arguments, place, value) for place, value in enumerate(modem.settings.cnmi)]
    traits = modem.traits
    given = dict(zip(PARAMETERS, wanted, strict=True))
    outside = any(value not in allowed for value, allowed in zip(wanted, traits.cnmi, strict=True))
    if outside or any(all(given[key] in values for key, values in rule.items()) for rule in traits.cnmi_refused):
        raise CmsError(traits.cnmi_error) if traits.cnmi_error else Refused
    modem.settings.cnmi = wanted
    modem.receiver.flush()
    return []


@on("+CNMI", Kind.READ)
def read_indications(modem: Modem, _: list[str]) -> list[str]:
    return ["+CNMI: " + ",".join(map(str, modem.settings.cnmi))]


@on("+CNMI", Kind.TEST)
def offer_indications(modem: Modem, _: list[str]) -> list[str]:
    return ["+CNMI: " + ",".join("(" + ",".join(map(str, allowed)) + ")" for allowed in modem.traits.cnmi)]


@on("+CSMS", Kind.SET)
def set_service(modem: Modem, arguments: list[str]) -> list[str]:
    service = whole(arguments)
    if service not in modem.traits.csms:
        raise CmsError(303)
    modem.settings.csms = service
    return [f"+CSMS: {modem.traits.csms_support}"]


@on("+CSMS", Kind.READ)
def read_service(modem: Modem, _: list[str]) -> list[str]:
    return [f"+CSMS: {modem.settings.csms},{modem.traits.csms_support}"]


@on("+CSMS", Kind.TEST)
def offer_service(modem: Modem, _: list[str]) -> list[str]:
    return ["+CSMS: (" + ",".join(map(str, modem.traits.csms)) + ")"]


@on("+CNMA", Kind.DO)
@on("+CNMA", Kind.SET)
def acknowledge(modem: Modem, arguments: list[str]) -> list[str]:
    """Acknowledge what was routed directly; plain, or in PDU mode with <n> 0, 1 (well) or 2 (an error)."""
    if arguments != [""]:
        choice(arguments, range(3))
    if not modem.receiver.acknowledged():
        raise CmsError(340)
    return []


@on("+CNMA", Kind.TEST)
def offer_acknowledge(modem: Modem, _: list[str]) -> list[str]:
    return ["+CNMA: (0-2)"]
