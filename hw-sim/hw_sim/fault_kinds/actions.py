"""What many faults come down to: hang, be late, do it twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.faults import Fault, Proceed

if TYPE_CHECKING:
    from hw_sim.modem import Modem


def seconds_of(fault: Fault) -> float | None:
    """The parameter of that name; 0 stands for ever."""
    return fault.settings["seconds"] or None


def hang_now(modem: Modem, fault: Fault) -> None:
    """Be deaf and dumb; what is on the air goes on, but its answer is lost."""
    modem.transmitter.lose_answer(fault.name)
    modem.hang(seconds_of(fault))


def delay(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """Go on later."""
    modem.later(fault.settings["seconds"], proceed)


def do_twice(proceed: Proceed) -> None:
    """Go on, and once more."""
    proceed()
    proceed()
