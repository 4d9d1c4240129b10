"""A bank of modems in one process: builds them, gives each its ports, and runs until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hw_sim.air_log import AirLog
from hw_sim.clock import LoopClock
from hw_sim.control import Control, ControlError, Request
from hw_sim.device import Device
from hw_sim.fault_kinds import kinds, make_fault
from hw_sim.inotify import Inotify
from hw_sim.modem import Modem
from hw_sim.network import Network
from hw_sim.profile import load_profile
from hw_sim.scenario import ModemPlan, Scenario
from hw_sim.sim_card import SimCard, luhn

DESCRIPTORS_PER_PORT = 2
DESCRIPTORS_BESIDES = 64


class Bank:
    """The running bank."""

    def __init__(self, scenario: Scenario, folder: Path, air_log: Path | None) -> None:
        self._scenario = scenario
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._watcher = Inotify()
        self._air_log = AirLog(air_log) if air_log else None
        self._clock = LoopClock(self._loop, scenario.speed)
        self.network = Network(
            self._clock,
            air_log=self._air_log,
            radio=scenario.radio,
            service=scenario.reports,
            carrier=scenario.carrier,
            seed=scenario.seed,
        )
        self._plans = [scenario.plan_of(index) for index in range(scenario.modems)]
        self.devices = [self._build(index, plan) for index, plan in enumerate(self._plans)]
        self._control = Control(folder, self.do)

    def _build(self, index: int, plan: ModemPlan) -> Device:
        sim = build_sim(index, plan)
        self.network.service_centre.subscribe(sim)
        modem = Modem(
            index,
            load_profile(plan.personality or "generic"),
            sim,
            network=self.network,
            clock=self._clock,
            imei=plan.imei or invented_imei(index),
            seed=self._scenario.seed,
        )
        return Device(
            modem,
            self._folder,
            clock=self._clock,
            watcher=self._watcher,
            loop=self._loop,
            all_ports=bool(plan.all_ports),
        )

    async def open(self) -> None:
        """Put every modem on its port and arm the scenario's faults."""
        self._folder.mkdir(parents=True, exist_ok=True)
        ports = sum(len(device.modem.traits.ports) if plan.all_ports else 1 for device, plan in self._members())
        raise_descriptor_limit(ports * DESCRIPTORS_PER_PORT + DESCRIPTORS_BESIDES)
        await self._control.open()
        self._loop.add_reader(self._watcher.fileno(), self._watcher.dispatch)
        for device, plan in self._members():
            await self._open_device(device, plan)

    def _members(self) -> list[tuple[Device, ModemPlan]]:
        return list(zip(self.devices, self._plans, strict=True))

    async def _open_device(self, device: Device, plan: ModemPlan) -> None:
        modem = device.modem
        if plan.absent:
            modem.power_off()
        elif plan.tcp is not None:
            await device.listen(plan.tcp)
        elif plan.cold:
            device.plug_in()
        else:
            device.open()
        for name, value in plan.settings.items():
            setattr(modem.settings, name, value)
        for fault in self._scenario.faults_of(modem.index):
            modem.faults.arm(fault)

    def close(self) -> None:
        """Take every port away; what is on the air has no outcome and no line in the air log."""
        self._control.close()
        for device in self.devices:
            device.close()
        self._loop.remove_reader(self._watcher.fileno())
        self._watcher.close()
        if self._air_log is not None:
            self._air_log.close()

    # --- live control ------------------------------------------------------------------------------------------

    def do(self, request: Request) -> Any:
        """Do what was asked through the control socket."""
        verbs: Mapping[str, Callable[[Request], Any]] = {
            "fault": self._arm,
            "end": self._disarm,
            "reply": self._reply,
            "look": self._look,
        }
        verb = verbs.get(str(request.get("verb")))
        if verb is None:
            raise ControlError(f"verb {request.get('verb')!r}: there are {', '.join(verbs)}")
        return verb(request)

    def _named(self, name: str) -> list[Modem]:
        number = name.removeprefix("modem")
        if name == "all":
            return [device.modem for device in self.devices]
        if not number.isdigit() or int(number) >= len(self.devices):
            raise ControlError(f"no modem {name!r}: there are modem0 to modem{len(self.devices) - 1}, and all")
        return [self.devices[int(number)].modem]

    def _arm(self, request: Request) -> int:
        modems = self._named(request["modem"])
        for modem in modems:
            modem.faults.arm(make_fault(request["fault"]))
        return len(modems)

    def _disarm(self, request: Request) -> int:
        modems = self._named(request["modem"])
        if request["name"] not in kinds():
            raise ControlError(f"no fault {request['name']!r}")
        for modem in modems:
            modem.faults.disarm(request["name"])
        return len(modems)

    def _reply(self, request: Request) -> str:
        centre = self.network.service_centre
        sim = centre.last_sender_to(request["number"]) or centre.last_sender_to("+" + request["number"].lstrip("+"))
        if sim is None:
            raise ControlError("no modem has sent anything to this number, so there is nobody to reply to")
        centre.send_text(sim, request["number"], request["text"])
        return next(f"modem{device.modem.index}" for device in self.devices if device.modem.sim is sim)

    def _look(self, request: Request) -> list[dict[str, Any]]:
        return [look_into(modem) for modem in self._named(request["modem"])]


def look_into(modem: Modem) -> dict[str, Any]:
    """What can be seen of a modem from inside."""
    return {
        "modem": modem.index,
        "phase": modem.dialogue.phase.value,
        "registration": modem.registration.name.lower(),
        "pin": modem.sim.pin_state.value,
        "pin_tries": modem.sim.pin_tries,
        "storages": {
            store.name: {"used": store.used, "total": store.total, "octets": store.remnants().hex()}
            for store in modem.memory.stores()
        },
    }


def build_sim(index: int, plan: ModemPlan) -> SimCard:
    """Make the SIM that a plan asks for."""
    sim = SimCard.numbered(index)
    if plan.pin is not None:
        sim.pin, sim.pin_enabled = plan.pin, True
    for name, value in (
        ("pin_tries", plan.pin_tries),
        ("imsi", plan.imsi),
        ("iccid", plan.iccid),
        ("msisdn", plan.number),
        ("smsc", plan.smsc),
        ("last_mr", plan.last_mr),
    ):
        if value is not None:
            setattr(sim, name, value)
    return sim


async def run_bank(scenario: Scenario, folder: Path, air_log: Path | None) -> None:
    """Run a bank until SIGTERM or SIGINT; raises OSError or ControlError if it cannot, or cannot any more."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    broken: list[Exception] = []

    def break_off(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End the run: a simulator that goes on after something failed would lie."""
        broken.append(context.get("exception") or RuntimeError(context["message"]))
        stop.set()

    loop.set_exception_handler(break_off)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    with contextlib.closing(Bank(scenario, folder, air_log)) as bank:
        await bank.open()
        print(f"hw-sim: {scenario.modems} modems in {folder}", flush=True)
        await stop.wait()
    if broken:
        raise broken[0]


def invented_imei(index: int) -> str:
    """Make the IMEI of the index-th modem of a bank, check digit right."""
    digits = f"35000000{index:06d}"
    return digits + luhn(digits)


def raise_descriptor_limit(wanted: int) -> None:
    """Raise the limit of open files as far as needed; raises OSError where it may not be raised that far."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard < wanted:
        raise OSError(f"needs {wanted} open files, but the hard limit is {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
