"""What a pool is told once: settings that hold for every modem, and whom a modem's life concerns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from modemd.at.dialect import Dialects
from modemd.at.serial import DEFAULT_BAUD
from modemd.pool.inbound import Take
from modemd.pool.modem import Modem
from modemd.pool.pin import PinGuard
from modemd.values import Outcome

Serve = Callable[[Modem], Awaitable[None]]
LateAnswer = Callable[[Modem, Outcome], None]


async def nobody_takes(_modem: Modem, _kind: str, _pdu: str) -> None:
    """For a pool without an inbox."""


@dataclass(frozen=True)
class Settings:
    """What is the same for every modem of a pool."""

    dialects: Dialects
    pins: PinGuard
    baud: int = DEFAULT_BAUD
    roaming: bool = True
    """Whether a modem may send in a foreign network."""
    traced: frozenset[str] = frozenset()
    """Names or ports of the modems whose exchange is logged, masked."""
    root: Path = Path("/")
    """Where ``sys`` and ``dev`` are."""
    listen_s: Callable[[str], float] = field(default=lambda _port: 0.3)
    """Silence on a port before its first command."""
    listen_at_most_s: float = 3.0
    owed_s: Callable[[str], float] = field(default=lambda _port: 0.0)
    """How long an answer to our predecessor's Ctrl-Z may still come at a port: nothing is said to it meanwhile."""
    look_every_s: float = 0.5
    """How often a missing port is looked for; a pty makes no udev event."""
    upkeep_idle_s: float = 60.0
    upkeep_busy_s: float = 300.0
    """How often an idle or a busy modem is asked for its network and its storage."""

    @property
    def sysfs(self) -> Path:
        """Where the kernel shows devices."""
        return self.root / "sys"

    @property
    def dev(self) -> Path:
        """Where their ports are."""
        return self.root / "dev"


@dataclass(frozen=True)
class Hooks:
    """Whom a modem's life concerns."""

    serve: Serve
    """Lent a modem that is ready; returns when it has been called back, raises what the modem failed of."""
    changed: Callable[[], None]
    late: LateAnswer
    """An answer came for a message whose sender is gone."""
    take: Take = nobody_takes
    """Gets inbound PDUs."""
    identified: Callable[[Modem], None] = field(default=lambda _modem: None)
    """A bring-up has learnt which modem and which SIM this is; called before the modem is lent."""
