"""What can be configured: one class a section of the file, each key with its default, unit and meaning.

Sections of some size have files of their own: listener.py, billing.py, retention.py, sims.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from modemd.config.form import Country, Paths, Section, Texts, listed

WITHOUT_EFFECT: frozenset[str] = frozenset()
"""Keys whose form is promised and checked already, and which nothing in this version acts on."""


class Database(Section):
    """Where messages and accounts lie."""

    url: SecretStr | None = Field(
        default=None,
        description="sqlite:///absolute/path.db or postgresql://…; by default modemd.db in the state directory",
    )


class Modems(Section):
    """Which modems there are."""

    ports: Texts = Field(default=(), description="devices, ptys or socket://host:port, each a modem")
    discover: bool | None = Field(
        default=None, description="find modems that are plugged in; by default yes, unless modems are simulated"
    )
    baud: int = Field(default=115_200, ge=300, le=4_000_000, description="bits a second; USB modems ignore it")
    roaming: bool = Field(default=True, description="send in foreign networks too")
    dialects: Path | None = Field(
        default=None, description="a TOML file with dialects of your own, which come before the packaged ones"
    )
    traced: Texts = Field(
        default=(), description="modems, by name or port, whose AT exchange is logged, everything personal masked"
    )
    root: Path = Field(
        default=Path("/"),
        description="where sys and dev are; elsewhere in a container that has the host's mounted aside",
    )

    @field_validator("ports")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """A device may come later; what is no address never does."""
        if not all(port and ("://" not in port or _is_address(port)) for port in value):
            raise ValueError("a port is a device, a pty or socket://host:port")
        return value


def _is_address(port: str) -> bool:
    found = re.fullmatch(r"socket://(?:[^\s/:]+|\[[0-9a-fA-F:.%]+\]):(\d{1,5})", port)
    return found is not None and 0 < int(found[1]) < 65_536


class Simulate(Section):
    """Modems that are simulated, to try modemd without hardware."""

    modems: int = Field(default=0, ge=0, le=512, description="how many")


class Queue(Section):
    """How long messages live and how long a stop waits."""

    valid_for: int = Field(
        default=172_800,
        ge=60,
        le=38_102_400,
        description="seconds after which an unsent message expires (48 h; at most 63 weeks)",
    )
    stop_grace: float = Field(
        default=8.0,
        ge=0,
        le=60,
        description="seconds a stop waits for messages on the air; the whole stop takes 2 s more at most",
    )


class Numbers(Section):
    """How phone numbers are read."""

    region: Country = Field(
        default="PL", description="the country of numbers written without a country code (ISO 3166)"
    )
    short_codes: Texts = Field(default=(), description="short numbers that may be sent to")


class Doors(Section):
    """Front doors that speak the protocols of others."""

    promosms: bool = Field(default=False, description="the PromoSMS protocol")
    kannel: bool = Field(default=False, description="the Kannel protocol")
    capcom6: bool = Field(default=False, description="the capcom6 protocol")

    @property
    def open(self) -> list[str]:
        """The names of those that are open."""
        return [name for name, is_open in self if is_open]


class Keys(Section):
    """The key store."""

    mirrors: Paths = Field(default=(), description="directories that hold a copy of the key store")

    @field_validator("mirrors")
    @classmethod
    def _whole(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        if not all(folder.is_absolute() for folder in value):
            raise ValueError("a mirror is named by its whole path, for the daemon starts wherever it is started")
        return value


class Webhooks(Section):
    """Events sent to programs of users."""

    allow_private: bool = Field(
        default=False, description="let webhooks go to private and loopback addresses, and there by http too"
    )
    timeout: float = Field(default=10, gt=0, le=60, description="seconds that a receiver may take to answer")
    retry: float = Field(
        default=5,
        ge=0.01,
        le=3600,
        description="seconds before the second attempt; each next pause is 2.5 times as long",
    )
    attempts: int = Field(default=12, ge=1, le=100, description="failures after which an event is a dead letter")


class Registration(Section):
    """Who may open an account."""

    countries: Annotated[tuple[Country, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=("PL",), description="countries whose mobile numbers may register (ISO 3166)"
    )


class Logs(Section):
    """What is logged."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="the least level that is written"
    )
    file: bool = Field(
        default=False,
        description="also write modemd.log in the state directory, a file a day, kept as [retention] says",
    )
