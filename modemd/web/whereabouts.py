"""Whom a request is meant for and where it comes from: names that are ours, and what trusted proxies say.

A page of a stranger can have its own name resolve to 127.0.0.1 (DNS rebinding); the browser then sends the stranger's
name as Host, and takes our answers for the stranger's own. So a Host that is not ours is refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable

from starlette.types import Scope

from modemd import log
from modemd.web.tls import Certificate

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
FORWARDING = frozenset({b"x-forwarded-for", b"forwarded"})
SOMEWHERE = "0.0.0.0"  # noqa: S104 - no address to bind to: the network of whom an unknown proxy forwards
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:@/\\\s]+)(:[0-9]{1,5})?")
_MOST_HOPS = 16

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Whereabouts:
    """The names of this server, and the proxies before it.

    ``names`` and those of the certificate come beside loopback and the address met.
    """

    def __init__(
        self, names: Iterable[str] = (), proxies: Collection[Network] = (), certificate: Certificate | None = None
    ) -> None:
        self._names = LOOPBACK | {plain(name) for name in names}
        self._certificate = certificate
        self._proxies = tuple(proxies)
        self._warned = False

    def means_us(self, scope: Scope) -> bool:
        """Whether Host names this server; HTTP/1.0, which no browser speaks, may leave it out."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if not hosts:
            return bool(scope["http_version"] == "1.0")
        found = _HOST.fullmatch(hosts[0].decode("latin-1"))
        if len(hosts) > 1 or found is None:
            return False
        name = plain(found[1])
        here, certified = scope.get("server"), self._certificate
        if name in self._names or (certified is not None and name in certified.names):
            return True
        return here is not None and name == plain(here[0]).removeprefix("::ffff:")

    def locate(self, scope: Scope) -> None:
        """Set the scope's client and scheme to what a trusted proxy says; disbelieve every other.

        Who forwards without being trusted is nobody in particular: above all not loopback, which may do more.
        """
        peer = scope.get("client")
        if peer is None:
            return
        if self._proxies and self._trusts(peer[0]):
            scope["client"] = self._origin(scope, peer)
            for name, value in scope["headers"]:
                if name == b"x-forwarded-proto" and value in (b"http", b"https"):
                    scope["scheme"] = value.decode()
        elif any(name in FORWARDING for name, _ in scope["headers"]):
            scope["client"] = (SOMEWHERE, 0)
            self._warn()

    def _origin(self, scope: Scope, peer: tuple[str, int]) -> tuple[str, int]:
        """The last address of X-Forwarded-For that no trusted proxy has."""
        lists = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        hops = [hop.strip() for hop in ",".join(lists).split(",") if hop.strip()][-_MOST_HOPS:]
        for hop in reversed(hops):
            if not self._trusts(hop):
                return hop if _is_address(hop) else SOMEWHERE, 0
        return peer

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(mapped in network for network in self._proxies)

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            cure = "name its address in [server] trusted_proxies"
            log.event("http.proxy_not_trusted", level="WARNING", cure=cure)


def plain(name: str) -> str:
    """A host name or address as names are compared: without brackets and final dot, in small letters."""
    return name.strip("[]").rstrip(".").lower()


def is_loopback(scope: Scope) -> bool:
    """Whether the request comes from this machine, past no proxy."""
    peer = scope.get("client")
    try:
        parsed = ipaddress.ip_address(peer[0]) if peer else None
    except ValueError:
        return False
    return parsed is None or (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
