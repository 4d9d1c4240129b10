"""Everything about telling, built from an outbox that listens already, and introduced to each other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from modemd import log
from modemd.accounts.vault import Vault
from modemd.clock import Clock
from modemd.db import Database
from modemd.errors import StorageError
from modemd.ids import IdSource
from modemd.webhooks.backoff import Patience
from modemd.webhooks.callbacks import Callbacks
from modemd.webhooks.courier import Courier
from modemd.webhooks.deliveries import Deliveries
from modemd.webhooks.event import Documents
from modemd.webhooks.exporting import WebhookLists
from modemd.webhooks.live import Live
from modemd.webhooks.outbox import Outbox
from modemd.webhooks.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Manners:
    """What the operator has decided about requests to others."""

    allow_private: bool = False
    timeout_s: float = 10.0
    patience: Patience = field(default_factory=Patience)


class Telling:
    """The parts."""

    def __init__(
        self, database: Database, vault: Vault, outbox: Outbox, manners: Manners, *, ids: IdSource, clock: Clock
    ) -> None:
        self.outbox = outbox
        self.documents = Documents(database, vault)
        self.courier = Courier(allow_private=manners.allow_private, timeout_s=manners.timeout_s)
        self.callbacks = Callbacks(
            database,
            vault,
            outbox,
            self.courier,
            ids=ids,
            clock=clock,
            allow_private=manners.allow_private,
        )
        self.deliveries = Deliveries(
            database,
            vault,
            outbox,
            self.callbacks,
            self.courier,
            self.documents,
            patience=manners.patience,
            clock=clock,
        )
        self.webhooks = Webhooks(database, vault, outbox, self.deliveries, self.courier, ids=ids, clock=clock)
        self.live = Live(outbox)
        self.lists = WebhookLists(database, vault, self.webhooks)
        self.backlogs = {"webhooks": self.deliveries.waiting, "dead letters": self.deliveries.dead}
        """What waits to be delivered, for whoever measures."""
        self._doubt = asyncio.Event()

    async def start(self) -> None:
        """Deliver what an earlier run has left, and what comes."""
        await self.deliveries.start()

    async def run(self) -> None:
        """Look who wants to be told whenever somebody may have gone, until cancelled."""
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            try:
                await self.outbox.reload()
            except StorageError as error:
                log.failed("webhooks.not_reloaded", error, level="WARNING")

    async def stop(self) -> None:
        """End streams and deliveries."""
        self.live.close()
        await self.deliveries.stop()

    def callers_changed(self) -> None:
        """Some key, session or account has ended: streams look at their own, and a closed account is told nothing."""
        self.live.recheck()
        self._doubt.set()
