"""Kills a daemon again and again in the middle of its work, and judges from the air what became of the messages.

One state directory and one bank live through all kills of a campaign. Promised is (design, section 1): nothing lost,
nothing twice, at most one message uncertain per modem and kill. ``bench/crash.py`` runs it at length.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from hw_sim.pytest_plugin import BankProcess
from journey import Daemon, Private, arrived, numbers, on_air, told
from wiretap import POINTS, Point, Wiretap, after_a_moment, tapped

MODEMS = 4
PER_KILL = 16
"""Messages submitted before each kill: enough that every modem has a next one."""
MOMENTS_S = (0.0, 0.0002, 0.001, 0.003)
"""Between a byte and the kill: nothing, or what the daemon needs to read it, to commit, to write."""
TEXTS = ("short", "long enough for three segments " * 12, "emoji 🎉 and two segments " * 4)
STRIKE_S = 20.0
MORE_S = 1.0
"""Seconds after which a modem that is to be struck gets more to send."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One planned kill; without a point, at a moment."""

    point: Point | None
    modem: int
    skip: int
    moment: float

    @property
    def where(self) -> str:
        """For the report."""
        return self.point.name if self.point else "at a random moment"


def plan(seed: int, per_point: int, at_random: int) -> list[Kill]:
    """Kills at every named byte and at random moments, in random order."""
    chance = random.Random(seed)
    kills = [
        Kill(point, chance.randrange(MODEMS), chance.randrange(3), chance.choice(MOMENTS_S))
        for point in POINTS
        for _ in range(per_point)
    ]
    kills += [Kill(None, 0, 0, chance.uniform(0.0, 0.6)) for _ in range(at_random)]
    chance.shuffle(kills)
    return kills


@dataclass(slots=True)
class Judgement:
    """What became of the messages of a campaign."""

    kills: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    lost: list[str] = field(default_factory=list)
    """Messages that are said to be sent and were not on the air, or are nowhere."""
    twice: list[tuple[str, int]] = field(default_factory=list)
    """(recipient, segment) that was on the air more than once."""
    spoiled: list[str] = field(default_factory=list)
    """Recipients whose text came garbled."""
    uncertain_at: Counter[str] = field(default_factory=Counter)
    """Messages uncertain at the starts after kills, by where the kill struck."""
    most_at_once: int = 0
    late: int = 0
    """Uncertain ones that a late answer settled."""
    left: Counter[str] = field(default_factory=Counter)
    """Uncertain in the end."""
    not_on_air: Counter[str] = field(default_factory=Counter)
    """Of these, the ones whose segment was never on the air."""
    whys: list[str] = field(default_factory=list)
    """The ids of these."""
    other: Counter[str] = field(default_factory=Counter)
    """States that no message should be in."""

    def __str__(self) -> str:
        return (
            f"{self.kills.total()} kills ({dict(self.kills)}), {self.messages} messages: lost {len(self.lost)}, "
            f"twice {len(self.twice)}, spoiled {len(self.spoiled)}, uncertain after kills "
            f"{self.uncertain_at.total()} ({dict(self.uncertain_at)}; at most {self.most_at_once} at once), "
            f"settled by late answers {self.late}, left {self.left.total()} ({dict(self.left)}), "
            f"of them not on the air {self.not_on_air.total()} ({dict(self.not_on_air)})"
        )


