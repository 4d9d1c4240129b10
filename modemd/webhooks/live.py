"""Live streams: what happens to an account's messages, told to whoever listens now.

A stream that falls behind is ended, not buffered without bound: its reader comes back with the last id it has seen and
gets what it has missed, as far as that is still in memory (``Outbox.since``).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from types import TracebackType

from modemd.errors import TooMany
from modemd.webhooks.event import Event
from modemd.webhooks.outbox import Outbox

MOST_BEHIND = 1000
"""Events that wait for one reader."""
MOST_STREAMS = 500
MOST_OF_ACCOUNT = 10
AGAIN_S = 30.0


class Live:
    """All streams."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._streams: dict[int, set[Stream]] = defaultdict(set)
        self._closed = False

    def listen(self, account: int, after: int | None = None) -> Stream:
        """A stream of an account's events from now on, or from after the event ``after``; a context manager.

        Raises TooMany (``too_many_streams``).
        """
        own = len(self._streams.get(account, ()))
        if own >= MOST_OF_ACCOUNT or sum(map(len, self._streams.values())) >= MOST_STREAMS:
            cure = f"an account may have {MOST_OF_ACCOUNT} open: share one"
            raise TooMany("too many streams are open", retry_after=AGAIN_S, cure=cure, code="too_many_streams")
        stream = Stream(self, account, after or 0)
        self._streams[account].add(stream)
        self._outbox.on_live = self._publish
        if after is not None:
            missed, whole = self._outbox.since(after)
            stream.missed = not whole
            for event in missed:
                if event.account == account:
                    stream.put(event)
        if self._closed:
            stream.end()
        return stream

    def recheck(self) -> None:
        """Some credential may have ended: let every stream look at its own."""
        for stream in self._all():
            stream.wake(doubtful=True)

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        for stream in self._all():
            stream.end()

    def leave(self, stream: Stream) -> None:
        """A stream's reader has gone."""
        self._streams[stream.account].discard(stream)
        if not self._streams[stream.account]:
            del self._streams[stream.account]
        if not self._streams:
            self._outbox.on_live = None

    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            for stream in self._streams.get(event.account, ()):
                stream.put(event)

    def _all(self) -> list[Stream]:
        return [stream for streams in self._streams.values() for stream in streams]


class Stream:
    """What one reader has still to be told; leaves with its ``with`` block."""

    def __init__(self, live: Live, account: int, last: int) -> None:
        self._live = live
        self._last = last
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()
        self.account = account
        self.missed = False
        """Events between the id it came back with and now are not known any more."""
        self.doubtful = False
        """Its credential has to be looked at again."""
        self.ended = False
        """Nothing more will come: the daemon stops, or the reader was too slow."""

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.leave(self)

    def put(self, event: Event) -> None:
        """One more event; those it has already are left out."""
        if event.id <= self._last or self.ended:
            return
        self._last = event.id
        self._waiting.append(event)
        if len(self._waiting) > MOST_BEHIND:
            self.end()
        self._news.set()

    def wake(self, *, doubtful: bool) -> None:
        """Let the reader's task look."""
        self.doubtful = self.doubtful or doubtful
        self._news.set()

    def end(self) -> None:
        """Tell nothing more."""
        self.ended = True
        self._waiting.clear()
        self._news.set()

    async def next(self, patience_s: float, limit: int = 100) -> list[Event]:
        """The next events; none if none came within the time, or there is something else to look at."""
        if not self._waiting and not self.ended and not self.doubtful:
            try:
                await asyncio.wait_for(self._news.wait(), patience_s)
            except TimeoutError:
                return []
        self._news.clear()
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
