"""Finds the driver's error under what peewee makes of it."""

from __future__ import annotations

import peewee


def driver_error(error: BaseException) -> BaseException:
    """The DB-API error that peewee wrapped (``PeeweeException.orig``), or the error itself."""
    original = getattr(error, "orig", None)
    return original if isinstance(error, peewee.PeeweeException) and isinstance(original, BaseException) else error
