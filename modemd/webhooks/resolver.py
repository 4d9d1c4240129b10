"""Names to addresses, each look-up in a thread of its own: a name server that does not answer holds up nobody else.

asyncio's own ``getaddrinfo`` shares a few threads with everything that blocks, opening serial ports among it, and a
thread of a pool is waited for when the process ends.
"""

from __future__ import annotations

import asyncio
import socket
import threading

MOST_AT_ONCE = 32
"""Look-ups under way; more wait."""


class Resolver:
    """Asks the system's resolver."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Every address of a host, in the resolver's order. Raises OSError."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str]] = loop.create_future()
        async with self._places:
            threading.Thread(target=_ask, args=(loop, found, host, port), name="modemd-dns", daemon=True).start()
            return await found


def _ask(loop: asyncio.AbstractEventLoop, found: asyncio.Future[list[str]], host: str, port: int) -> None:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        result: list[str] | OSError = list(dict.fromkeys(str(row[4][0]) for row in rows))
    except (OSError, UnicodeError) as error:
        result = error if isinstance(error, OSError) else OSError("no such host")
    try:
        loop.call_soon_threadsafe(_answer, found, result)
    except RuntimeError:
        return  # the loop has ended meanwhile


def _answer(found: asyncio.Future[list[str]], result: list[str] | OSError) -> None:
    if found.done():
        return
    if isinstance(result, OSError):
        found.set_exception(result)
    else:
        found.set_result(result)
