"""The trivial client: thirty lines that do nothing but send, the practical limit of any gateway.

    python -m bench.trivial_client MESSAGES PORT…      prints seconds from the first AT+CMGS to the last final result

One thread a modem; every PDU is the same prepared SMS-SUBMIT; nothing is stored, nothing is checked but the prompt
and the final result. CMMS=2 as modemd sets it.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
import tty

PDU = "0001000B918406101002F100000BC8329BFD065DDF723619"
LENGTH = (len(PDU) - 2) // 2


def exchange(port: int, data: bytes, *ends: bytes) -> None:
    os.write(port, data)
    heard = b""
    while not heard.endswith(ends):
        heard += os.read(port, 4096)


def send(port: int, numbers: itertools.count[int], messages: int) -> None:
    while next(numbers) < messages:
        exchange(port, b"AT+CMGS=%d\r" % LENGTH, b"> ")
        exchange(port, PDU.encode() + b"\x1a", b"OK\r\n", b"ERROR\r\n")


def main() -> None:
    messages, ports = int(sys.argv[1]), [os.open(path, os.O_RDWR | os.O_NOCTTY) for path in sys.argv[2:]]
    for port in ports:
        tty.setraw(port)
        for command in (b"ATE0\r", b"AT+CMGF=0\r", b"AT+CMMS=2\r"):
            exchange(port, command, b"OK\r\n")
    numbers = itertools.count()
    threads = [threading.Thread(target=send, args=(port, numbers, messages)) for port in ports]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(time.monotonic() - started)


if __name__ == "__main__":
    main()
