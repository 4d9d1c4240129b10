"""What a long queue costs: claims, status, listings, cancelling and the start, at 1,000 and at 1,000,000 messages.

    python -m bench depth [--messages 1000000]

A daemon takes them over HTTP in calls of 10,000 while four modems send, and its memory is read meanwhile. What users
and the operator ask is then asked of it, and of its successor how long it took to start. Claims are counted in this
process on the file that they leave, through the queue's own verbs, by CPU and by the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.rig import Daemon, bank, daemon, report, running, sampled
from modemd.clock import SystemClock
from modemd.db import connect
from modemd.queue import Claim, Claims, Message, Queue, Settlement
from modemd.queue.hand import WELCOME
from modemd.values import Outcome, Verdict

FEW = 1000
CALL = 10_000
"""Recipients in one call at most."""
CLAIMS = 400
"""Messages claimed, marked and settled for one figure."""
LOOKS = 30
TEXT = "Hello from the bench"
ACCEPTED = Outcome(Verdict.ACCEPTED, reference=1)


async def claim_cost(file: Path, claims: int = CLAIMS) -> tuple[float, float]:
    """Milliseconds of CPU and of the clock from one claim to the next, marks and settlements on disk."""
    clock = SystemClock()
    database = connect(f"sqlite:///{file}", clock=clock)
    await database.open()
    queue = Queue(database, clock, "local")
    stocked = asyncio.Event()
    turns = await queue.turns()
    hands: Claims[Message] = Claims(database, clock, turns, lambda message: message, stocked.set)
    for key in await queue.waiting():
        hands.wake(key)
    settled: list[Settlement] = []
    started = cpu = 0.0
    for place in range(claims + 20):
        if place == 20:  # the first ones fill the caches
            started, cpu = time.perf_counter(), time.process_time()
        claim = await _next(hands, stocked)
        message = claim.message
        await queue.cross(settled, message, 1, "sim", turns.take_changes())
        settled = [Settlement(message, 1, "sim", ACCEPTED, clock.now())]
        hands.let_go(message)
    spent = time.process_time() - cpu, time.perf_counter() - started
    await hands.stop()
    await database.close()
    return 1000 * spent[0] / claims, 1000 * spent[1] / claims


async def _next(hands: Claims[Message], stocked: asyncio.Event) -> Claim[Message]:
    while (claim := hands.take(["sim"], lambda _: WELCOME)) is None:
        stocked.clear()
        await stocked.wait()
    return claim


def submit(gateway: Daemon, count: int) -> dict[str, Any]:
    """Hand in so many messages; the receipt of the last call."""
    made: dict[str, Any] = {}
    for start in range(0, count, CALL):
        numbers = [f"+4860{number:07d}" for number in range(start, min(start + CALL, count))]
        made = gateway.post({"to": numbers, "text": TEXT, "lane": "bulk", "tag": f"part {start}"})
    return made


def median_ms(act: Callable[[], object], times: int = LOOKS) -> float:
    """The middle of several."""
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        spent.append(1000 * (time.perf_counter() - started))
    return statistics.median(spent)


def looks(gateway: Daemon, ids: list[str], number: str) -> dict[str, float]:
    """What users and the operator ask, in milliseconds; what is cancelled are messages of the last call."""
    left = iter(reversed(ids))
    asked: dict[str, Callable[[], object]] = {
        "status": lambda: gateway.ask("status"),
        "queue_list": lambda: gateway.ask("queue.list"),
        "queue_list_uncertain": lambda: gateway.ask("queue.list", state="uncertain"),
        "messages": lambda: gateway.request("GET", "/v1/messages"),
        "messages_failed": lambda: gateway.request("GET", "/v1/messages?state=failed"),
        "messages_to": lambda: gateway.request("GET", f"/v1/messages?to=%2B{number[1:]}"),
        "messages_tag": lambda: gateway.request("GET", "/v1/messages?tag=nobody"),
        "cancel": lambda: gateway.request("DELETE", f"/v1/messages/{next(left)}"),
    }
    return {name: median_ms(act) for name, act in asked.items()}


def measure(folder: Path, messages: int) -> tuple[dict[str, float], dict[str, Any]]:
    """One depth: what is asked and claimed, by name; and how it came to be."""
    folder.mkdir()
    with bank(folder / "bank", 4, 3.0) as each:
        with daemon(folder, each.ports) as gateway:
            before, started = gateway.rss_mib(), time.monotonic()
            with sampled(gateway.rss_mib) as memory:
                last = submit(gateway, messages)
            made = {
                "submitted_per_s": messages / (time.monotonic() - started),
                "rss_before_mib": before,
                "rss_most_mib": max(memory),
                "rss_after_mib": gateway.rss_mib(),
                "sent_meanwhile": gateway.status()["totals"]["sent"],
            }
            costs = looks(gateway, [message["id"] for message in last["messages"]], "+48600000001")
            if messages > CALL:
                started = time.monotonic()
                cancelled = gateway.request("DELETE", f"/v1/messages?batch={last['batch']}")["cancelled"]
                made["cancelled_per_s"] = cancelled / (time.monotonic() - started)
        with running(folder, each.ports) as again:
            made |= {"rss_at_start_mib": again.rss_mib()}
            costs["start"] = 1000 * again.start_s
    costs["claim_cpu"], costs["claim"] = asyncio.run(claim_cost(folder / "state" / "modemd.db"))
    return costs, made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modemd-bench-") as name:
        few, _ = measure(Path(name) / "few", FEW)
        many, made = measure(Path(name) / "many", options.messages)
    print(f"  {'ms':<22}{FEW:>10}{options.messages:>10}{'ratio':>8}")
    costs: dict[str, Any] = {}
    for what, cost in few.items():
        print(f"  {what:<22}{cost:>10.3f}{many[what]:>10.3f}{many[what] / cost:>8.2f}")
        costs |= {f"{what}_few_ms": cost, f"{what}_ms": many[what], f"{what}_ratio": many[what] / cost}
    report("depth", {"messages": options.messages, **made}, **costs)


if __name__ == "__main__":
    main()
