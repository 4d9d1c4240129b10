"""/metrics: readable by Prometheus, by whom it may be, telling nothing about people, at no cost to the sending."""

from __future__ import annotations

import time
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from web_service import Service

from modemd.pool.histogram import GAP_S, SEND_S, Histogram
from modemd.queue.rows import Counts
from modemd.queue.states import State
from modemd.values import Lane
from modemd.web.metrics import ModemReading, Reading, Spread, render

MODEM = ModemReading(
    name='a "strange\\ name',
    state="ready",
    signal_dbm=-71,
    outcomes={"sent": 3, "failed": 1, "uncertain": 0},
    busy_s=12.5,
    send=Spread(SEND_S, [0, 2, 1, *[0] * (len(SEND_S) - 2)], 5.5),
    gap=Spread(GAP_S, [*[0] * len(GAP_S), 1], 7.0),
    limits_left={"day": 97},
    rungs={"reopen": 2},
)
READING = Reading(
    counts=replace(
        Counts.nothing(), lanes=dict.fromkeys(Lane, 0) | {Lane.BULK: 1000}, totals={"accepted": 1004, "sent": 3}
    ),
    oldest_s={Lane.BULK: 61.5},
    utilisation=0.75,
    sent_per_min=18.0,
    states=["ready", "absent"],
    modems=[MODEM, replace(MODEM, name="other", signal_dbm=None)],
    erasures_late=1,
    erasures_found=2,
    backlog={"webhooks": 4},
)


def samples(text: str) -> dict[str, list[Sample]]:
    """What Prometheus' own parser reads, by name."""
    found: dict[str, list[Sample]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def value(text: str, name: str, **labels: str) -> float:
    """The one sample with these labels."""
    (found,) = [one for one in samples(text)[name] if labels.items() <= one.labels.items()]
    return float(found.value)


def test_prometheus_reads_everything() -> None:
    text = render(READING).decode()
    assert value(text, "modemd_queue_messages", lane="bulk") == 1000
    assert value(text, "modemd_queue_age_seconds", lane="bulk") == 61.5
    assert value(text, "modemd_queue_age_seconds", lane="system") == 0
    assert value(text, "modemd_messages_total", event="accepted") == 1004
    assert value(text, "modemd_messages_open", state=State.UNCERTAIN.label) == 0
    assert value(text, "modemd_pool_utilisation_ratio") == 0.75
    assert value(text, "modemd_modem_state", modem=MODEM.name, state="ready") == 1
    assert value(text, "modemd_modem_state", modem=MODEM.name, state="absent") == 0
    assert value(text, "modemd_modem_signal_dbm") == -71
    assert value(text, "modemd_modem_limit_left", modem="other", window="day") == 97
    assert value(text, "modemd_modem_segments_total", modem="other", outcome="failed") == 1
    assert value(text, "modemd_modem_rungs_total", modem="other", rung="reopen") == 2
    assert value(text, "modemd_erasures_late") == 1
    assert value(text, "modemd_erasures_found") == 2
    assert value(text, "modemd_backlog", what="webhooks") == 4
    assert value(text, "process_resident_memory_bytes") > 0


def test_histograms_are_cumulative() -> None:
    text = render(READING).decode()
    buckets = [one.value for one in samples(text)["modemd_modem_send_seconds_bucket"] if one.labels["modem"] == "other"]
    assert buckets == [0, 2, *[3] * (len(SEND_S) - 1)]
    assert value(text, "modemd_modem_send_seconds_count", modem="other") == 3
    assert value(text, "modemd_modem_send_seconds_sum", modem="other") == 5.5
    assert value(text, "modemd_modem_gap_seconds_bucket", modem="other", le="5.0") == 0
    assert value(text, "modemd_modem_gap_seconds_bucket", modem="other", le="+Inf") == 1


def test_every_duration_is_counted_once_in_the_bucket_it_fits() -> None:
    histogram = Histogram((1.0, 2.0))
    for seconds in (0.0, 1.0, 1.5, 2.0, 99.0):
        histogram.observe(seconds)
    assert (histogram.counts, histogram.total_s) == ([2, 2, 1], 103.5)
    other = Histogram((1.0, 2.0))
    other.take(histogram)
    assert (other.counts, other.total_s) == ([2, 2, 1], 103.5)
    assert (histogram.counts, histogram.total_s) == ([0, 0, 0], 0.0)


def test_counting_costs_the_sending_next_to_nothing() -> None:
    histogram, times = Histogram(SEND_S), []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(10_000):
            histogram.observe(3.3)
        times.append((time.perf_counter() - started) / 10_000)
    assert min(times) < 20e-6, "a message takes seconds, and is counted twice"


async def test_programs_on_this_machine_may_read_it_and_others_with_an_operator_s_key(
    service: Service, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    service.reading = READING
    here = await stranger.get("/metrics")
    assert here.status_code == 200
    assert here.headers["content-type"].startswith("text/plain")
    assert value(here.text, "modemd_queue_messages", lane="bulk") == 1000
    forwarded = {"X-Forwarded-For": "203.0.113.5"}
    assert (await stranger.get("/metrics", headers=forwarded)).status_code == 401
    assert (await client.get("/metrics", headers=forwarded)).status_code == 403
    assert (await client.get("/metrics")).status_code == 403
    operator = {**forwarded, "Authorization": f"Bearer {service.operator_key}"}
    assert (await stranger.get("/metrics", headers=operator)).status_code == 200


@pytest.mark.parametrize("foreign", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_no_page_of_another_site_reads_it(
    service: Service, stranger: httpx.AsyncClient, foreign: dict[str, str]
) -> None:
    service.reading = READING
    assert (await stranger.get("/metrics", headers=foreign)).status_code == 403
