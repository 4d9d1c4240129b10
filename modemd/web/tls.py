"""The listener's certificate: served with TLS 1.2 or newer, and taken anew when its files change.

New connections get the new one; connections that are open are not disturbed. What cannot be loaded (half written, of
another key) is told once, and the one before goes on being served.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from modemd import log
from modemd.certificates import is_ours, names_of
from modemd.clock import SECOND, Clock
from modemd.errors import ConfigError

SOON = timedelta(days=30)
HSTS = (b"strict-transport-security", b"max-age=31536000")
"""A year (RFC 6797): a browser that has seen it takes nothing but a valid certificate."""

_Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """A certificate and its key, in files."""

    def __init__(self, certificate: Path, key: Path, clock: Clock) -> None:
        """Raises ConfigError if they cannot be used."""
        self._files = (certificate, key)
        self._clock = clock
        self.names: frozenset[str] = frozenset()
        """The names it is for; a wildcard is none."""
        self.hsts = False
        """Whether browsers may be told to insist on it."""
        self.context = _context()
        self._stamp: _Stamp = ()
        self._take()

    def reload(self) -> bool:
        """Take the files anew if they have changed; whether that was done. For any one thread."""
        try:
            if self._seen() == self._stamp:
                return False
            self._take()
        except (ConfigError, OSError) as error:
            log.failed("tls.not_reloaded", error)
            return False
        log.event("tls.reloaded")
        return True

    def _take(self) -> None:
        certificate, key = self._files
        try:
            self._stamp = self._seen()
            _context().load_cert_chain(certificate, key, password=_no_password)  # in vain, if it is of no use
            leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
            self.context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            reach = None if isinstance(error, ssl.SSLError | ValueError) else error.strerror
            why = reach or "they do not fit each other, or are no PEM"
            raise ConfigError(
                f"the certificate {certificate} with the key {key} cannot be used ({why})",
                cure="name PEM files that the daemon may read, the key without a password; or modemd tls init",
            ) from None
        self.names = frozenset(one for one in names_of(leaf) if "*" not in one)
        self.hsts = not is_ours(leaf)
        left = leaf.not_valid_after_utc - datetime.fromtimestamp(self._clock.now() // SECOND, UTC)
        if left < SOON:
            cure = "renew it; modemd tls init renews its own"
            log.event("tls.expires", level="WARNING", days=max(0, left.days), cure=cure)

    def _seen(self) -> _Stamp:
        found = [path.stat() for path in self._files]
        return tuple((one.st_mtime_ns, one.st_ino, one.st_size) for one in found)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_password() -> str:
    """Without this, OpenSSL asks the terminal for the password of a key that has one."""
    return ""
