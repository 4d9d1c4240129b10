"""When duties ran last, kept in the database: a stop delays them no further than the next start."""

from __future__ import annotations

from modemd.clock import Clock
from modemd.db import Database, Urgency


class DutyBook:
    """Remembers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def runs(self) -> dict[str, int]:
        """The last complete run of each duty. Raises StorageError."""
        rows = await self._database.read(lambda reader: reader.execute("SELECT name, ran_at FROM duty").fetchall())
        return dict(rows)

    async def ran(self, name: str) -> None:
        """Write down that a duty is done. Raises StorageError."""
        now = self._clock.now()
        await self._database.write(
            lambda tx: (
                tx.execute(
                    "INSERT INTO duty (name, ran_at) VALUES (?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET ran_at = excluded.ran_at",
                    (name, now),
                ).rowcount
            ),
            Urgency.BULK,
        )
