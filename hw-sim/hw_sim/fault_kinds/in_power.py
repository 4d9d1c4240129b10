"""Faults of power and cable: unplugged, restarted, a bad line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hw_sim.faults import Fault, Point, Proceed, fault

if TYPE_CHECKING:
    from hw_sim.modem import Modem


@fault("unplug", Point.TIME, seconds=0.0, other_path=False, first=True)
def unplug(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The device is pulled out, after `first` doing what came next; after `seconds` it is back, perhaps elsewhere."""
    if fault.settings["first"]:
        proceed()
    modem.unplug()
    if fault.settings["seconds"]:
        modem.clock.later(fault.settings["seconds"], partial(modem.plug_in, fault.settings["other_path"]))


@fault("plug_in", Point.TIME, other_path=False)
def plug_in(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The device is back, if given at another path."""
    modem.plug_in(fault.settings["other_path"])
    proceed()


@fault("restart", Point.TIME, text_mode=False, silent=False, first=False)
def restart(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The modem restarts, into text mode with `text_mode`, without boot lines if `silent`; `first` as in unplug."""
    if fault.settings["first"]:
        proceed()
    modem.power_off(fault.name)
    modem.power_on(silent=fault.settings["silent"])
    modem.settings.cmgf = int(fault.settings["text_mode"])


@fault("slow_line", Point.TIME, size=1, seconds=0.02, duration=0.0)
def slow_line(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """What the modem says comes `size` bytes at a time, `seconds` apart, for `duration` or for ever."""
    modem.wire.slow_down(fault.settings["size"], fault.settings["seconds"])
    if fault.settings["duration"]:
        modem.clock.later(fault.settings["duration"], partial(modem.wire.slow_down, 0, 0.0))
    proceed()


@fault("garbage", Point.TIME, count=4)
def garbage(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """`count` bytes of noise come down the line; with `on` and `rate` at a share of the points."""
    modem.wire.garble(fault.settings["count"], modem.faults.chance)
    proceed()


@fault("lost_bytes", Point.TIME, count=1)
def lost_bytes(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The next `count` bytes that the modem says are lost; with `byte` from that position on."""
    modem.wire.lose(fault.settings["count"])
    proceed()


@fault("noisy_line", Point.TIME, share=0.01, duration=0.0)
def noisy_line(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A `share` of all lines has one byte turned to noise, for `duration` or for ever."""
    chance, share = modem.faults.chance, fault.settings["share"]

    def disturb(data: bytes) -> bytes:
        if chance.random() >= share:
            return data
        at = chance.randrange(len(data))
        return data[:at] + bytes((data[at] | 0x80,)) + data[at + 1 :]

    modem.wire.disturb_by(disturb)
    if fault.settings["duration"]:
        modem.clock.later(fault.settings["duration"], partial(modem.wire.disturb_by, None))
    proceed()
