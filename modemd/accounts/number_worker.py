"""Sorts many numbers in a child process: the daemon's loop and its interpreter lock belong to the modems.

One slice is one JSON line each way. The child ends by itself when its standard input does, so it outlives no daemon,
not even a killed one. Numbers pass through pipes only, never through arguments or files.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

import orjson

from modemd.accounts.numbers import Numbers, Rejected, sort

SLICE = 500
"""Numbers in one exchange: what decoding its answer costs the loop stays far below a millisecond."""


class NumberWorker:
    """The child process, started when first needed."""

    def __init__(self, numbers: Numbers) -> None:
        self._arguments = [numbers.region, *sorted(numbers.short_codes)]
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    async def sort(self, raws: Sequence[str]) -> tuple[list[str], list[Rejected]]:
        """As ``numbers.sort``, without stopping the loop for longer than a slice takes to copy."""
        accepted: dict[str, None] = {}
        rejected: list[Rejected] = []
        for start in range(0, len(raws), SLICE):
            answer = await asyncio.to_thread(self._exchange, orjson.dumps(raws[start : start + SLICE]))
            good, bad = orjson.loads(answer)
            accepted.update(dict.fromkeys(good))
            rejected += bad
        return list(accepted), rejected

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._stop()

    def _exchange(self, line: bytes) -> bytes:
        """One slice there and back; a child that died is replaced once."""
        with self._lock:
            for _ in range(2):
                child = self._child or self._start()
                try:
                    _write(child, line + b"\n")
                    answer = _read(child)
                except BrokenPipeError:
                    answer = b""
                if answer.endswith(b"\n"):
                    return answer
                self._stop()
        raise RuntimeError("the process that reads numbers ends as soon as it is started")

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", __name__, *self._arguments]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own module
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with suppress(BrokenPipeError):  # what it had not read yet
                if pipe is not None:
                    pipe.close()
        child.wait()


def _write(child: subprocess.Popen[bytes], line: bytes) -> None:
    if child.stdin is None:
        raise BrokenPipeError
    child.stdin.write(line)
    child.stdin.flush()


def _read(child: subprocess.Popen[bytes]) -> bytes:
    return child.stdout.readline() if child.stdout else b""


def serve(arguments: Sequence[str]) -> None:
    """The child: a line of numbers in, a line of ``[accepted, rejected]`` out, until the input ends."""
    os.nice(5)
    numbers = Numbers(arguments[0], arguments[1:])
    for line in sys.stdin.buffer:
        accepted, rejected = sort(numbers, orjson.loads(line))
        sys.stdout.buffer.write(orjson.dumps([accepted, rejected]) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        serve(sys.argv[1:])
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(0)  # Ctrl-C reaches the whole process group; a daemon that was killed reads no answer
