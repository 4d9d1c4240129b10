"""Takes the reading that GET /metrics shows: the queue, the pool, what waits elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from modemd.accounts.erasure import Erasures
from modemd.clock import SECOND, Clock
from modemd.gauge import Gauge
from modemd.pool import Condition, Modem
from modemd.pool.histogram import Histogram
from modemd.queue import Queue
from modemd.service.floor import Floor
from modemd.web.metrics import ModemReading, Reading, Spread

Backlogs = Mapping[str, Callable[[], Awaitable[int]]]
"""What waits to be delivered elsewhere: how much of it, by its name."""


class Measuring:
    """``floor`` is asked for when it is needed: it is built after the listener."""

    def __init__(
        self,
        queue: Queue,
        floor: Callable[[], Floor],
        gauge: Gauge,
        *,
        erasures: Erasures,
        clock: Clock,
        backlogs: Backlogs | None = None,
    ) -> None:
        self._queue = queue
        self._floor = floor
        self._gauge = gauge
        self._erasures = erasures
        self._clock = clock
        self._backlogs = dict(backlogs or {})

    async def read(self) -> Reading:
        """Everything as it is now. Raises StorageError."""
        counts, oldest, now = await self._queue.counts(), await self._queue.oldest(), self._clock.now()
        return Reading(
            counts=counts,
            oldest_s={lane: max(0, now - since) / SECOND for lane, since in oldest.items()},
            utilisation=self._gauge.utilisation,
            sent_per_min=self._gauge.sent_per_min,
            states=[condition.value for condition in Condition],
            modems=[self._modem(modem) for modem in self._floor().pool.modems],
            erasures_late=await self._erasures.late(),
            erasures_found=self._erasures.found,
            backlog={what: await count() for what, count in self._backlogs.items()},
        )

    def _modem(self, modem: Modem) -> ModemReading:
        return ModemReading(
            name=modem.name,
            state=modem.condition.value,
            signal_dbm=modem.signal_dbm,
            outcomes={"sent": modem.sent, "failed": modem.failed, "uncertain": modem.uncertain},
            busy_s=modem.busy_s,
            send=_spread(modem.send_times),
            gap=_spread(modem.gap_times),
            limits_left=self._floor().seats.left(modem.sim),
            rungs=dict(modem.rungs),
        )


def _spread(histogram: Histogram) -> Spread:
    return Spread(histogram.bounds, tuple(histogram.counts), histogram.total_s)
