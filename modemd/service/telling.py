"""Webhooks and live events, as the configuration wants them, introduced to the accounts."""

from __future__ import annotations

from modemd.accounts.parts import Accounts
from modemd.clock import Clock
from modemd.config import Settings
from modemd.db import Database
from modemd.ids import IdSource
from modemd.webhooks.backoff import Patience
from modemd.webhooks.outbox import Outbox
from modemd.webhooks.parts import Manners, Telling


def tell(settings: Settings, clock: Clock, database: Database, outbox: Outbox, accounts: Accounts) -> Telling:
    """The parts, not yet started."""
    patience = Patience(settings.webhooks.retry, settings.webhooks.attempts)
    manners = Manners(settings.webhooks.allow_private, settings.webhooks.timeout, patience)
    telling = Telling(database, accounts.vault, outbox, manners, ids=IdSource(clock), clock=clock)
    accounts.on_ended(telling.callers_changed)
    accounts.export.more = telling.lists
    return telling
