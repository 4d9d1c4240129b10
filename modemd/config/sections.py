"""What can be configured: one class a section of the file, frozen, each key with its default, unit and meaning."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    SettingsConfigDict,
)

from modemd import state_dir as places
from modemd.config.billing import Billing
from modemd.config.form import Country, Most, Paths, Section, Texts, listed
from modemd.config.retention import Retention
from modemd.config.sims import Limits, Pool, Sim
from modemd.errors import ConfigError

PREFIX = "MODEMD_"
"""How the name of an environment variable of ours begins."""
DELIMITER = "__"
"""What parts section and key in it."""

WITHOUT_EFFECT: frozenset[str] = frozenset()
"""Keys whose form is promised and checked already, and which nothing in this version acts on."""


class Server(Section):
    """The HTTP listener."""

    listen: str = Field(default="127.0.0.1:8160", description="HOST:PORT of the HTTP API; port 0 takes any free one")
    hosts: Texts = Field(
        default=(),
        description="names under which it is reached, beside loopback, the address itself and those in its certificate",
    )
    trusted_proxies: Texts = Field(
        default=(), description="addresses or networks of proxies whose X-Forwarded-For and -Proto are believed"
    )
    head_timeout: float = Field(default=10, gt=0, le=600, description="seconds in which a request's head must be there")
    body_timeout: float = Field(default=120, gt=0, le=3600, description="seconds in which its body must be there")
    requests_per_minute: Most = Field(default=60_000, description="requests a minute of each account; 0 is no limit")
    strangers_per_minute: Most = Field(
        default=3_000,
        description="requests a minute without a valid credential from each /24 or /48; 0 is no limit",
    )

    @property
    def host(self) -> str:
        """The host part of ``listen``, without the brackets of an IPv6 address."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of ``listen``."""
        return int(self.listen.rpartition(":")[2])

    @property
    def loopback(self) -> bool:
        """True if nobody outside this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def proxies(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The networks of ``trusted_proxies``."""
        return tuple(ipaddress.ip_network(network) for network in self.trusted_proxies)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for network in value:
                ipaddress.ip_network(network)
        except ValueError:
            raise ValueError("each is an address or a network, for instance 192.0.2.1 or 192.0.2.0/24") from None
        return value

    @field_validator("listen")
    @classmethod
    def _readable(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
            raise ValueError("it is HOST:PORT, for instance 127.0.0.1:8160 or [::1]:8160")
        return value


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


class Tls(Section):
    """The certificate of the HTTP listener; without one named, that of `modemd tls init`, if it has made one."""

    certificate: Path | None = Field(default=None, description="PEM file with the certificate and its chain")
    key: Path | None = Field(default=None, description="PEM file with its private key")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key come together")
        return self


class Logs(Section):
    """What is logged."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="the least level that is written"
    )
    file: bool = Field(
        default=False,
        description="also write modemd.log in the state directory, a file a day, kept as [retention] says",
    )


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
