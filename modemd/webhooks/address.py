"""Which addresses may be called: public ones; private ones where the operator allows it; some never.

A request goes out from inside the operator's network and with the gateway's own address, to wherever a user says. So
whatever only this machine or its network can reach is out of bounds (server-side request forgery, OWASP SSRF).
"""

from __future__ import annotations

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PRIVATE = [
    ipaddress.ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),  # RFC 1918
        *("127.0.0.0/8", "::1/128"),
        "100.64.0.0/10",  # carriers' own (RFC 6598)
        "fc00::/7",  # unique local (RFC 4193)
    )
]
"""What ``[webhooks] allow_private`` allows."""

METADATA = frozenset(
    ipaddress.ip_address(address) for address in ("100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254")
)
"""Where clouds tell a machine its credentials, outside the link-local network: Alibaba, Azure, AWS, Google."""

_MAPPED = ipaddress.ip_network("::ffff:0:0/96")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""The well-known prefix (RFC 6052): what an IPv6-only host reaches IPv4 by."""
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_TUNNELS = [ipaddress.ip_network(network) for network in ("2001::/32", "2002::/16")]
"""Teredo and 6to4: they hold an IPv4 address, lead to it by way of strangers, and nobody runs a receiver there."""


def plain(address: str) -> Address:
    """An address, taken out of the IPv6 form that only wraps an IPv4 one. Raises ValueError."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed in _MAPPED or parsed in _NAT64):
        return ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed


def private(address: Address) -> bool:
    """Whether it belongs to this machine or to a private network."""
    return any(address in network for network in PRIVATE if network.version == address.version)


def callable_(address: str, *, allow_private: bool) -> bool:
    """Whether a request may go to this address, as the resolver wrote it."""
    if "%" in address:
        return False  # an interface belongs to it: link-local
    found = plain(address)
    if found in METADATA or found.is_multicast or found.is_unspecified or found.is_link_local:
        return False
    if private(found):
        return allow_private
    if isinstance(found, ipaddress.IPv6Address):
        return found in _GLOBAL_UNICAST and found.is_global and not any(found in network for network in _TUNNELS)
    return found.is_global and not found.is_reserved and (allow_private or not own(address))


def own(address: str) -> bool:
    """Whether it is one of this machine's: the kernel would send from the very address it sends to. Sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return bool(probe.getsockname()[0] == address)
    except OSError:
        return False  # no way there, so not here
