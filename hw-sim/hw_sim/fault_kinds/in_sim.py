"""Faults of SIM, storages and network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hw_sim.fault_kinds.actions import seconds_of
from hw_sim.faults import Fault, Point, Proceed, fault
from hw_sim.network import Registration
from hw_sim.tpdu import write_delivers

if TYPE_CHECKING:
    from hw_sim.modem import Modem


@fault("memory_full", Point.TIME, storage="", leave=0)
def memory_full(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A storage, or every one, is full but for `leave` places."""
    (octets,) = write_delivers("+48600000000", "memory", sent=modem.clock.unix())
    for store in modem.memory.stores():
        if fault.settings["storage"] in ("", store.name):
            store.fill(octets, modem.smsc, fault.settings["leave"])
    proceed()


@fault("sim_busy", Point.TIME, seconds=5.0)
def sim_busy(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The SIM is busy for `seconds`: +CME ERROR: 14, +CMS ERROR: 314."""
    modem.sim_busy_until = modem.clock.now() + fault.settings["seconds"]
    proceed()


@fault("sim_out", Point.TIME, seconds=0.0)
def sim_out(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The SIM loses contact, for `seconds` or for ever: +CME ERROR: 10."""
    modem.sim.inserted = False
    modem.network.lose(modem, Registration.NONE, None)
    if fault.settings["seconds"]:
        modem.clock.later(fault.settings["seconds"], partial(_sim_in, modem))
    proceed()


def _sim_in(modem: Modem) -> None:
    modem.sim.inserted = True
    modem.network.register(modem)


@fault("jump_mr", Point.TIME, to=0)
def jump_mr(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The SIM's message reference counter jumps, so that the next message has the reference `to`."""
    modem.sim.last_mr = (fault.settings["to"] - 1) % 256
    proceed()


@fault("no_network", Point.TIME, seconds=10.0, stat=2)
def no_network(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """Registration is lost for `seconds`; `stat` is what +CREG says: 0 none, 2 searching, 3 denied."""
    modem.network.lose(modem, Registration(fault.settings["stat"]), seconds_of(fault))
    proceed()


@fault("circuit_denied", Point.TIME)
def circuit_denied(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """+CREG says denied while +CGREG and +CEREG say roaming, and messages go: as on LTE."""
    del fault
    modem.told_registration = {
        "+CREG": Registration.DENIED,
        "+CGREG": Registration.ROAMING,
        "+CEREG": Registration.ROAMING,
    }
    proceed()


@fault("signal", Point.TIME, rssi=3)
def signal(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """+CSQ says `rssi`."""
    modem.signal = fault.settings["rssi"]
    proceed()


@fault("receive", Point.TIME, sender="+48600000000", text="hello")
def receive(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A phone sends the modem a text, long ones in segments."""
    modem.network.service_centre.send_text(modem.sim, fault.settings["sender"], fault.settings["text"])
    proceed()


@fault("top_up", Point.TIME, amount=10.0)
def top_up(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """Somebody pays `amount` in for the prepaid SIM."""
    modem.network.carrier.top_up(modem.sim, fault.settings["amount"])
    proceed()
