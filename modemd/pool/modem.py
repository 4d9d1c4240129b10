"""One modem as the rest of the house sees it: who it is, how it is, and ``start_sms``.

A modem outlives its links: it is unplugged and comes back, restarts, changes its port. What a link is laid over and
when is the pool's affair (care.py).
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum

from modemd.at.judgement import Judgement
from modemd.at.link import Link
from modemd.at.sending import Sending
from modemd.clock import Clock
from modemd.errors import PortLost
from modemd.pool.health import Health, casts_doubt
from modemd.pool.histogram import GAP_S, SEND_S, Histogram
from modemd.pool.registration import Registration, best
from modemd.values import Outcome, Segment, Verdict

__all__ = ["Condition", "Modem", "Sending"]


class Condition(StrEnum):
    """How a modem is; what ``modemd status`` shows as its state."""

    STARTING = "starting"
    """It is being brought up, or waits for its network."""
    READY = "ready"
    SENDING = "sending"
    DRAINING = "draining"
    """It is given no further message until it is resumed."""
    QUARANTINED = "quarantined"
    """It failed; it is tried again later, or needs a person (see its reason)."""
    ABSENT = "absent"
    """Its port is not there."""


GAPS_KEPT = 1000
"""Gaps that a modem remembers: some minutes of sending, enough for a 99th percentile."""


class Modem:
    """One modem. The dispatcher uses ``may_send``, ``start_sms``, ``stopped``; everything else is there to be read."""

    imei: str | None = None
    maker: str | None = None
    model: str | None = None
    revision: str | None = None
    dialect: str = "generic"
    operator: str | None = None
    signal_dbm: int | None = None
    registration: Registration = Registration.NONE
    smsc_known: bool = False
    keeps_link: bool = False
    """Whether ``AT+CMMS=2`` was taken."""
    storage_used: int = 0
    storage_total: int = 0
    storages_to_read: tuple[str, ...] = ()
    """The storages in which inbound messages and reports may lie; none for a modem that cannot receive."""
    storage_setting: tuple[str, ...] = ()
    """What ``+CPMS`` was set to: where to read, to write, to receive."""
    credit: Decimal | None = None
    """What its SIM had left when it was last asked."""
    drained: bool = False
    """Whether somebody wants it to be given no message."""
    held: str | None = None
    """Why it is given no message although it could send: its SIM is short of credit."""
    reason: str | None = None
    """Why it is not ready, for the operator."""
    last_success: int | None = None
    """When it last had a message accepted, microseconds since 1970."""
    sent: int = 0
    failed: int = 0
    uncertain: int = 0
    doubts: int = 0
    """Messages in a row that it has not got accepted, through no fault of theirs that is proven."""
    busy_s: float = 0.0
    """Seconds spent with a message in flight since the start."""
    takes_one_line: bool = True
    """Whether nothing speaks against ``AT+CMGF=0;+CMGS=…`` on one line: it is tried with the next link."""
    superseded: bool = False
    """The modem this was the record of has come back at another port, or is not known yet."""

    def __init__(self, name: str, port: str, clock: Clock) -> None:
        self.name = name
        """Stable, for people: the port's own name where that is stable, else from model and IMEI."""
        self.port = port
        self.sim = f"port:{port}"
        """Identity of the SIM that is in it: ICCID, else IMSI, else ``port:<path>``. Never logged."""
        self.gaps_s: deque[float] = deque(maxlen=GAPS_KEPT)
        """Seconds from the last octet of a final result to the next ``AT+CMGS``, when a message was at hand."""
        self.health = Health()
        """Its record; it goes with the modem from port to port, so that a loop of restarts is seen as one."""
        self.gap_times = Histogram(GAP_S)
        """All gaps since the start."""
        self.send_times = Histogram(SEND_S)
        """Seconds from ``AT+CMGS`` to the outcome, whichever it was."""
        self.rungs: Counter[str] = Counter()
        """Rungs of the ladder that have been climbed."""
        self.link: Link | None = None
        self.on_settled: Callable[[Outcome, Judgement | None], None] = lambda _outcome, _judgement: None
        """The pool's ear: each outcome, as soon as it is known."""
        self.on_change: Callable[[], None] = lambda: None
        """Its condition or the reason for it has changed (sending or not is no change)."""
        self.on_orphan: Callable[[int], None] = lambda _reference: None
        """A reference came for a message whose sender has been cancelled."""
        self._clock = clock
        self._condition = Condition.ABSENT
        self._sending: Sending | None = None
        self._started_at = 0.0
        self._idle: asyncio.Future[None] | None = None
        self._registrations: dict[str, Registration] = {}
        self._registration_news = asyncio.Event()
        self._stop = asyncio.Event()
        self._stop.set()

    @property
    def condition(self) -> Condition:
        """How it is at this moment."""
        if self._condition is Condition.READY and self._sending is not None:
            return Condition.SENDING
        return self._condition

    @property
    def known(self) -> bool:
        """Whether it has ever been brought up as far as its identity."""
        return self.maker is not None or self.model is not None

    @property
    def may_send(self) -> bool:
        """Whether the next message may be started on it."""
        return not self._stop.is_set()

    def start_sms(self, segment: Segment) -> Sending:
        """Hand ``AT+CMGS`` to the port before returning; raises PortLost or ModemLost where the modem has failed."""
        if self.link is None:
            raise PortLost("the modem is not there")
        self._started_at = self._clock.monotonic()
        sending = Sending(self.link, segment, self._settled, in_doubt=self.doubts > 0)
        if sending.outcome is None:
            self._sending = sending
        return sending

    def followed_on(self) -> None:
        """The message just started followed on a final result at once: remember how fast."""
        if self.link is not None:
            gap = self.link.loop.time() - self.link.last_heard
            self.gaps_s.append(gap)
            self.gap_times.observe(gap)

    async def stopped(self) -> None:
        """Wait until the dispatcher must give it back: returns to drain it, raises what the link was lost by."""
        await self._stop.wait()
        if self.link is not None and self.link.failure is not None:
            raise self.link.failure.with_traceback(None)

    def succeeds(self, former: Modem) -> None:
        """Be the record of a modem that was known at another port: its name and its counts go on here."""
        self.name = former.name
        self.sent += former.sent
        self.failed += former.failed
        self.uncertain += former.uncertain
        self.busy_s += former.busy_s
        self.last_success = self.last_success or former.last_success
        self.health = former.health
        self.drained = former.drained
        if self.sim == former.sim:
            self.credit, self.held = former.credit, former.held
        former.superseded = True
        former.sent = former.failed = former.uncertain = 0
        former.busy_s = 0.0
        self.gaps_s.extendleft(former.gaps_s)
        self.gap_times.take(former.gap_times)
        self.send_times.take(former.send_times)
        self.rungs.update(former.rungs)
        former.rungs.clear()
        self.superseded = False

    def registered(self, prefix: str, state: Registration) -> None:
        """What ``+CREG:``, ``+CGREG:`` or ``+CEREG:`` has said last; any good one of them will do."""
        self._registrations[prefix] = state
        self.registration = best(self._registrations.values())
        self._registration_news.set()

    def off_network(self, roaming: bool) -> str | None:
        """Why it cannot send for want of a network; None if it can. ``roaming`` says whether a foreign one will do."""
        if self.registration is Registration.ROAMING and not roaming:
            return "roaming is not allowed"
        return None if self.registration.good else f"not registered ({self.registration})"

    async def registration_news(self, at_most_s: float) -> None:
        """Return when the modem says something about its registration, or after ``at_most_s``."""
        self._registration_news.clear()
        try:
            async with asyncio.timeout(at_most_s):
                await self._registration_news.wait()
        except TimeoutError:
            return

    def becomes(self, condition: Condition, reason: str | None = None) -> None:
        """The pool's word on how it is."""
        self._condition = condition
        self.reason = reason
        if condition is Condition.ABSENT:  # what its network said last holds no longer
            self._registrations.clear()
            self.registration, self.operator, self.signal_dbm = Registration.NONE, None, None
        self.on_change()

    def explains(self, reason: str) -> None:
        """A new reason for the same condition."""
        self.reason = reason
        self.on_change()

    def lend(self) -> None:
        """The dispatcher may use it from now on."""
        self._stop.clear()

    def call_back(self) -> None:
        """The dispatcher shall give it back after the message in hand."""
        self._stop.set()

    def laid(self, link: Link) -> None:
        """The pool has laid a link to it; when that is lost, everybody who waits is told."""
        self.link = link
        link.lost.add_done_callback(lambda _: self._link_lost())

    def _link_lost(self) -> None:
        self._stop.set()
        self._registration_news.set()

    async def idle(self) -> None:
        """Return when no message is in flight."""
        if self._sending is not None:
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle

    def _settled(self, outcome: Outcome, judgement: Judgement | None) -> None:
        sending, self._sending = self._sending, None
        took = self._clock.monotonic() - self._started_at
        self.busy_s += took
        self.send_times.observe(took)
        if outcome.verdict is Verdict.ACCEPTED:
            self.sent += 1
            self.doubts = 0
            self.last_success = self._clock.now()
            if sending is not None and sending.orphaned and outcome.reference is not None:
                self.on_orphan(outcome.reference)
        elif outcome.verdict is Verdict.REFUSED:
            self.failed += 1
        elif outcome.verdict is Verdict.UNCERTAIN:
            self.uncertain += 1
        self.doubts += casts_doubt(outcome, judgement)
        if sending is not None:
            self.takes_one_line &= not sending.one_line_refused
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
        self.on_settled(outcome, judgement)
