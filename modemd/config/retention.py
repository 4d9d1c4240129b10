"""When things are forgotten by their age."""

from __future__ import annotations

from pydantic import Field

from modemd.config.form import Section

TEN_YEARS = 3653
REPORTS_COME_WITHIN = 3
"""Days: service centres give a message up after one to three, and its last report has to find what was sent."""


class Retention(Section):
    """When things are forgotten, in days unless said otherwise. A message that has not ended is kept until it has."""

    texts: int = Field(default=30, ge=1, le=TEN_YEARS, description="texts and tags of messages that have ended")
    reports: int = Field(
        default=90,
        ge=REPORTS_COME_WITHIN,
        le=TEN_YEARS,
        description="status reports, and what `modemd why` tells of such messages",
    )
    numbers: int = Field(
        default=90, ge=REPORTS_COME_WITHIN, le=TEN_YEARS, description="the messages themselves, with their numbers"
    )
    calls: int = Field(
        default=180, ge=1, le=TEN_YEARS, description="idempotency keys: in this time a repeated call sends nothing"
    )
    inbound: int = Field(default=30, ge=1, le=TEN_YEARS, description="SMS that came in")
    sessions: int = Field(default=12, ge=1, le=8760, description="log-ins of the web, in hours")
    logs: int = Field(default=7, ge=1, le=TEN_YEARS, description="files of the log, requests among it")
