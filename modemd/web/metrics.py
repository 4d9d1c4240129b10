"""What is measured, as Prometheus reads it, on a registry of our own. No label says anything about a person.

A reading is taken when somebody asks; nothing is counted for it on the way of a message but two histograms
(pool/histogram.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from modemd.queue.rows import Counts
from modemd.queue.states import State
from modemd.values import Lane


@dataclass(frozen=True, slots=True)
class Spread:
    """A histogram: bounds in seconds, counts by bucket (one more than bounds), the sum."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total_s: float


@dataclass(frozen=True, slots=True)
class ModemReading:
    """One modem."""

    name: str
    state: str
    signal_dbm: int | None
    outcomes: Mapping[str, int]
    """Segments by ``sent``, ``failed``, ``uncertain``."""
    busy_s: float
    send: Spread
    gap: Spread
    limits_left: Mapping[str, int]
    rungs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything at one moment."""

    counts: Counts
    oldest_s: Mapping[Lane, float]
    """Age of the longest-waiting message of each lane that has one."""
    utilisation: float
    sent_per_min: float
    states: Sequence[str]
    """The states a modem can be in."""
    modems: Sequence[ModemReading]
    erasures_late: int = 0
    erasures_found: int = 0
    backlog: Mapping[str, int] = field(default_factory=dict)
    """What waits elsewhere, by what it is: ``webhooks``."""


def render(reading: Reading) -> bytes:
    """The text of a reading; some milliseconds for hundreds of modems, so in a thread."""
    registry = CollectorRegistry()
    registry.register(_Collected(reading))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Collected(Collector):
    """A reading as families of metrics."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        yield from self._queue()
        yield from self._pool()
        yield from self._modems()
        yield from self._times()
        yield from self._duties()

    def _queue(self) -> Iterator[Metric]:
        counts = self._reading.counts
        depth = GaugeMetricFamily("modemd_queue_messages", "Messages queued now", labels=["lane"])
        age = GaugeMetricFamily("modemd_queue_age_seconds", "How long the oldest waits that is due", labels=["lane"])
        for lane in Lane:
            depth.add_metric([lane.name.lower()], counts.lanes[lane])
            age.add_metric([lane.name.lower()], self._reading.oldest_s.get(lane, 0.0))
        states = GaugeMetricFamily("modemd_messages_open", "Messages that have not ended, by state", labels=["state"])
        for state, number in counts.states.items():
            states.add_metric([state.label], number)
        totals = CounterMetricFamily("modemd_messages", "Messages accepted, and ended, ever", labels=["event"])
        for event in ("accepted", *(state.label for state in State if state.label in counts.totals)):
            totals.add_metric([event], counts.totals.get(event, 0))
        yield from (depth, age, states, totals)

    def _pool(self) -> Iterator[Metric]:
        help_ = "Share of the last minute in which modems that could have been sending were"
        yield GaugeMetricFamily("modemd_pool_utilisation_ratio", help_, self._reading.utilisation)
        rate = self._reading.sent_per_min
        yield GaugeMetricFamily("modemd_pool_segments_per_minute", "Segments accepted in the last minute", rate)

    def _modems(self) -> Iterator[Metric]:
        state = GaugeMetricFamily("modemd_modem_state", "1 for the state it is in", labels=["modem", "state"])
        signal = GaugeMetricFamily("modemd_modem_signal_dbm", "Signal strength", labels=["modem"])
        left = GaugeMetricFamily("modemd_modem_limit_left", "What its SIM may still send", labels=["modem", "window"])
        outcomes = CounterMetricFamily("modemd_modem_segments", "Segments by outcome", labels=["modem", "outcome"])
        busy = CounterMetricFamily("modemd_modem_busy_seconds", "Time with a segment in flight", labels=["modem"])
        rungs = CounterMetricFamily("modemd_modem_rungs", "Rungs climbed when it failed", labels=["modem", "rung"])
        for modem in self._reading.modems:
            for name in self._reading.states:
                state.add_metric([modem.name, name], modem.state == name)
            if modem.signal_dbm is not None:
                signal.add_metric([modem.name], modem.signal_dbm)
            busy.add_metric([modem.name], modem.busy_s)
            for family, values in ((left, modem.limits_left), (outcomes, modem.outcomes), (rungs, modem.rungs)):
                for name, value in values.items():
                    family.add_metric([modem.name, name], value)
        yield from (state, signal, left, outcomes, busy, rungs)

    def _times(self) -> Iterator[Metric]:
        send = HistogramMetricFamily("modemd_modem_send_seconds", "From AT+CMGS to the outcome", labels=["modem"])
        text = "From a final result to the next AT+CMGS, when a message was at hand"
        gap = HistogramMetricFamily("modemd_modem_gap_seconds", text, labels=["modem"])
        for modem in self._reading.modems:
            for family, spread in ((send, modem.send), (gap, modem.gap)):
                family.add_metric([modem.name], _buckets(spread), spread.total_s)
        yield from (send, gap)

    def _duties(self) -> Iterator[Metric]:
        late = self._reading.erasures_late
        yield GaugeMetricFamily("modemd_erasures_late", "Accounts to be erased, readable after 60 s", late)
        found = self._reading.erasures_found
        yield GaugeMetricFamily("modemd_erasures_found", "Files with something in the clear that was erased", found)
        backlog = GaugeMetricFamily("modemd_backlog", "What waits to be delivered elsewhere", labels=["what"])
        for what, number in self._reading.backlog.items():
            backlog.add_metric([what], number)
        yield backlog


def _buckets(spread: Spread) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them."""
    found, sum_ = [], 0
    for bound, count in zip([*map(str, spread.bounds), "+Inf"], spread.counts, strict=True):
        sum_ += count
        found.append((bound, float(sum_)))
    return found
