"""Commands about the PIN (TS 27.007 8.3, 7.4) and the makers' own ways to ask how many tries are left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.commands.registry import Kind, on
from hw_sim.results import CmeError
from hw_sim.sim_card import PIN_TRIES, PUK_TRIES, PinState

if TYPE_CHECKING:
    from hw_sim.modem import Modem


@on("+CPIN", Kind.READ)
def read_pin_state(modem: Modem, _: list[str]) -> list[str] | None:
    state = modem.sim.pin_state
    if state in (PinState.BLOCKED, PinState.ABSENT):
        raise CmeError(13 if state is PinState.BLOCKED else 10)
    if state is PinState.READY and modem.sim_is_busy():
        raise CmeError(modem.traits.pin_busy_error)
    lines = [f"+CPIN: {state.value}"]
    if modem.traits.cpin_without_ok:
        modem.dialogue.finish(lines, "")
        return None
    return lines


@on("+CPIN", Kind.TEST)
def offer_pin(modem: Modem, _: list[str]) -> list[str]:
    return []


@on("+CPIN", Kind.SET)
def enter_pin(modem: Modem, arguments: list[str]) -> list[str]:
    sim = modem.sim
    state = sim.pin_state
    if state in (PinState.BLOCKED, PinState.ABSENT):
        raise CmeError(13 if state is PinState.BLOCKED else 10)
    if state is PinState.READY:
        raise CmeError(3)
    if state is PinState.PUK:
        if len(arguments) < 2:
            raise CmeError(12)
        taken = sim.unblock(arguments[0], arguments[1])
    else:
        taken = sim.verify_pin(arguments[0])
    if not taken:
        raise CmeError(13 if sim.puk_tries == 0 else 12 if sim.pin_tries == 0 else 16)
    modem.sim_unlocked()
    return []


@on("+CPINR", Kind.SET)
def standard_tries(modem: Modem, arguments: list[str]) -> list[str]:
    """Tell the tries left, and how many there are when none is lost (TS 27.007 8.65)."""
    sim = modem.sim
    tries = {"SIM PIN": (sim.pin_tries, PIN_TRIES), "SIM PUK": (sim.puk_tries, PUK_TRIES)}.get(arguments[0].upper())
    if tries is None:
        raise CmeError(50)
    return [f"+CPINR: {arguments[0].upper()},{tries[0]},{tries[1]}"]


@on("+CLCK", Kind.SET)
def lock(modem: Modem, arguments: list[str]) -> list[str]:
    """Ask for the PIN lock of the SIM, or change it: facility "SC", mode 2 asks, 0 and 1 take the PIN."""
    if arguments[0].upper() != "SC":
        raise CmeError(4)
    if arguments[1:2] == ["2"]:
        return [f"+CLCK: {int(modem.sim.pin_enabled)}"]
    if len(arguments) < 3 or arguments[1] not in ("0", "1"):
        raise CmeError(50)
    if not modem.sim.verify_pin(arguments[2]):
        raise CmeError(12 if modem.sim.pin_tries == 0 else 16)
    modem.sim.pin_enabled = arguments[1] == "1"
    return []


@on("+CSIM", Kind.SET)
def raw_sim_command(modem: Modem, arguments: list[str]) -> list[str]:
    """Answer VERIFY without a PIN, which asks for the tries left (TS 31.101: 63CX); nothing else."""
    if arguments[-1].upper() != "0020000100":
        return ['+CSIM: 4,"6D00"']
    return [f'+CSIM: 4,"63C{modem.sim.pin_tries:X}"' if modem.sim.pin_tries else '+CSIM: 4,"6983"']


@on("^CPIN", Kind.READ, own=True)
def huawei_tries(modem: Modem, _: list[str]) -> list[str]:
    sim = modem.sim
    return [f"^CPIN: {sim.pin_state.value},{sim.pin_tries},{sim.puk_tries},{sim.pin_tries},10,3"]


@on("+ZPINPUK", Kind.TEST, own=True)
def zte_tries(modem: Modem, _: list[str]) -> list[str]:
    return [f"+ZPINPUK: {modem.sim.pin_tries},{modem.sim.puk_tries}"]


@on("+SPIC", Kind.DO, own=True)
def simcom_tries(modem: Modem, _: list[str]) -> list[str]:
    return [f"+SPIC: {modem.sim.pin_tries},{modem.sim.puk_tries},3,10"]


@on("#PCT", Kind.DO, own=True)
def telit_tries(modem: Modem, _: list[str]) -> list[str]:
    sim = modem.sim
    return [f"#PCT: {sim.puk_tries if sim.pin_state is PinState.PUK else sim.pin_tries}"]


@on("+QPINC", Kind.READ, own=True)
@on("+QPINC", Kind.SET, own=True)
def quectel_tries(modem: Modem, _: list[str]) -> list[str]:
    return [f'+QPINC: "SC",{modem.sim.pin_tries},{modem.sim.puk_tries}', '+QPINC: "P2",3,10']
