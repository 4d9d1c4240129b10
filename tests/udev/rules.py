"""Reads a udev rules file and works out what it does to a device, as udev(7) says; no more of it than our file uses."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

_TERM = re.compile(r'\s*([A-Z]+)(?:\{([^}]+)\})?(==|!=|\+=|:=|=)"([^"]*)"\s*(,|$)')


@dataclass(frozen=True)
class Term:
    """One match or assignment of a rule."""

    key: str
    name: str
    operator: str
    value: str


@dataclass
class Device:
    """What udev knows of a device, and what the rules have made of it."""

    subsystem: str
    kernel: str
    parents: Sequence[Mapping[str, str]]
    """Attributes of the device and of everything it hangs on, nearest first: one rule's ATTRS are of one of them."""
    env: dict[str, str] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    """Its own files in sysfs."""
    claims: Path = Path("/nowhere")
    """What stands in for /etc/modemd/modems."""
    done: dict[str, list[str]] = field(default_factory=dict)
    """By key (``ATTR{power/control}``): the values assigned."""


def parsed(text: str) -> list[list[Term]]:
    """The rules of a file; raises ValueError, with the line, for what is none."""
    rules = []
    for line in filter(None, (line.strip() for line in text.replace("\\\n", "").splitlines())):
        if not line.startswith("#"):
            rules.append(_terms(line))
    return rules


def _terms(line: str) -> list[Term]:
    terms, position = [], 0
    while position < len(line):
        found = _TERM.match(line, position)
        if found is None:
            raise ValueError(f"no udev rule: {line}")
        terms.append(Term(found[1], found[2] or "", found[3], found[4]))
        position = found.end()
    return terms


def applied(rules: Sequence[Sequence[Term]], device: Device, action: str = "add") -> Device:
    """Take the device through the rules."""
    labels = {term.value: at for at, rule in enumerate(rules) for term in rule if term.key == "LABEL"}
    at = 0
    while at < len(rules):
        rule = rules[at]
        at += 1
        if not _fits(rule, device, action):
            continue
        for term in rule:
            if term.key == "GOTO":
                at = max(at, labels[term.value])  # only forward: udev ignores the other direction
            elif not _is_match(term) and term.key != "LABEL":
                _assign(term, device)
    return device


def _is_match(term: Term) -> bool:
    return term.operator in {"==", "!="}


def _fits(rule: Sequence[Term], device: Device, action: str) -> bool:
    facts = {"ACTION": action, "SUBSYSTEM": device.subsystem, "KERNEL": device.kernel}
    of_parents = [term for term in rule if term.key == "ATTRS"]
    for term in filter(_is_match, rule):
        if term.key == "ATTRS":
            continue
        if term.key == "TEST":
            path = _written(term.value, device)
            holds = Path(path).exists() if path.startswith("/") else path in device.files
        elif term.key == "PROGRAM":
            holds = _succeeds(_written(term.value, device))
        elif term.key == "SUBSYSTEMS":
            holds = any(_like(parent.get("subsystem", ""), term.value) for parent in device.parents)
        else:
            holds = _like(device.env.get(term.name, "") if term.key == "ENV" else facts[term.key], term.value)
        if holds is (term.operator == "!="):
            return False
    return not of_parents or any(
        all(_like(parent.get(term.name, ""), term.value) for term in of_parents) for parent in device.parents
    )


def _written(value: str, device: Device) -> str:
    """With what udev puts in, and the directory of claims in its place."""
    value = re.sub(r"\$env\{(\w+)\}", lambda name: device.env.get(name[1], ""), value)
    return value.replace("$$", "$").replace("%%", "%").replace("/etc/modemd/modems", str(device.claims))


def _succeeds(program: str) -> bool:
    command = program.removeprefix("/bin/sh -c '").removesuffix("'")
    return subprocess.run(["/bin/sh", "-c", command], check=False).returncode == 0


def _like(value: str, pattern: str) -> bool:
    return any(fnmatchcase(value, each) for each in pattern.split("|"))


def _assign(term: Term, device: Device) -> None:
    value = _written(term.value, device)
    if term.key == "IMPORT":
        return  # path_id: what it finds is given to the device beforehand
    if term.key == "ENV":
        device.env[term.name] = value
    else:
        device.done.setdefault(f"{term.key}{{{term.name}}}" if term.name else term.key, []).append(value)
