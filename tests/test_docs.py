"""The documentation tells what exists, all of it, and nothing else."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from modemd.cli import app
from modemd.config import SECTIONS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says(reference: ModuleType) -> None:
    assert reference.TARGET.read_text() == reference.reference(), "write it again with: make docs"


def commands(group: click.Group = app, path: str = "modemd") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield f"{path} {name}"
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_the_reference_names_every_command_and_every_setting() -> None:
    text = (ROOT / "docs" / "reference.md").read_text()
    assert [command for command in commands() if f"### {command}\n" not in text] == []
    keys = [
        (name, key)
        for name, model in SECTIONS.items()
        for key, field in model.model_fields.items()
        if not field.exclude
    ]
    assert [name for name in SECTIONS if f"### [{name}]" not in text] == []
    assert [key for key in keys if f"| `{key[1]}` |" not in text] == []


def named(text: str) -> list[str]:
    """Commands as they stand in text: after a prompt or a backtick, with one or two words."""
    return re.findall(r"(?:^\$ |`)(?:\S*/)?(modemd(?: [a-z]+\b){1,2})", text, re.MULTILINE)


@EACH_PAGE
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    known = set(commands())
    unknown = [words for words in named(page.read_text()) if not {words, words.rsplit(" ", 1)[0]} & known]
    assert unknown == []


def test_commands_are_found_in_text() -> None:
    text = "see `modemd fly ID`, or:\n$ .venv/bin/modemd accounts create --x\n$ modemd why m_1\nmodemd is"
    assert named(text) == ["modemd fly", "modemd accounts create", "modemd why"]
    assert named((ROOT / "README.md").read_text())


@EACH_PAGE
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:\$ |`)make ([a-z]+)", page.read_text())) <= targets


@EACH_PAGE
def test_every_file_that_a_page_links_to_exists(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_part_of_modemd_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    parts = {
        path.stem for path in (ROOT / "modemd").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert [part for part in sorted(parts) if not part.startswith("_") and f"`{part}`" not in text] == []


def test_make_help_lists_every_target_with_a_sentence() -> None:
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    described = set(re.findall(r"^make ([a-z]+) +\S", listed, re.MULTILINE))
    assert {"run", "test", "lint", "bench", "docs"} <= described
    assert described | {"help", "ready"} >= set(phony.group(1).split())
