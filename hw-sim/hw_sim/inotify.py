"""Be told by the kernel when a file changes or is closed (inotify(7)), so that nothing has to look again and again."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from pathlib import Path

MODIFY, CLOSE_WRITE, CLOSE_NOWRITE, MOVED_TO, CREATE = 0x002, 0x008, 0x010, 0x080, 0x100
_EVENT = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


class Inotify:
    """A set of watched paths; `fileno` is readable when something has happened to one of them."""

    def __init__(self, *, blocking: bool = False) -> None:
        self._descriptor = _checked(_libc.inotify_init1(os.O_CLOEXEC | (0 if blocking else os.O_NONBLOCK)))
        self._called: dict[int, Callable[[], None]] = {}

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._descriptor

    def watch(self, path: Path | str, mask: int, call: Callable[[], None]) -> int:
        """Have *call* called on such events; gives the handle to end it."""
        handle = _checked(_libc.inotify_add_watch(self._descriptor, os.fsencode(path), mask))
        self._called[handle] = call
        return handle

    def forget(self, handle: int) -> None:
        """End a watch."""
        if self._called.pop(handle, None) is not None:
            _libc.inotify_rm_watch(self._descriptor, handle)

    def dispatch(self) -> None:
        """Read what has happened and make the calls."""
        try:
            events = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return
        at = 0
        while at < len(events):
            handle, _, _, size = _EVENT.unpack_from(events, at)
            at += _EVENT.size + size
            call = self._called.get(handle)
            if call is not None:
                call()

    def close(self) -> None:
        """End all watches."""
        os.close(self._descriptor)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
