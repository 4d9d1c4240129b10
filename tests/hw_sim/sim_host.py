"""A modem without a port and the host that talks to it, for dialogues on a clock that stands still."""

from __future__ import annotations

from hw_sim.clock import ManualClock
from hw_sim.modem import Modem
from hw_sim.network import Network
from hw_sim.profile import load_profile
from hw_sim.sim_card import SimCard

HELLO = b"0001000B918405214365F7000005E8329BFD06"
"""SUBMIT "hello" to +48501234567, no validity; 18 octets without its SCA."""


class Host:
    """What sits at the other end of a modem: writes bytes, reads what has come since."""

    def __init__(self, personality: str = "generic") -> None:
        self.clock = ManualClock()
        self.network = Network(self.clock)
        self.modem = Modem(
            0,
            load_profile(personality),
            SimCard.numbered(0),
            network=self.network,
            clock=self.clock,
            imei="350000000000001",
        )
        self._read = bytearray()
        self.modem.dialogue.send = self._read.extend
        self.modem.start()

    def write(self, data: bytes) -> bytes:
        """Write bytes; give what the modem has said by then."""
        self.modem.dialogue.feed(data)
        return self.read()

    def read(self) -> bytes:
        """Give what the modem has said since the last look."""
        said = bytes(self._read)
        self._read.clear()
        return said

    def ask(self, command: str) -> list[str]:
        """Send a command line; give the lines of the answer that are not empty, without an echo."""
        said = self.write(command.encode("latin-1") + b"\r").decode("latin-1").split("\r\n")
        return [line for line in said if line.strip() and line.strip() != command]

    def wait(self, seconds: float) -> bytes:
        """Let time pass; give what the modem has said meanwhile."""
        self.clock.advance(seconds)
        return self.read()
