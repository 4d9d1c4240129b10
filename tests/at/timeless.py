"""An event loop in which waiting takes no time: minutes of a dialogue pass in microseconds, in one order."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Where nothing is ready, the time that would be waited is over at once."""

    loop: Timeless

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("the dialogue waits for ever")
            self.loop.now += timeout
        return ready


class Timeless(asyncio.SelectorEventLoop):
    """``time()`` is what has been waited for."""

    def __init__(self) -> None:
        selector = _Selector()
        self.now = 0.0
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        return self.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run it to its end."""
    with asyncio.Runner(loop_factory=Timeless) as runner:
        return runner.run(main)
