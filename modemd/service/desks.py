"""What the command line may ask of the daemon: the verbs of every desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from modemd.account_desk import AccountDesk
from modemd.accounts import master_key
from modemd.accounts.keystore import KeyStore
from modemd.accounts.parts import Accounts
from modemd.billing_desk import BillingDesk
from modemd.clock import Clock
from modemd.control import Verb
from modemd.desk import Desk
from modemd.erasure_desk import ErasureDesk
from modemd.key_desk import KeyDesk
from modemd.pool_desk import PoolDesk
from modemd.queue import Queue
from modemd.service.floor import Floor


def verbs(
    queue: Queue,
    accounts: Accounts,
    floor: Floor,
    keys: KeyStore,
    *,
    status: Callable[[], Awaitable[dict[str, Any]]],
    state_dir: Path,
    clock: Clock,
) -> dict[str, Verb]:
    """Each verb by its name, as `Control` takes them."""
    desk = Desk(
        queue=queue,
        sending=accounts.sending,
        status=status,
        holdup=floor.holdup,
        clock=clock,
    )
    desks = (
        desk,
        AccountDesk(accounts),
        BillingDesk(accounts.directory, accounts.billing),
        PoolDesk(floor.pool, floor.seats.limited_until),
        KeyDesk(keys, master_key.locate(keys.directory), state_dir),
        ErasureDesk(accounts),
    )
    return {name: verb for each in desks for name, verb in each.verbs.items()}
