"""A bank of modems in one process: builds them, gives each its port, and runs until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from dataclasses import dataclass, field
from pathlib import Path

from hw_sim.air_log import AirLog
from hw_sim.clock import LoopClock
from hw_sim.inotify import Inotify
from hw_sim.modem import Modem
from hw_sim.network import Network, Radio
from hw_sim.ports import PtyPort
from hw_sim.profile import load_profile
from hw_sim.sim_card import SimCard, luhn

DESCRIPTORS_PER_MODEM = 2
DESCRIPTORS_BESIDES = 64


@dataclass(frozen=True)
class BankPlan:
    """What bank to build."""

    folder: Path
    modems: int = 4
    air_log: Path | None = None
    radio: Radio = field(default_factory=Radio)
    speed: float = 1.0
    personality: str = "generic"
    seed: int = 0


class Bank:
    """The running bank."""

    def __init__(self, plan: BankPlan, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watcher = Inotify()
        self._air_log = AirLog(plan.air_log) if plan.air_log else None
        clock = LoopClock(loop, plan.speed)
        self.network = Network(clock, self._air_log, plan.radio, plan.seed)
        profile = load_profile(plan.personality)
        self.modems = [
            Modem(index, profile, SimCard.numbered(index), network=self.network, clock=clock, imei=invented_imei(index))
            for index in range(plan.modems)
        ]
        self._plan = plan
        self._ports: list[PtyPort] = []

    def open(self) -> None:
        """Put every modem on its port."""
        raise_descriptor_limit(len(self.modems) * DESCRIPTORS_PER_MODEM + DESCRIPTORS_BESIDES)
        self._plan.folder.mkdir(parents=True, exist_ok=True)
        self._loop.add_reader(self._watcher.fileno(), self._watcher.dispatch)
        for modem in self.modems:
            port = PtyPort(self._loop, self._plan.folder / f"modem{modem.index}", self._watcher)
            self._ports.append(port)
            port.received, modem.send = modem.feed, port.write
            modem.start()

    def close(self) -> None:
        """Take every port away; what is on the air has no outcome and no line in the air log."""
        for port in self._ports:
            port.close()
        self._loop.remove_reader(self._watcher.fileno())
        self._watcher.close()
        if self._air_log is not None:
            self._air_log.close()


async def run_bank(plan: BankPlan) -> None:
    """Run a bank until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    with contextlib.closing(Bank(plan, loop)) as bank:
        bank.open()
        print(f"hw-sim: {plan.modems} modems in {plan.folder}", flush=True)
        await stop.wait()


def invented_imei(index: int) -> str:
    """Make the IMEI of the index-th modem of a bank, check digit right."""
    digits = f"35000000{index:06d}"
    return digits + luhn(digits)


def raise_descriptor_limit(wanted: int) -> None:
    """Raise the limit of open files as far as it may be raised; raises OSError where that is not enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard < wanted:
        raise OSError(f"needs {wanted} open files, but the hard limit is {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(wanted, soft), hard), hard))
