"""TP-Validity-Period: how long the SMSC may keep trying, in each of its three formats (TS 23.040 9.2.3.12)."""

from __future__ import annotations

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 604_800
LONGEST = 63 * WEEK
"""Seconds of the longest period the relative format can say."""


def relative(seconds: int) -> int:
    """The octet of the longest period that is not longer than ``seconds``, but at least 5 minutes."""
    if seconds <= 12 * HOUR:
        return max(seconds // (5 * MINUTE) - 1, 0)
    if seconds <= 24 * HOUR:
        return 143 + (seconds - 12 * HOUR) // (30 * MINUTE)
    if seconds < 5 * WEEK:
        return 166 + min(max(seconds // DAY, 1), 30)
    return min(192 + seconds // WEEK, 255)


def relative_seconds(octet: int) -> int:
    """The seconds a relative validity period stands for."""
    if octet <= 143:
        return (octet + 1) * 5 * MINUTE
    if octet <= 167:
        return 12 * HOUR + (octet - 143) * 30 * MINUTE
    if octet <= 196:
        return (octet - 166) * DAY
    return (octet - 192) * WEEK
