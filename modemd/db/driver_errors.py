"""Finds the driver's error under what peewee makes of it."""

from __future__ import annotations

import peewee


def driver_error(error: BaseException) -> BaseException:
    """The DB-API error that peewee wrapped (it keeps it as the first argument), or the error itself."""
    if isinstance(error, peewee.PeeweeException) and error.args and isinstance(error.args[0], BaseException):
        return error.args[0]
    return error
