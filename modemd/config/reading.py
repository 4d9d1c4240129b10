"""Reading the settings: from the command line, the environment and the file, with errors that name the key.

What is unknown is refused by name: a mistyped key would otherwise be a silent default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, TomlConfigSettingsSource

from modemd import state_dir as places
from modemd.config.refusing import refusal
from modemd.config.settings import DELIMITER, PREFIX, SECTIONS, Settings
from modemd.errors import ConfigError


def load(
    state_dir: str | Path | None = None,
    file: str | Path | None = None,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Read the settings; ``options`` are the command line's, as {section: {key: value}}.

    Raises ConfigError, which names the key and where it stands, never its value.
    """
    home = places.locate(state_dir)
    path = _file(home, file)
    _refuse_strangers(os.environ)
    try:
        arguments: dict[str, Any] = {"state_dir": home, "file": path, **(options or {})}
        return _reading(path)(**arguments)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise refusal(first["loc"], first["type"], first["msg"], path, options) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no valid TOML", cure=str(error)) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})", cure="check its owner and mode") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8", cure="TOML files are UTF-8") from error


def _reading(path: Path | None) -> type[Settings]:
    """Settings that read themselves from their arguments, the environment and this file, in that order."""

    class Reading(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, _table(settings_cls, path)

    Reading.__name__ = Settings.__name__
    return Reading


def _table(settings_cls: type[BaseSettings], path: Path | None) -> TomlConfigSettingsSource:
    """The file, in which only sections may stand at the top."""
    table = TomlConfigSettingsSource(settings_cls, path)
    for key, value in table.toml_data.items():
        if key not in SECTIONS:
            raise ConfigError(
                f"{path} has an unknown {'section' if isinstance(value, dict) else 'key'} {key!r}",
                cure=f"sections are {', '.join(SECTIONS)}",
                code="unknown_key",
            )
    return table


def _file(home: Path, named: str | Path | None) -> Path | None:
    """The file to read: the named one, which must be there, else the one in the state directory if there is one."""
    if named is None:
        path = home / places.CONFIG_NAME
        try:
            return path if path.exists() else None
        except PermissionError as error:
            raise places.unusable(home, error) from error
    return places.named_config(named)


def _refuse_strangers(environ: Iterable[str]) -> None:
    """Refuse MODEMD_SECTION__KEY whose section does not exist, and MODEMD_SECTION without a key."""
    for name in environ:
        section, delimiter, _ = name.removeprefix(PREFIX).lower().partition(DELIMITER)
        if name.startswith(PREFIX) and (section in SECTIONS) != bool(delimiter):
            raise ConfigError(
                f"the environment variable {name} is unknown",
                cure=f"variables are {PREFIX}SECTION{DELIMITER}KEY with a section of {', '.join(SECTIONS)}",
                code="unknown_key",
            )
