"""What the queue tells: who has work, what will be due, what was taken back, and that something has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from modemd.queue.rows import Message
from modemd.queue.states import State
from modemd.queue.turns import Key


class Announcing:
    """Whoever sends or watches puts what shall be called here."""

    def __init__(self) -> None:
        self.on_work: Callable[[Key], None] = lambda key: None
        """Called when an account has something to send now."""
        self.on_again: Callable[[Key], None] = lambda key: None
        """Called when something of an account that a modem was handed before is to be sent again now."""
        self.on_later: Callable[[int], None] = lambda moment: None
        """Called when something will be due at a moment."""
        self.on_gone: Callable[[Message], None] = lambda message: None
        """Called when a waiting message was taken back."""
        self.on_forgotten: Callable[[int], None] = lambda account: None
        """Called when an account is gone for good."""
        self._watchers: set[asyncio.Event] = set()

    def announce(self, moved: Sequence[Message]) -> None:
        """Tell whoever sends or watches that these messages have moved."""
        for message in moved:
            self._moved(message)

    def _moved(self, message: Message) -> State:
        if message.state is State.QUEUED:
            self.on_again((message.lane, message.account))
        self.changed()
        return message.state

    def changed(self) -> None:
        """Some message changed its state: wake whoever watches."""
        for watcher in self._watchers:
            watcher.set()

    def watch(self) -> Watch:
        """An event that is set at every change; use it as a context manager."""
        return Watch(self._watchers)


class Watch:
    """Tells when the queue has changed since it was last asked."""

    def __init__(self, watchers: set[asyncio.Event]) -> None:
        self._watchers = watchers
        self._event = asyncio.Event()

    def __enter__(self) -> Watch:
        self._watchers.add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        self._watchers.discard(self._event)

    async def change(self, seconds: float | None = None) -> bool:
        """Wait for the next change; False if there is none within so many seconds."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        self._event.clear()
        return True
