"""A device's second AT port: it answers questions, but sends nothing and is told nothing unasked."""

from __future__ import annotations

from hw_sim.dialogue import Dialogue, Phase
from hw_sim.modem import Modem
from hw_sim.results import CmsError, Refused

RESERVED = ("+CMGS", "+CMGW", "+CMSS", "+CFUN=", "+CUSD", "^RESET")
"""Commands that go on beyond their answer; the first port has them (CMS 301)."""


class SecondPort:
    """The dialogue on a second port, with an echo of its own."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem
        self.dialogue = Dialogue(self._answer, self._worded)
        self.dialogue.reset(modem.power_up_settings(), Phase.COMMAND)

    def _answer(self, text: str) -> list[str] | None:
        command = text.upper()
        if command in ("E0", "E1"):
            self.dialogue.settings.echo = command == "E1"
            return []
        if self._modem.dialogue.phase is Phase.OFF or command.startswith(RESERVED):
            raise CmsError(301)
        return self._modem.answer(text)

    def _worded(self, refusal: Refused) -> str:
        return refusal.line(self._modem.settings.cmee)
