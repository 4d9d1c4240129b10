"""Front doors that speak the protocols of others, so that programs written for those work unchanged.

Each is opened by the configuration (`[doors]`), takes an API key as its password, and leads to the same accounts and
the same queue. What a protocol can say and a modem cannot do is refused in that protocol's own words; what its
documents leave open is listed in docs/compat.md. Credentials and numbers that it puts into query strings reach no log:
the access log knows routes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastapi import APIRouter

from modemd.web.compat.capcom6 import Capcom6
from modemd.web.compat.counter import Counter
from modemd.web.compat.kannel import Kannel
from modemd.web.compat.promosms import PromoSms

__all__ = ["NAMES", "Counter", "doors"]

_DOORS: Mapping[str, type[PromoSms | Kannel | Capcom6]] = {
    "promosms": PromoSms,
    "kannel": Kannel,
    "capcom6": Capcom6,
}
NAMES = frozenset(_DOORS)
"""As the configuration calls them."""


def doors(names: Iterable[str], counter: Counter) -> list[APIRouter]:
    """The doors of these names."""
    return [_DOORS[name](counter).routes() for name in names]
