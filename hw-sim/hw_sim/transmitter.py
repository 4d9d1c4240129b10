"""A modem's sending side: the radio link that +CMMS keeps up, and the message that is on its way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hw_sim.faults import Point
from hw_sim.network import Transmission
from hw_sim.results import CmsError
from hw_sim.tpdu import Submit

if TYPE_CHECKING:
    from hw_sim.modem import Modem

NO_LINK = -1.0


class Transmitter:
    """Sends one message at a time."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem
        self._link_until = NO_LINK
        self.messages = 0
        """How many +CMGS there were."""
        self.sent: Transmission | None = None
        """What the host waits for."""

    def drop_link(self) -> None:
        """The radio link is released."""
        self._link_until = NO_LINK

    def link_is_up(self) -> bool:
        """Whether +CMMS has kept the radio link up until now; past the gap, mode 1 falls back to 0."""
        settings = self._modem.settings
        if self._modem.clock.now() <= self._link_until:
            return settings.cmms != 0
        if self._link_until >= 0:
            self._link_until = NO_LINK
            if settings.cmms == 1:
                settings.cmms = 0
        return False

    def transmit(self, submit: Submit, *, linked: bool, answer: str) -> None:
        """Put a message on the air; the command ends with the network's answer."""
        modem = self._modem
        answered = partial(self._network_answered, answer)
        sent = Transmission(modem.index, modem.sim, modem.sim.next_mr(), submit, linked, answered)
        self.sent = sent
        modem.faults.pass_through(Point.SUBMIT, partial(modem.network.transmit, sent))

    def _network_answered(self, answer: str, sent: Transmission) -> None:
        modem = self._modem
        if modem.settings.cmms:
            self._link_until = modem.clock.now() + modem.traits.cmms_gap
        modem.faults.pass_through(Point.ANSWER, partial(self._tell, sent, answer))
        modem.network.record(sent)

    def _tell(self, sent: Transmission, answer: str) -> None:
        self._modem.network.record(sent)
        self.sent = None
        if isinstance(sent.cause, int):
            self._modem.dialogue.refuse(CmsError(sent.cause))
        else:
            self._modem.dialogue.finish([f"{answer}: {sent.mr}"])

    def lose_answer(self, why: str) -> None:
        """The host will not be told what becomes of the message that is on its way."""
        if self.sent is not None:
            self.sent.lost = why
            self.sent = None
