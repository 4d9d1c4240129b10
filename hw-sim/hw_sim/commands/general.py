"""Commands about the dialogue itself: echo, result codes, error reporting, character set, power (V.250, TS 27.007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.commands import registry
from hw_sim.commands.registry import Kind, on
from hw_sim.results import CmeError

if TYPE_CHECKING:
    from hw_sim.modem import Modem


def whole(arguments: list[str], place: int = 0, default: int | None = None) -> int:
    """Read an argument as a whole number; raises CME 50 where it is none."""
    text = arguments[place] if place < len(arguments) else ""
    if text.isascii() and text.isdigit():
        return int(text)
    if not text and default is not None:
        return default
    raise CmeError(50)


def choice(arguments: list[str], allowed: range) -> int:
    """Read the only argument as one of a range; raises CME 50 where it is none."""
    value = whole(arguments)
    if value not in allowed or len(arguments) > 1:
        raise CmeError(50)
    return value


@on("E", Kind.BASIC)
def echo(modem: Modem, arguments: list[str]) -> list[str]:
    modem.settings.echo = arguments == ["1"]
    return []


@on("V", Kind.BASIC)
def verbose(modem: Modem, arguments: list[str]) -> list[str]:
    modem.settings.verbose = arguments == ["1"]
    return []


@on("Z", Kind.BASIC)
@on("&F", Kind.BASIC)
def defaults(modem: Modem, _: list[str]) -> list[str]:
    modem.forget_settings()
    return []


def _indifferent(modem: Modem, _: list[str]) -> list[str]:
    return []


for _name in ("&C", "&D", "&K", "&S", "&W", "H", "L", "M", "P", "Q", "T", "X"):
    on(_name, Kind.BASIC)(_indifferent)


@on("S", Kind.READ)
def read_register(modem: Modem, _: list[str]) -> list[str]:
    return ["000"]


on("S", Kind.SET)(_indifferent)


@on("+CMEE", Kind.SET)
def set_cmee(modem: Modem, arguments: list[str]) -> list[str]:
    modem.settings.cmee = choice(arguments, range(3))
    return []


@on("+CMEE", Kind.READ)
def read_cmee(modem: Modem, _: list[str]) -> list[str]:
    return [f"+CMEE: {modem.settings.cmee}"]


@on("+CMEE", Kind.TEST)
def offer_cmee(modem: Modem, _: list[str]) -> list[str]:
    return ["+CMEE: (0-2)"]


@on("+CSCS", Kind.SET)
def set_cscs(modem: Modem, arguments: list[str]) -> list[str]:
    if arguments[0].upper() not in modem.traits.cscs:
        raise CmeError(50)
    modem.settings.cscs = arguments[0].upper()
    return []


@on("+CSCS", Kind.READ)
def read_cscs(modem: Modem, _: list[str]) -> list[str]:
    return [f'+CSCS: "{modem.settings.cscs}"']


@on("+CSCS", Kind.TEST)
def offer_cscs(modem: Modem, _: list[str]) -> list[str]:
    names = ",".join(f'"{name}"' for name in modem.traits.cscs)
    return [f"+CSCS: ({names})"]


@on("+CLAC", Kind.DO)
def list_commands(modem: Modem, _: list[str]) -> list[str]:
    return registry.known(modem.traits.own_commands)


@on("+CFUN", Kind.READ)
def read_cfun(modem: Modem, _: list[str]) -> list[str]:
    return [f"+CFUN: {modem.settings.cfun}"]


@on("+CFUN", Kind.TEST)
def offer_cfun(modem: Modem, _: list[str]) -> list[str]:
    return ["+CFUN: (0,1,4),(0,1)"]


@on("+CFUN", Kind.SET)
def set_cfun(modem: Modem, arguments: list[str]) -> list[str] | None:
    if whole(arguments, 1, 0) == 1:
        modem.reset_by_command()
        return None
    level = whole(arguments)
    if level not in (0, 1, 4):
        raise CmeError(50)
    modem.switch_radio(level)
    return []


@on("^RESET", Kind.DO, own=True)
def huawei_reset(modem: Modem, _: list[str]) -> None:
    modem.reset_by_command()


@on("^CURC", Kind.SET, own=True)
def huawei_chatter(modem: Modem, arguments: list[str]) -> list[str]:
    modem.settings.chatter = choice(arguments, range(3)) != 0
    return []


@on("+CPAS", Kind.DO)
def activity(modem: Modem, _: list[str]) -> list[str]:
    return ["+CPAS: 0"]


@on("+CCLK", Kind.READ)
def read_clock(modem: Modem, _: list[str]) -> list[str]:
    return ['+CCLK: "80/01/06,00:00:00+00"']


@on("+IPR", Kind.SET)
@on("+IFC", Kind.SET)
@on("+ICF", Kind.SET)
@on("+CLIP", Kind.SET)
@on("+CRC", Kind.SET)
@on("+CCLK", Kind.SET)
def accepted(modem: Modem, _: list[str]) -> list[str]:
    """Settings that make no difference to short messages."""
    return []
