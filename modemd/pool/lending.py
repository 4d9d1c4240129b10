"""Lends a modem that has been brought up to the dispatcher, again and again, and does between whiles what is due.

The dispatcher keeps the modem until it is called back: to be drained or restarted, because its network is gone, for an
errand, or because an outcome asks for a treatment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemd import log
from modemd.at.judgement import Judgement
from modemd.at.link import Link
from modemd.at.state import State
from modemd.clock import Clock
from modemd.errors import AtError, BringUpError, ModemLost
from modemd.pool.bringup import BringUp
from modemd.pool.errands import Errands
from modemd.pool.health import Streaks, Treatment
from modemd.pool.modem import Condition, Modem
from modemd.pool.settings import Hooks, Settings
from modemd.values import Outcome

SERVE_AGAIN_S = 1.0
"""Rest after the dispatcher failed for a reason that is not the modem's; the cause is elsewhere and logged there."""


class Lending:
    """One modem's time with the dispatcher; ``becomes`` tells its condition."""

    def __init__(
        self,
        modem: Modem,
        settings: Settings,
        hooks: Hooks,
        becomes: Callable[[Condition, str | None], None],
        clock: Clock,
    ) -> None:
        self.errands = Errands(
            modem, hooks.take, self.call_back, clock, idle_s=settings.upkeep_idle_s, busy_s=settings.upkeep_busy_s
        )
        self.lent = False
        """Whether the dispatcher has it."""
        self._modem = modem
        self._settings = settings
        self._hooks = hooks
        self._becomes = becomes
        self._streaks = Streaks()
        self._treatment: tuple[Treatment, float] = (Treatment.NOTHING, 0.0)
        self._detail = ""
        self._stopping = False
        self._restarting = False
        self._network_doubtful = False
        self._poke = asyncio.Event()

    async def run(self, link: Link, steps: BringUp) -> None:
        """Until it is stopped; raises what the link was lost by, or ModemLost or BringUpError for a treatment."""
        self._treatment = (Treatment.NOTHING, 0.0)
        self.errands.begin(link, steps.network)
        try:
            while not self._stopping:
                await self._one_turn(link, steps)
                if link.failure is not None:
                    raise link.failure
                await self._treat(steps)
        finally:
            self._restarting = False
            self.errands.end()

    def stop(self) -> None:
        """Lend it no more."""
        self._stopping = True
        self.call_back()

    def drain(self) -> None:
        """Give it no further message."""
        self._modem.drained = True
        self.call_back()

    def resume(self) -> None:
        """Lend it again."""
        self._modem.drained = False
        self.hold(None)

    def hold(self, reason: str | None) -> None:
        """Lend it no more for this reason, or again."""
        self._modem.held = reason
        self.call_back()

    def restart(self) -> None:
        """End with ModemLost, code ``asked``, after the message in hand."""
        self._restarting = True
        self.call_back()

    def call_back(self) -> None:
        """Something is to be done with it."""
        self._modem.call_back()
        self._poke.set()

    def network_in_doubt(self) -> None:
        """The modem says that its registration is lost, or one of three."""
        self._network_doubtful = True
        self.call_back()

    def settled(self, outcome: Outcome, judgement: Judgement | None) -> None:
        """An outcome is known; what it asks for is done when the dispatcher has given the modem back."""
        treatment = self._streaks.treatment(outcome, judgement, self._modem.doubts)
        if treatment[0] is not Treatment.NOTHING:
            self._treatment = treatment
            self._detail = outcome.detail
            self._modem.call_back()

    async def _one_turn(self, link: Link, steps: BringUp) -> None:
        await self.errands.run(link)
        if self._restarting:
            self._restarting = False
            raise ModemLost("it is restarted because somebody asked for it", code="asked")
        if self._network_doubtful:
            self._network_doubtful = False
            await steps.network.ask()
        off_network = self._modem.off_network(self._settings.roaming)
        if self._modem.drained or self._modem.held is not None:
            self._becomes(Condition.DRAINING, self._modem.held)
            await self._pause(link)
        elif off_network is not None:
            self._becomes(Condition.STARTING, off_network)
            await steps.rejoin()
        else:
            await self._lend(link)

    async def _lend(self, link: Link) -> None:
        self.lent = True
        self._modem.lend()
        self._becomes(Condition.READY, None)
        try:
            await self._hooks.serve(self._modem)
        except AtError:
            raise
        except Exception as error:
            log.failed("modem.not_served", error, modem=self._modem.name)
            await self._pause(link, SERVE_AGAIN_S)
        finally:
            self._modem.call_back()
            self.lent = False
        if link.state is State.SUBMITTED:
            await self._modem.idle()
        if link.state not in {State.IDLE, State.LOST}:
            link.lose(ModemLost("a message was left at the prompt", code="out_of_step"))

    async def _pause(self, link: Link, at_most_s: float | None = None) -> None:
        """Wait until there is something to do, or the link is lost."""
        self._poke.clear()
        poked = asyncio.create_task(self._poke.wait())
        waiting: set[asyncio.Future[None] | asyncio.Task[bool]] = {link.lost, poked}
        try:
            await asyncio.wait(waiting, timeout=at_most_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            poked.cancel()

    async def _treat(self, steps: BringUp) -> None:
        (treatment, rest_s), self._treatment = self._treatment, (Treatment.NOTHING, 0.0)
        if treatment is Treatment.NOTHING:
            return
        log.event("modem.treated", modem=self._modem.name, treatment=treatment.value, rest_s=rest_s)
        if treatment is Treatment.SICK:
            raise ModemLost(f"it refuses message after message: {self._detail}", code="sick")
        if treatment is Treatment.HOLD:
            raise BringUpError("sim", f"the network refuses this SIM: {self._detail}", code="sim_refused")
        if treatment is Treatment.LOOK:
            raise ModemLost(f"it has changed: {self._detail}", code="look")
        if rest_s:
            await self._rest(steps.link, rest_s)
        if treatment is Treatment.EMPTY:
            self.errands.empty_storage()
        elif treatment is Treatment.REJOIN:
            await steps.network.ask()

    async def _rest(self, link: Link, seconds: float) -> None:
        self._becomes(Condition.STARTING, f"resting {seconds:g} s: {self._detail}")
        deadline = link.loop.time() + seconds
        while (left := deadline - link.loop.time()) > 0 and not self._stopping and link.failure is None:
            await self._pause(link, left)
