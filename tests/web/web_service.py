"""What the fixtures of this folder hand to tests."""

from __future__ import annotations

from dataclasses import dataclass

from modemd.accounts.api_keys import ApiKeys
from modemd.accounts.directory import Account, Directory
from modemd.accounts.sending import Sending
from modemd.accounts.vault import Vault
from modemd.db import Database
from modemd.queue import Queue


@dataclass
class Service:
    """The parts behind the API, for tests that look or act past HTTP."""

    database: Database
    queue: Queue
    vault: Vault
    directory: Directory
    keys: ApiKeys
    sending: Sending
    account: Account
    key: str
    operator_key: str
    address: tuple[str, int] = ("", 0)
    missing: str | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return "http://{}:{}".format(*self.address)
