"""Looks after one modem: open its port, bring it up, lend it, climb the ladder when it fails.

Each modem has a task of its own here, so that one that hangs delays nobody. Nothing in this file waits for another
modem.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from modemd import log
from modemd.at.judgement import Judgement
from modemd.at.link import Link
from modemd.at.serial import Port, open_port
from modemd.at.state import State
from modemd.at.trace import Traced
from modemd.clock import Clock
from modemd.errors import ModemdError, ModemLost, PortUnusable
from modemd.pool import rungs
from modemd.pool.bringup import BringUp, Step
from modemd.pool.candidates import Candidates
from modemd.pool.ears import Ears
from modemd.pool.health import Evidence, Rung, evidence_of
from modemd.pool.lending import Lending
from modemd.pool.modem import Condition, Modem
from modemd.pool.settings import Hooks, Settings
from modemd.values import Outcome, Verdict

BUSY_S = (0.5, 1.0, 2.0, 5.0)
"""Waits before a port that somebody holds, or that we may not open, is tried again."""
RESET_GRACE_S = 10.0
"""Seconds for which a reset that a person asks for awaits the answer to the message in hand: most come within five, and
who resets a modem that owes one for longer does so because of that. What is unanswered then is uncertain."""
_WITHOUT_EVIDENCE = frozenset({"asked", "look", "foreign", "text_mode"})
"""Ends of a link that speak against no modem: a person asked for it, the SIM is to be looked at, somebody meddled."""


class Care:
    """The life of one modem, at the first of ``ports`` that works."""

    def __init__(self, modem: Modem, ports: Sequence[str], settings: Settings, hooks: Hooks, clock: Clock) -> None:
        self.modem = modem
        self.lending = Lending(modem, settings, hooks, self._becomes, clock)
        self._settings = settings
        self._hooks = hooks
        self._clock = clock
        self._stopping = False
        self._candidates = Candidates(ports)
        self._booting = True
        self._ears = Ears(modem, self.lending, hooks)
        self._restart: tuple[str, ...] = ()
        """What restarts it, once its family is known."""
        self._restart_asked = False
        """To be restarted as soon as its port is open."""
        self._hurry = asyncio.Event()
        modem.on_settled = self._settled
        modem.on_change = hooks.changed
        modem.on_orphan = self._ears.accepted_late

    async def run(self) -> None:
        """Until ``stop``: never raises for what a port or a modem does."""
        try:
            while (port := await self._opened()) is not None:
                try:
                    rung, rest_s = await self._use(port)
                finally:
                    await port.close()
                await self._climb(rung, rest_s)
        finally:
            await self.lending.errands.close()

    def stop(self) -> None:
        """Let the dispatcher give the modem back after the message in hand, then end."""
        self._stopping = True
        self._hurry.set()
        self.lending.stop()
        if not self.lending.lent:
            self.cut()

    def leave(self) -> None:
        """What was plugged in here is plugged out: end, and wait for nothing."""
        self.stop()
        self.cut()
        self._becomes(Condition.ABSENT, "unplugged")

    def offered(self, ports: Sequence[str]) -> None:
        """The device shows these ports now: they come one after the other."""
        if self._candidates.offered(ports) and not self.modem.known and self.modem.link is not None:
            self._candidates.proven = False
            self.modem.link.close()

    def cut(self) -> None:
        """Wait no longer: what is unanswered is uncertain."""
        if self.modem.link is not None:
            self.modem.link.close("stopped")

    def resume(self) -> None:
        """Use it again, also one that is quarantined: somebody has seen to it."""
        self.modem.health.pardoned()
        self._hurry.set()
        self.lending.resume()

    def reset(self) -> None:
        """Restart it because a person asks for it: what speaks against it is forgotten."""
        self.modem.health.pardoned()
        link = self.modem.link
        asked = ModemLost("it is restarted because somebody asked for it", code="asked")
        if link is None:
            self._restart_asked = True
            self._hurry.set()
        elif self.lending.lent or link.state is State.SUBMITTED:
            self.lending.restart()
            link.loop.call_later(RESET_GRACE_S, link.lose, asked)
        else:
            link.lose(asked)

    async def _opened(self) -> Port | None:
        """Wait for a port that can be opened; None when there is nothing to be done any more."""
        waits = itertools.chain(BUSY_S, itertools.repeat(BUSY_S[-1]))
        while not self._stopping:
            missing = True
            for path in self._candidates.in_turn(self.modem.port):
                try:
                    port = await open_port(path, self._settings.baud)
                except PortUnusable as reason:
                    missing = missing and reason.code == "port_missing"
                    self._absent(reason)
                else:
                    self.modem.port = path
                    return Traced(port, self._traced_as) if self._settings.traced else port
            await self._rest(self._settings.look_every_s if missing else next(waits))
        return None

    def _traced_as(self) -> str | None:
        """The name under which the exchange is logged, if it is: a name is known only some commands after the port."""
        wanted = self._settings.traced & {self.modem.name, self.modem.port}
        return self.modem.name if wanted else None

    def _absent(self, reason: PortUnusable) -> None:
        if self.modem.reason != str(reason):
            log.failed("modem.absent", reason, level="WARNING", modem=self.modem.name, cure=reason.cure)
        self._becomes(Condition.ABSENT, str(reason))

    async def _use(self, port: Port) -> tuple[Rung, float]:
        """Lay one link after the other over an open port, until it has to be closed for a rung of the ladder."""
        if self._restart_asked:
            return await self._restarted(port), 0.0
        while not self._stopping:
            link = Link(port, self._ears.hear)
            self.modem.laid(link)
            try:
                await self._live(link)
            except ModemdError as failure:
                rung, rest_s = await self._judge(failure, link)
            finally:
                link.close()
                self.modem.link = None
            if self._stopping:
                break
            if self._restart_asked:
                return await self._restarted(port), 0.0
            if rung is Rung.RESTART:
                await rungs.restart(port, link.dialect.restart, self.modem.name)
            if rung is not Rung.PING:
                return rung, rest_s
        return Rung.REOPEN, 0.0

    async def _restarted(self, port: Port) -> Rung:
        """Do what a person has asked for, as far as this family allows it; the rung that is left to be climbed."""
        self._restart_asked = False
        self._booting = True
        self._becomes(Condition.STARTING, "restarted because somebody asked for it")
        means = await rungs.means_for(self.modem.port, self._restart, self._settings.sysfs)
        log.event("modem.reset", modem=self.modem.name, by_command=means.restart, by_usb=means.reauthorise)
        if means.restart:
            await rungs.restart(port, self._restart, self.modem.name)
            return Rung.RESTART
        return Rung.REAUTHORISE if means.reauthorise else Rung.REOPEN

    async def _live(self, link: Link) -> None:
        """Bring the modem up and lend it until it is stopped or lost."""

        def before(step: Step) -> None:
            self._becomes(Condition.STARTING, f"bring-up: {step}")
            self._ears.nothing_said &= step is Step.LISTEN
            if step is Step.SERVICE:  # modem and SIM are known
                self._restart = link.dialect.restart
                self._hooks.identified(self.modem)

        steps = BringUp(self.modem, link, self._settings, booting=self._booting and self._candidates.proven)
        await steps.run(before)
        self._booting = False
        self._candidates.proven = True
        self.modem.health.ready(self._clock.monotonic())
        log.event("modem.ready", modem=self.modem.name, maker=self.modem.maker, model=self.modem.model)
        await self.lending.run(link, steps)

    def _settled(self, outcome: Outcome, judgement: Judgement | None) -> None:
        if outcome.verdict is Verdict.ACCEPTED:
            self.modem.health.accepted()
        self.lending.settled(outcome, judgement)

    async def _judge(self, failure: ModemdError, link: Link) -> tuple[Rung, float]:
        """The rung of the ladder that this failure asks for, and how long to rest on it."""
        if self._stopping:
            return Rung.REOPEN, 0.0
        if failure.code in _WITHOUT_EVIDENCE:
            self._booting = True
            self._restart_asked |= failure.code == "asked"
            return Rung.PING, 0.0
        if self._candidates.failed():
            return Rung.REOPEN, 0.0
        if self.modem.superseded:  # whoever it is: a modem that fails has to be seen
            self._hooks.identified(self.modem)
        self._hurry.clear()
        evidence = evidence_of(failure)
        means = await rungs.means_for(self.modem.port, link.dialect.restart, self._settings.sysfs)
        rung, rest_s = self.modem.health.failed(evidence, self._clock.monotonic(), means)
        self.modem.rungs[rung.value] += 1
        self._booting = rung not in {Rung.PING, Rung.REOPEN} or evidence in {Evidence.GONE, Evidence.RESTARTED}
        self._becomes(Condition.ABSENT if evidence is Evidence.GONE else Condition.QUARANTINED, str(failure))
        fields = {"modem": self.modem.name, "evidence": evidence.value, "rung": rung.value, "rest_s": rest_s}
        log.failed("modem.failed", failure, level="WARNING", **fields)
        return rung, rest_s

    async def _climb(self, rung: Rung, rest_s: float) -> None:
        """What the rung does with the port closed."""
        if rung is Rung.REAUTHORISE and not self._stopping:
            await rungs.reauthorise(self.modem.port, self.modem.name, self._settings.sysfs)
        await self._rest(max(rest_s, rungs.SETTLE_S if rung is Rung.RESTART else 0.0))

    async def _rest(self, seconds: float) -> None:
        """Wait, or less if somebody is in a hurry, also since what is waited for was told."""
        if self._stopping or not seconds:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return
        self._hurry.clear()

    def _becomes(self, condition: Condition, reason: str | None = None) -> None:
        self.modem.becomes(condition, reason)
