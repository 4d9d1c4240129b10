"""The terms that the configuration sets for accounts: who may register, what they may send, how long it is kept."""

from __future__ import annotations

from modemd.accounts.bounds import Bounds
from modemd.accounts.numbers import Numbers
from modemd.accounts.parts import Terms
from modemd.accounts.retention import Ages
from modemd.config import Settings
from modemd.service.allowance import Allowance


def terms(settings: Settings, allowance: Allowance) -> Terms:
    """The terms."""
    return Terms(
        Numbers(settings.numbers.region, settings.numbers.short_codes),
        settings.registration.countries,
        Bounds(settings.queue.valid_for, allowance.spending),
        Ages(
            settings.retention.texts,
            settings.retention.reports,
            settings.retention.numbers,
            settings.retention.calls,
            settings.retention.inbound,
        ),
        settings.retention.sessions * 3600,
        tariff=allowance.tariff,
        zone=allowance.zone,
    )