class Campaign:
    """A bank that lives on, a daemon that does not."""

    def __init__(self, bank: BankProcess, modemd: Daemon, tap: Wiretap | None) -> None:
        self.modemd = modemd
        self.bank = bank
        self._tap = tap
        self._sent: dict[str, tuple[str, str]] = {}
        self._next = 0
        self._owed: list[tuple[list[str], str, str]] = []
        self._by: dict[str, str] = {}
        self.judgement = Judgement()

    def run(self, kills: Sequence[Kill]) -> Judgement:
        """Kill, start, kill, start; then let it finish and judge."""
        self.modemd.start()
        if not self.modemd.key:
            self.modemd.open_account()
        for place, kill in enumerate(kills):
            self.submit(PER_KILL, place)
            self.strike(kill)
            self.modemd.start()
            self._count(kill)
            self._send_owed()
        self.modemd.settled(sorted(self._sent), seconds=120)
        self._judge()
        return self.judgement

    def submit(self, count: int, place: int = 0) -> list[str]:
        """More messages, one text in three segments or with emoji among them; their ids."""
        recipients = numbers(count, first=self._next)
        self._next += count
        ids: list[str] = []
        for turn, text in enumerate(TEXTS):
            self._owed.append((recipients[turn :: len(TEXTS)], f"{place}: {text}", f"call-{self._next}-{turn}"))
            ids += self._send_owed()
        return ids

    def _send_owed(self) -> list[str]:
        """Send what no answer has come for: a call that a kill has cut is repeated with its Idempotency-Key."""
        ids: list[str] = []
        while self._owed:
            some, text, key = self._owed[0]
            made = self.modemd.send(some, text, headers={"Idempotency-Key": key})
            self._owed.pop(0)
            self._sent |= {one: (to, text) for one, to in zip(made, some, strict=True)}
            ids += made
        return ids

    def strike(self, kill: Kill) -> None:
        """Kill the daemon there, and see it dead."""
        process = self.modemd.pid
        if kill.point is None or self._tap is None:
            self.bank.wait_for_air(len(self.bank.air()) + 1)
            time.sleep(kill.moment)  # the random moment itself
            os.kill(process, signal.SIGKILL)
        else:
            blow = after_a_moment(kill.moment, lambda: os.kill(process, signal.SIGKILL))
            self._send_until_struck(self._tap.trap(kill.modem, kill.point, blow, skip=kill.skip))
        self.judgement.kills[kill.where] += 1
        assert self.modemd.wait().code == -signal.SIGKILL

    def _send_until_struck(self, struck: Future[None]) -> None:
        """The modem to be struck may be waiting in silence for an answer it owes, while the others send everything."""
        deadline = time.monotonic() + STRIKE_S
        while not wait([struck], MORE_S).done:
            assert time.monotonic() < deadline, "the trap is never sprung"
            try:
                self.submit(len(TEXTS))
            except httpx.TransportError:
                break  # the blow fell meanwhile
        struck.result(STRIKE_S)

    def _count(self, kill: Kill) -> None:
        uncertain = sum(int(event["uncertain"]) for event in told(self.modemd.log, "queue.recovered"))
        self.judgement.uncertain_at[kill.where] += uncertain
        self.judgement.most_at_once = max(self.judgement.most_at_once, uncertain)
        for row in self._uncertain():
            self._by.setdefault(row["id"], kill.where)

    def _judge(self) -> None:
        judged = self.judgement
        found = {message["id"]: message for message in self.modemd.messages()}
        air = self.bank.air()
        came = Counter((message.to, message.text) for message in arrived(air))
        segments = on_air(air)
        judged.messages = len(self._sent)
        judged.twice = [place for place, count in segments.items() if count > 1]
        texts = dict(self._sent.values())
        parts = {row["id"]: row["sent_parts"] + 1 for row in self._uncertain()}
        judged.spoiled = [to for to, text in came if texts.get(to) != text]
        for one, (to, text) in self._sent.items():
            state = found[one]["state"] if one in found else "gone"
            if state == "sent":
                if not came[to, text]:
                    judged.lost.append(one)
            elif state == "uncertain":
                self._judge_uncertain(one, bool(segments[to, parts[one]]))
            else:
                judged.other[state] += 1
                judged.lost.append(one)
        judged.late = judged.uncertain_at.total() - judged.left.total()

    def _judge_uncertain(self, one: str, was_on_air: bool) -> None:
        where = self._by.get(one, "?")
        self.judgement.left[where] += 1
        if not was_on_air:
            self.judgement.not_on_air[where] += 1
            self.judgement.whys.append(one)

    def _uncertain(self) -> list[dict[str, Any]]:
        return list(self.modemd.ask("queue.list", state="uncertain", limit=1000)["messages"])


@contextlib.contextmanager
def campaign(
    folder: Path, private: Private, *, lines: str = "pty", air: float = 0.08, modems: int = MODEMS, seed: int = 0
) -> Iterator[Campaign]:
    """A campaign on lines that are tapped ptys (``pty``), tapped TCP ports (``tcp``), or the bank's own (``plain``)."""
    bank = BankProcess(folder / "bank", "--air", str(air), "--seed", str(seed), modems=modems)
    bank.start()
    with contextlib.ExitStack() as ends:
        ends.callback(bank.stop)
        tap = None
        if lines != "plain":
            tap = ends.enter_context(tapped(bank.ports, folder / "lines", tcp=lines == "tcp"))
        modemd = Daemon(folder / "state", private, ports=tap.ports if tap else bank.ports)
        ends.callback(modemd.close)
        yield Campaign(bank, modemd, tap)
        modemd.check()
