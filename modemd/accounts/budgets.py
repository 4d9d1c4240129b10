"""What SMS strangers may cause: registrations and resets are free to ask for, and each costs the operator money.

Fraudsters make gateways send to ranges of numbers whose owners share the fee (SMS pumping). So there are bounds for a
number, for the network a request comes from, for a range of a thousand numbers, and for all of it together.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from modemd.accounts.limits import DAY, HOUR, Disguise, Limit
from modemd.clock import Clock

PER_NUMBER = 3
"""A day."""
PER_NETWORK = 5
"""An hour, for a /24 or a /48; loopback is exempt."""
PER_RANGE = 20
"""An hour, for numbers that differ in their last three digits."""
SHARE = 0.05
"""Of what the pool can send in an hour, at least LEAST."""
LEAST = 20


class Budgets:
    """Counts the SMS that strangers have caused. ``capacity`` is what the pool can send in an hour."""

    def __init__(self, clock: Clock, capacity: Callable[[], float]) -> None:
        self._capacity = capacity
        self._disguise = Disguise(clock)
        self._numbers = Limit(PER_NUMBER, DAY, clock)
        self._networks = Limit(PER_NETWORK, HOUR, clock)
        self._ranges = Limit(PER_RANGE, HOUR, clock)
        self._all = Limit(LEAST, HOUR, clock)

    def refusal(self, number: str, network: str) -> str | None:
        """Which bound one more SMS to this number would break; None if none."""
        self._all.most = max(LEAST, round(self._capacity() * SHARE))
        bounds = {
            "number": self._numbers.wait(self._disguise(number)),
            "network": 0.0 if loopback(network) else self._networks.wait(self._disguise(network)),
            "range": self._ranges.wait(self._disguise(number[:-3])),
            "all": self._all.wait(),
        }
        return next((name for name, wait in bounds.items() if wait > 0), None)

    def spend(self, number: str, network: str) -> None:
        """One SMS to this number was caused from this network."""
        self._numbers.count(self._disguise(number))
        self._networks.count(self._disguise(network))
        self._ranges.count(self._disguise(number[:-3]))
        self._all.count()


def loopback(network: str) -> bool:
    """Whether the network, as the edge cuts it, is this machine."""
    try:
        return ipaddress.ip_network(network).network_address.is_loopback or network == "::/48"
    except ValueError:
        return True  # a Unix socket has no network
