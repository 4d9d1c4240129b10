"""What is set for the HTTP listener: where it listens, for whom, how patiently, and its certificate."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from modemd.config.form import Most, Section, Texts


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


class Tls(Section):
    """The certificate of the HTTP listener; without one named, that of `modemd tls init`, if it has made one."""

    certificate: Path | None = Field(default=None, description="PEM file with the certificate and its chain")
    key: Path | None = Field(default=None, description="PEM file with its private key")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key come together")
        return self
