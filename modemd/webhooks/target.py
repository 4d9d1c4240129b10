"""A URL that users give, read once and strictly: what is checked is what is connected to.

Refused: other schemes than http and https, names and passwords in it, ports of other services, fragments, whatever is
not printable ASCII. Plain http is for private addresses alone, for what is sent names people's numbers.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from modemd.errors import InvalidField

MAX_URL = 2048
"""Characters."""
_USUAL = {"http": 80, "https": 443}
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_BAD_PORTS = frozenset(
    {*(1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6679, 6697, 10080), *range(6665, 6670)}
)
"""Ports from 1024 up on which other protocols would take HTTP for their own (Fetch standard, "port blocking")."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    scheme: str
    host: str
    """A name, or an address without brackets; lower case."""
    port: int
    path: str
    """With the query; begins with a slash."""

    @property
    def authority(self) -> str:
        """The header Host: without the port where it is the scheme's own (RFC 9110 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _USUAL[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what answers or fails together."""
        return f"{self.scheme}://{self.authority}"


def read(url: str, field: str = "url", *, allow_private: bool = False) -> Target:
    """The parts of a URL. Raises InvalidField, which names the fault and never repeats the URL."""
    fault = _fault(url, allow_private=allow_private)
    if fault:
        raise InvalidField(field, fault, cure="an example: https://example.org/sms?from=modemd", code="invalid_url")
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    path = parts.path or "/"
    return Target(
        scheme,
        (parts.hostname or "").lower(),
        parts.port or _USUAL[scheme],
        path + (f"?{parts.query}" if parts.query else ""),
    )


def _fault(url: str, *, allow_private: bool) -> str:
    """What is wrong with a URL; empty if nothing is."""
    if len(url) > MAX_URL:
        return f"the URL has more than {MAX_URL} characters"
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        return "the URL has characters that must be escaped, or a host name that must be written in Punycode"
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").lower()
    except ValueError:
        return "this is no URL"
    scheme = parts.scheme.lower()
    if scheme not in _USUAL:
        return "the URL begins neither with https:// nor with http://"
    if scheme == "http" and not allow_private:
        return "plain http can be read on its way: use https"
    if "@" in parts.netloc:
        return "the URL holds a user name or a password"
    if "#" in url:
        return "the URL has a fragment, which is never sent"
    if not _is_host(host):
        return "the URL names no host"
    if port is not None and not _port_allowed(port):
        return "the port belongs to another service: 443, 80, or most from 1024 up"
    return ""


def _is_host(host: str) -> bool:
    if ":" not in host:
        return len(host) <= 253 and _HOST.fullmatch(host) is not None
    try:
        return "%" not in host and ipaddress.IPv6Address(host) is not None
    except ValueError:
        return False


def _port_allowed(port: int) -> bool:
    return port in _USUAL.values() or (port >= 1024 and port not in _BAD_PORTS)
