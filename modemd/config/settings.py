"""Every section together, frozen, and what follows from several of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from modemd import state_dir as places
from modemd.config.billing import Billing
from modemd.config.form import Section
from modemd.config.listener import Server, Tls
from modemd.config.retention import Retention
from modemd.config.sections import (
    WITHOUT_EFFECT,
    Database,
    Doors,
    Keys,
    Logs,
    Modems,
    Numbers,
    Queue,
    Registration,
    Simulate,
    Webhooks,
)
from modemd.config.sims import Limits, Pool, Sim
from modemd.errors import ConfigError

PREFIX = "MODEMD_"
"""How the name of an environment variable of ours begins."""
DELIMITER = "__"
"""What parts section and key in it."""


class Settings(BaseSettings):
    """Everything that can be configured, frozen."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_ignore_empty=True,
    )

    state_dir: Path = Field(exclude=True)
    file: Path | None = Field(default=None, exclude=True)
    """The file they were read from, if there was one."""
    server: Server = Server()
    database: Database = Database()
    modems: Modems = Modems()
    simulate: Simulate = Simulate()
    queue: Queue = Queue()
    numbers: Numbers = Numbers()
    sim: Sim = Sim()
    limits: Limits = Limits()
    pool: Pool = Pool()
    retention: Retention = Retention()
    doors: Doors = Doors()
    keys: Keys = Keys()
    webhooks: Webhooks = Webhooks()
    registration: Registration = Registration()
    billing: Billing = Billing()
    tls: Tls = Tls()
    logs: Logs = Logs()

    @property
    def database_url(self) -> str:
        """Where the database is; may hold a password."""
        url = self.database.url
        return url.get_secret_value() if url else places.database_url(self.state_dir)

    @property
    def certificate(self) -> tuple[Path, Path] | None:
        """The listener's certificate and key: as configured, else what `modemd tls init` has made, if anything."""
        if self.tls.certificate is not None and self.tls.key is not None:
            return self.tls.certificate, self.tls.key
        made = self.state_dir / places.TLS
        own = made / "server.pem", made / "server.key"
        return own if own[0].exists() else None

    @property
    def log_file(self) -> Path | None:
        """The file that events are written to besides standard error, if any."""
        return self.state_dir / "modemd.log" if self.logs.file else None

    @property
    def discovers(self) -> bool:
        """Whether modems that are plugged in are taken: as configured, else yes unless modems are simulated."""
        return self.simulate.modems == 0 if self.modems.discover is None else self.modems.discover

    @property
    def without_effect(self) -> list[str]:
        """Keys that were given and that nothing in this version acts on."""
        given = {f"{name}.{key}" for name in SECTIONS for key in getattr(self, name).model_fields_set}
        return sorted(given & WITHOUT_EFFECT)

    @model_validator(mode="after")
    def _safe(self) -> Self:
        """Passwords and API keys never cross a network in the clear."""
        if not self.server.loopback and self.certificate is None:
            raise ConfigError(
                f"listening on {self.server.listen} without TLS is refused",
                cure="listen on 127.0.0.1, or make a certificate with modemd tls init, or name one in [tls]",
                code="tls_required",
            )
        return self


SECTIONS: Mapping[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
"""Every section by its name, in the order of the file."""
