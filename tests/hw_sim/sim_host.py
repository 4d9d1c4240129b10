"""A modem without a port and the host that talks to it, for dialogues on a clock that stands still."""

from __future__ import annotations

from typing import Any

from hw_sim.bank import build_sim
from hw_sim.clock import ManualClock
from hw_sim.fault_kinds import make_fault
from hw_sim.modem import Modem
from hw_sim.network import Network
from hw_sim.profile import load_profile
from hw_sim.scenario import make_scenario

HELLO = b"0001000B918405214365F7000005E8329BFD06"
"""SUBMIT "hello" to +48501234567, no validity; 18 octets without its SCA."""
HELLO_REPORT = b"0021000B918405214365F7000005E8329BFD06"
"""The same, asking for a status report."""


class Host:
    """What sits at the other end of a modem: writes bytes, reads what has come since."""

    def __init__(self, personality: str = "generic", *, cold: bool = False, **scenario: Any) -> None:
        plan = make_scenario({"modems": 1, "personality": personality, **scenario})
        self.clock = ManualClock()
        self.network = Network(self.clock, radio=plan.radio, service=plan.reports, carrier=plan.carrier, seed=plan.seed)
        sim = build_sim(0, plan.plan_of(0))
        self.network.service_centre.subscribe(sim)
        profile = load_profile(personality)
        self.modem = Modem(0, profile, sim, network=self.network, clock=self.clock, imei="350000000000001")
        self._read = bytearray()
        self.modem.wire.connect(self._read.extend)
        if cold:
            self.modem.power_on()
        else:
            self.modem.start()
        for fault in plan.faults_of(0):
            self.modem.faults.arm(fault)

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
        return [line for line in lines_of(self.write(command.encode("latin-1") + b"\r")) if line != command + "\r"]

    def wait(self, seconds: float) -> bytes:
        """Let time pass; give what the modem has said meanwhile."""
        self.clock.advance(seconds)
        return self.read()

    def send(self, pdu: bytes = HELLO, seconds: float = 1.0) -> bytes:
        """Send a message and give all that is said from Ctrl-Z on, for so many seconds."""
        self.write(f"AT+CMGS={len(pdu) // 2 - 1}\r".encode())
        self.modem.dialogue.feed(pdu + b"\x1a")
        return self.wait(seconds)

    def strike(self, name: str, **settings: Any) -> None:
        """Arm a fault."""
        self.modem.faults.arm(make_fault({"name": name, **{key.rstrip("_"): settings[key] for key in settings}}))
        self.clock.advance(0)

    def phone_sends(self, text: str, sender: str = "+48600700800") -> None:
        """Let a phone send the modem a text."""
        self.network.service_centre.send_text(self.modem.sim, sender, text)


def lines_of(said: bytes) -> list[str]:
    """Cut what was said into lines, leaving out empty ones."""
    return [line for line in said.decode("latin-1").split("\r\n") if line.strip()]
