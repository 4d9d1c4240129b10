"""How a receiver knows that an event is ours, and fresh: HMAC-SHA256 over time stamp, a dot, and body.

    Modemd-Signature: t=1800000000,v1=<64 hex digits>

The receiver computes the same with the secret it was shown once, compares in constant time, and refuses a time stamp
that is minutes old. ``v1`` names this scheme, should there ever be another.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

PREFIX = "wh_"
"""How a secret begins; the log masks what begins so."""


def new_secret() -> str:
    """A secret of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def signature(secret: str, moment: int, body: bytes) -> str:
    """The value of Modemd-Signature for a request made at this Unix second."""
    digest = hmac.new(secret.encode(), b"%d.%b" % (moment, body), hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
