"""How a wrong setting is told: by the name under which the operator wrote it, with what it takes, never by its value.

pydantic finds what is wrong; its own words are for programmers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from modemd.config.settings import DELIMITER, PREFIX, SECTIONS
from modemd.errors import ConfigError

KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "string": "text, in quotes",
    "path": "a path, in quotes",
    "tuple": "a list",
    "dict": "a table",
    "model": "a table",
    "mapping": "a table",
}
"""What a value has to be, by the first word of pydantic's name for the error."""

RANGES = ("greater_than", "less_than", "literal", "finite")
"""First words of errors in which pydantic's own words say what has to be."""


def refusal(
    place: tuple[int | str, ...],
    kind: str,
    why: str,
    path: Path | None,
    options: Mapping[str, Mapping[str, Any]] | None,
) -> ConfigError:
    """One error of pydantic: where it is, its type and its words."""
    section, *rest = (part for part in place if isinstance(part, str) and part != "cards")
    model, name = SECTIONS[section], section
    cards = model.model_fields.get("cards")
    variables = {DELIMITER.join([PREFIX + section, *rest[:depth]]).upper() for depth in (1, 2)}
    if cards is not None and len(rest) > 1:
        name = f'{section}."{rest.pop(0)}"'
        model = get_args(cards.annotation)[1]
    where = f"[{name}] {'.'.join(rest)}".rstrip() + _written(section, rest, variables, path, options)
    if kind == "extra_forbidden":
        known = [key for key, field in model.model_fields.items() if not field.exclude]
        tables = [cards.description or ""] if cards is not None and name == section else []
        cure = f"keys of [{name}] are {', '.join([*known, *tables])}"
        return ConfigError(f"{where} is unknown", cure=cure, code="unknown_key")
    return ConfigError(f"{where} cannot be used", cure=_cure(kind, why))


def _written(
    section: str,
    keys: list[str],
    variables: set[str],
    path: Path | None,
    options: Mapping[str, Mapping[str, Any]] | None,
) -> str:
    """Where a key was given: on the command line, in the environment, in the file."""
    if keys and keys[0] in (options or {}).get(section, {}):
        return ", given on the command line,"
    variable = next((name.upper() for name in os.environ if name.upper() in variables), None)
    return f", the environment's {variable}," if variable else f" in {path}" if path else ""


def _cure(kind: str, why: str) -> str:
    """What the key takes."""
    if kind.startswith(RANGES):
        return why.replace("Input should be", "it has to be", 1)
    wanted = KINDS.get(kind.partition("_")[0])
    return f"it has to be {wanted}" if wanted else why.removeprefix("Value error, ")
