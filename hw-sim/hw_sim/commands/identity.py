"""Commands that ask who a modem and its SIM are (TS 27.007 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.commands.registry import Kind, Needs, on

if TYPE_CHECKING:
    from hw_sim.modem import Modem


@on("+CGSN", Kind.DO)
@on("+GSN", Kind.DO)
def imei(modem: Modem, _: list[str]) -> list[str]:
    return [modem.imei]


@on("+CIMI", Kind.DO, Needs.SIM)
def imsi(modem: Modem, _: list[str]) -> list[str]:
    return [modem.sim.imsi]


@on("+CCID", Kind.DO)
@on("+CCID", Kind.READ)
def ccid(modem: Modem, _: list[str]) -> list[str]:
    return [f"+CCID: {modem.sim.iccid}"]


@on("+ICCID", Kind.DO)
@on("+ICCID", Kind.READ)
def iccid(modem: Modem, _: list[str]) -> list[str]:
    return [f"+ICCID: {modem.sim.iccid}"]


@on("^ICCID", Kind.READ, own=True)
def huawei_iccid(modem: Modem, _: list[str]) -> list[str]:
    return [f"^ICCID: {modem.sim.iccid}"]


@on("+QCCID", Kind.DO, own=True)
def quectel_iccid(modem: Modem, _: list[str]) -> list[str]:
    return [f"+QCCID: {modem.sim.iccid}"]


@on("+CNUM", Kind.DO, Needs.SIM)
def own_number(modem: Modem, _: list[str]) -> list[str]:
    return [f'+CNUM: "","{modem.sim.msisdn}",145']
