"""A process that writes pairs of rows until it is killed, and says which are promised to be on disk.

    python pair_writer.py URL NAME COUNT [AT_ONCE]

Each closure writes ``NAME-n-left`` and ``NAME-n-right``; after its future is resolved, ``n`` goes to stdout.
"""

from __future__ import annotations

import asyncio
import os
import sys

from modemd.db import Transaction, connect


async def main(url: str, name: str, count: int, at_once: int) -> None:
    """Write ``count`` pairs, ``at_once`` at a time."""
    database = connect(url)
    await database.open()
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:

            def pair(tx: Transaction, number: int = number) -> None:
                tx.execute("INSERT INTO tally (name, value) VALUES (?, 1)", (f"{name}-{number}-left",))
                tx.tally(f"{name}-count", 1)
                tx.execute("INSERT INTO tally (name, value) VALUES (?, 1)", (f"{name}-{number}-right",))

            await database.write(pair)
            os.write(1, f"{number}\n".encode())  # one system call, so that a kill cannot lose it in a buffer

    await asyncio.gather(*(work() for _ in range(at_once)))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 8))
