"""Commands about the network: registration, operator, signal (TS 27.007 7 and 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.commands.general import choice, whole
from hw_sim.commands.registry import Kind, Needs, on
from hw_sim.network import REGISTERED

if TYPE_CHECKING:
    from hw_sim.modem import Modem


def _family(name: str, setting: str) -> None:
    """Register +CREG, +CGREG or +CEREG; all three tell the same registration unless a fault parts them."""

    @on(name, Kind.READ)
    def read(modem: Modem, _: list[str]) -> list[str]:
        mode = getattr(modem.settings, setting)
        stat = modem.stat_of(name)
        return [f"{name}: {mode},{stat.value}{modem.cell(mode, stat)}"]

    @on(name, Kind.SET)
    def write(modem: Modem, arguments: list[str]) -> list[str]:
        setattr(modem.settings, setting, choice(arguments, range(3)))
        return []

    @on(name, Kind.TEST)
    def offer(modem: Modem, _: list[str]) -> list[str]:
        return [f"{name}: (0-2)"]


for _name, _setting in (("+CREG", "creg"), ("+CGREG", "cgreg"), ("+CEREG", "cereg")):
    _family(_name, _setting)


@on("+COPS", Kind.READ, Needs.SIM)
def read_operator(modem: Modem, _: list[str]) -> list[str]:
    if modem.registration not in REGISTERED:
        return ["+COPS: 0"]
    form = modem.settings.cops_format
    return [f'+COPS: 0,{form},"{modem.network.operator[form]}"']


@on("+COPS", Kind.SET, Needs.SIM)
def set_operator(modem: Modem, arguments: list[str]) -> list[str]:
    if whole(arguments) == 3:
        modem.settings.cops_format = choice(arguments[1:], range(3))
    return []


@on("+COPS", Kind.TEST, Needs.SIM)
def offer_operator(modem: Modem, _: list[str]) -> list[str]:
    long, short, number = modem.network.operator
    return [f'+COPS: (2,"{long}","{short}","{number}"),,(0-4),(0-2)']


@on("+CSQ", Kind.DO)
def signal(modem: Modem, _: list[str]) -> list[str]:
    return [f"+CSQ: {modem.signal},99"]


@on("+CSQ", Kind.TEST)
def offer_signal(modem: Modem, _: list[str]) -> list[str]:
    return ["+CSQ: (0-31,99),(0-7,99)"]


@on("+CGATT", Kind.READ)
def attached(modem: Modem, _: list[str]) -> list[str]:
    return [f"+CGATT: {int(modem.registration in REGISTERED)}"]
