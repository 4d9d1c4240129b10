"""The rungs of the ladder that do something to the device: restart it by AT, replug it by USB."""

from __future__ import annotations

from pathlib import Path

from modemd import log
from modemd.at.commands import Command
from modemd.at.link import Link
from modemd.at.serial import Port, in_thread
from modemd.errors import ModemdError
from modemd.pool import usb
from modemd.pool.health import Means

RESTART_S = 15.0
"""``+CFUN=1,1`` answers within 15 s (Quectel's manuals), or the port goes before the OK."""
SETTLE_S = 2.0
"""From the OK of a restart until the port has gone: opened sooner it would be lost at once."""


async def means_for(path: str, restart: tuple[str, ...], sysfs: Path) -> Means:
    """Which rungs there are for the modem at this port."""
    port = await in_thread(lambda: usb.usb_port(path, sysfs))
    return Means(restart=bool(restart), reauthorise=port is not None and usb.may_reauthorise(port))


async def restart(port: Port, commands: tuple[str, ...], modem: str) -> None:
    """Send the dialect's restart over an open port; a modem that does not answer may still do it."""
    link = Link(port, lambda _event: None)
    try:
        link.escape()
        await link.listen(0.1, 0.5)
        for text in commands:
            await link.ask(Command(text, RESTART_S))
    except ModemdError as failure:
        log.event("modem.restart_unanswered", modem=modem, code=failure.code)
    finally:
        link.close()


async def reauthorise(path: str, modem: str, sysfs: Path) -> None:
    """Let the kernel unplug and replug the modem's USB device."""

    def work() -> None:
        port = usb.usb_port(path, sysfs)
        if port is not None:
            usb.reauthorise(port)

    try:
        await in_thread(work)
    except OSError as reason:
        log.failed("modem.not_reauthorised", reason, level="WARNING", modem=modem)
