"""Random octets from the system, drawn by the page: each draw of its own gives the interpreter lock away and waits
for it again, which cost a submission 13 µs a time beside a busy thread.
"""

from __future__ import annotations

import os
import threading

_PAGE = 4096

_lock = threading.Lock()
_page = b""
_place = 0


def octets(count: int) -> bytes:
    """``count`` random octets, at most 4,096, given to nobody else; for any thread. Not for keys: draw those alone."""
    global _page, _place  # noqa: PLW0603 - one source for the process, as the system's own is
    with _lock:
        if _place + count > len(_page):
            _page, _place = os.urandom(_PAGE), 0
        _place += count
        return _page[_place - count : _place]


def _forget() -> None:
    """A forked child must not give out what its parent does."""
    global _page  # noqa: PLW0603 - see above
    _page = b""


os.register_at_fork(after_in_child=_forget)
