"""How the service is: the document of `modemd status --json`, health and readiness."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from modemd.web.api.shapes.words import Shape


class Health(Shape):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Shape):
    """Messages can be accepted and sent."""

    status: Literal["ready"]


class Lanes(Shape):
    """Queued messages by lane."""

    system: int
    transactional: int
    bulk: int


class QueueDepth(Shape):
    """Messages that have not ended."""

    scheduled: int
    queued: int
    sending: int
    uncertain: int
    oldest_queued_s: float
    lanes: Lanes


class Totals(Shape):
    """Messages since the database was made; a delivered one counts in sent, too."""

    accepted: int
    sent: int
    delivered: int
    undelivered: int
    failed: int
    expired: int
    cancelled: int


class Rate(Shape):
    """The last minute."""

    sent_per_min: float
    pool_utilisation: float = Field(description="Share of it in which modems that could have been sending were.")


class Storage(Shape):
    """Places for inbound SMS."""

    used: int
    total: int


class Modem(Shape):
    """One modem; null where it has not told yet."""

    name: str
    port: str
    imei: str | None
    model: str | None
    operator: str | None
    signal_dbm: int | None
    state: Literal["starting", "ready", "sending", "draining", "quarantined", "absent"]
    reason: str | None
    registration: Literal["home", "roaming", "searching", "denied", "none"]
    last_success: datetime | None
    limited_until: datetime | None
    storage: Storage
    sent: int
    failed: int
    uncertain: int


class Status(Shape):
    """The whole service."""

    running: bool
    version: str
    node: str
    uptime_s: float
    queue: QueueDepth
    totals: Totals
    rate: Rate
    modems: list[Modem]
    alarms: list[str] | None = Field(None, description="Sentences for the operator; left out where there are none.")
