"""What shall be: how many modems of which make, on what network, and what goes wrong when; read from TOML."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hw_sim.carrier import CarrierPlan
from hw_sim.fault_kinds import BadFault, Fault, make_fault
from hw_sim.network import Radio
from hw_sim.service_centre import Recipient, ServicePlan
from hw_sim.settings import Settings


class BadScenario(ValueError):
    """A scenario that says what cannot be; the message names the table and the key."""


@dataclass(frozen=True)
class ModemPlan:
    """What is special about some modems; one ``[[modem]]`` of a scenario."""

    which: Any = "all"
    """A number, a list of numbers, or "all"."""
    personality: str | None = None
    pin: str | None = None
    """The SIM's PIN; it is asked for."""
    pin_tries: int | None = None
    imei: str | None = None
    imsi: str | None = None
    iccid: str | None = None
    number: str | None = None
    smsc: str | None = None
    """The service centre's number on the SIM; an empty one is CMS 330."""
    last_mr: int | None = None
    """TP-MR of the last message sent."""
    cold: bool | None = None
    """Switched on only now, with its boot lines, instead of long ago."""
    absent: bool | None = None
    """Not plugged in yet."""
    all_ports: bool | None = None
    """Shows all its interfaces, not only the usable one."""
    tcp: int | None = None
    """TCP port of the first of these modems, instead of a pty; the next one has the next port."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Volatile settings it has from the beginning, as another program may have left them."""


@dataclass(frozen=True)
class Scenario:
    """A whole run."""

    modems: int = 4
    personality: str = "generic"
    seed: int = 0
    speed: float = 1.0
    all_ports: bool = False
    radio: Radio = field(default_factory=Radio)
    reports: ServicePlan = field(default_factory=ServicePlan)
    carrier: CarrierPlan = field(default_factory=CarrierPlan)
    plans: tuple[ModemPlan, ...] = ()
    faults: tuple[tuple[Any, dict[str, Any]], ...] = ()
    """(which modems, the fault's table)."""

    def plan_of(self, index: int) -> ModemPlan:
        """Give what holds for one modem; a later table outdoes an earlier one."""
        merged: dict[str, Any] = {"which": index, "personality": self.personality, "all_ports": self.all_ports}
        for plan in self.plans:
            numbers = which(plan.which, self.modems)
            if index not in numbers:
                continue
            for entry in fields(plan):
                value = getattr(plan, entry.name)
                if entry.name != "which" and value not in (None, {}):
                    merged[entry.name] = value + numbers.index(index) if entry.name == "tcp" else value
        return ModemPlan(**merged)

    def faults_of(self, index: int) -> list[Fault]:
        """Make the faults of one modem, each its own."""
        return [make_fault(table) for whose, table in self.faults if index in which(whose, self.modems)]


def which(numbers: Any, modems: int) -> list[int]:
    """Read which modems are meant; raises BadScenario."""
    if numbers == "all":
        return list(range(modems))
    wanted = numbers if isinstance(numbers, list) else [numbers]
    if not all(isinstance(number, int) and 0 <= number < modems for number in wanted):
        raise BadScenario(f'modem {numbers!r}: say "all", or numbers from 0 to {modems - 1}')
    return wanted


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file; raises BadScenario, BadFault or OSError."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise BadScenario(f"{path}: {wrong}") from None
    return make_scenario(document)


def make_scenario(document: Mapping[str, Any]) -> Scenario:
    """Build a scenario from its document; raises BadScenario or BadFault."""
    tables = dict(document)
    recipients = tuple(_make(Recipient, table, "[[recipient]]") for table in _listed(tables, "recipient"))
    service: ServicePlan = _make(ServicePlan, tables.pop("reports", {}), "[reports]")
    faults = tuple(_fault_table(table) for table in _listed(tables, "fault"))
    parts = {
        "radio": _make(Radio, tables.pop("radio", {}), "[radio]"),
        "reports": replace(service, recipients=recipients),
        "carrier": _make(CarrierPlan, tables.pop("carrier", {}), "[carrier]"),
        "plans": tuple(_make(ModemPlan, table, "[[modem]]") for table in _listed(tables, "modem")),
        "faults": faults,
    }
    scenario: Scenario = _make(Scenario, {**tables, **parts}, "the top")
    if scenario.modems < 1 or scenario.speed <= 0:
        raise BadScenario("modems and speed are more than 0")
    for plan in scenario.plans:
        which(plan.which, scenario.modems)
        _check_keys(plan.settings, (entry.name for entry in fields(Settings)), "settings of a [[modem]]")
    for whose, table in faults:
        which(whose, scenario.modems)
        make_fault(table)
    return scenario


def _listed(document: dict[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Take the tables of this name out of a document."""
    tables = document.pop(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        raise BadScenario(f"{name} is a list of tables: write [[{name}]]")
    return tables


def _fault_table(table: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    words = dict(table)
    if "name" not in words:
        raise BadFault("a [[fault]] without a name")
    return words.pop("modem", "all"), words


def _make(kind: Any, table: Any, where: str) -> Any:
    if not isinstance(table, Mapping):
        raise BadScenario(f"{where} is a table, not a value")
    _check_keys(table, (entry.name for entry in fields(kind)), where)
    types = get_type_hints(kind)
    for key, value in table.items():
        if not _fits(value, types[key]):
            raise BadScenario(f"{where} {key} cannot be {value!r}: it is {_named(types[key])}")
    try:
        return kind(**table)
    except TypeError as wrong:
        raise BadScenario(f"{where}: {wrong}") from None


def _fits(value: Any, wanted: Any) -> bool:
    """Whether a value of a document is of the type of a field."""
    if wanted is Any:
        return True
    if isinstance(wanted, UnionType):
        return any(_fits(value, each) for each in get_args(wanted))
    if wanted is float:
        return type(value) is int or (type(value) is float and math.isfinite(value))
    if wanted is int:
        return type(value) is int  # bool is an int, too
    return isinstance(value, get_origin(wanted) or wanted)


def _named(wanted: Any) -> str:
    """What a type is called by those who write scenarios."""
    words = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}
    kinds = get_args(wanted) if isinstance(wanted, UnionType) else (wanted,)
    return next((words[kind] for kind in kinds if kind in words), "a table")


def _check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = set(known)
    for key in table:
        if key not in names:
            raise BadScenario(f"{where} knows no {key!r}; it knows {', '.join(sorted(names))}")
