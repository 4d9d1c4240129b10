"""One modem's network: registered or not, how well it is heard, whose it is (TS 27.007 7.2, 7.3, 8.5)."""

from __future__ import annotations

from modemd.at import commands
from modemd.at.link import Link
from modemd.pool import registration
from modemd.pool.modem import Modem
from modemd.pool.questions import Questions

ASK_EVERY_S = 5.0
"""While not registered. The modem tells each change by itself; the question is for those that do not."""

_QUESTIONS = {
    "+CREG:": commands.CIRCUIT_REGISTRATION,
    "+CGREG:": commands.PACKET_REGISTRATION,
    "+CEREG:": commands.EPS_REGISTRATION,
}


class Network:
    """Asks over one link and keeps the answers in the modem's record."""

    def __init__(self, modem: Modem, link: Link, *, roaming: bool) -> None:
        self._modem = modem
        self._questions = Questions(link)
        self._roaming = roaming

    async def follow(self) -> None:
        """Let the modem tell every change of its registration."""
        for which in ("CREG", "CGREG", "CEREG"):
            await self._questions.attempt(commands.follow_registration(which))

    async def joined(self) -> None:
        """Return when the modem is registered where it may send; raises what the link was lost by."""
        while True:
            await self.ask()
            reason = self._modem.off_network(self._roaming)
            if reason is None:
                return
            self._modem.explains(reason)
            await self._modem.registration_news(ASK_EVERY_S)

    async def ask(self) -> None:
        """On LTE the circuit-switched answer may be "denied" while SMS works: all three are asked."""
        for prefix, question in _QUESTIONS.items():
            answer = await self._questions.attempt(question)
            if answer:
                self._modem.registered(prefix, registration.answered(answer[0]))

    async def signal(self) -> None:
        """Read signal strength and the operator's name."""
        strength = await self._questions.attempt(commands.SIGNAL)
        self._modem.signal_dbm = registration.dbm(strength[0]) if strength else None
        name = await self._questions.attempt(commands.OPERATOR)
        self._modem.operator = registration.operator(name[0]) if name else None
