"""What the dispatcher needs of a modem that it is lent."""

from __future__ import annotations

from typing import Protocol

from modemd.values import Outcome, Segment


class Sending(Protocol):
    """One AT+CMGS under way."""

    async def prompt(self) -> None:
        """Return when the modem waits for the PDU; raises Unsent."""

    async def submit(self) -> Outcome:
        """Write PDU and Ctrl-Z; what became of it."""

    async def abandon(self) -> None:
        """Leave the prompt without sending."""


class Modem(Protocol):
    """A modem that is ready."""

    name: str
    port: str
    sim: str
    doubts: int
    """Messages in a row that it has not got accepted, through no fault of theirs that is proven."""

    @property
    def may_send(self) -> bool:
        """Whether it may be given another message: ready, not draining, within its limits."""

    def start_sms(self, segment: Segment) -> Sending:
        """Write AT+CMGS before returning; raises PortLost or ModemLost where the modem has failed."""

    def followed_on(self) -> None:
        """The message just started followed on a final result at once."""

    async def stopped(self) -> None:
        """Return when it shall be given back, raise what it failed of."""
