"""What `modemd tls init` makes: a CA that may sign for this server's names alone, and certificates by it."""

from __future__ import annotations

import datetime
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from modemd import certificates
from modemd.certificates import Files, make
from modemd.clock import SECOND, SystemClock
from modemd.errors import ConfigError, InvalidField

DAY = 86_400


class Later:
    """A clock so many days ahead."""

    def __init__(self, days: int) -> None:
        self._days = days

    def now(self) -> int:
        return SystemClock().now() + self._days * DAY * SECOND

    def monotonic(self) -> float:
        return SystemClock().monotonic()


def trusts(ca: bytes, files: Files, host: str) -> bool:
    """Whether a client that trusts this CA, strictly, takes the server for ``host``."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cadata=ca.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=host)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return ours.version() is not None


def test_it_is_for_loopback_and_every_name_and_address_that_was_given(tmp_path: Path) -> None:
    made = make(tmp_path / "tls", ["sms.example.org", "192.0.2.7", "[2001:DB8::1]", "Żółw.example.org."], SystemClock())
    ca = made.files.ca.read_bytes()
    for host in ("localhost", "127.0.0.1", "::1", "sms.example.org", "192.0.2.7", "2001:db8::1"):
        assert trusts(ca, made.files, host), host
    assert "xn--w-uga1v8h.example.org" in made.names
    assert not trusts(ca, made.files, "other.example.org")
    assert not trusts(ca, made.files, "192.0.2.8")


def test_its_keys_are_their_owner_s_alone(tmp_path: Path) -> None:
    files = make(tmp_path / "tls", [], SystemClock()).files
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (files.ca_key, files.key, files.folder)}
    assert modes == {"ca.key": 0o600, "server.key": 0o600, "tls": 0o700}
    assert {path.name for path in files.folder.iterdir()} == {"ca.key", "ca.pem", "server.key", "server.pem"}


def test_a_renewal_keeps_the_names_and_the_ca(tmp_path: Path) -> None:
    first = make(tmp_path / "tls", ["sms.example.org"], SystemClock())
    ca, serial = first.files.ca.read_bytes(), _serial(first.files)
    again = make(tmp_path / "tls", [], Later(300))
    assert not again.new_ca
    assert set(again.names) == set(first.names)
    later = again.expires - first.expires - datetime.timedelta(days=300)
    assert datetime.timedelta() <= later < datetime.timedelta(minutes=1), "the clock runs meanwhile, in whole seconds"
    assert _serial(again.files) != serial
    assert trusts(ca, make(tmp_path / "tls", ["sms.example.org"], SystemClock()).files, "sms.example.org")


def test_a_new_name_or_an_old_age_makes_a_new_ca(tmp_path: Path) -> None:
    first = make(tmp_path / "tls", [], SystemClock())
    ca = first.files.ca.read_bytes()
    more = make(tmp_path / "tls", ["sms.example.org"], SystemClock())
    assert more.new_ca
    assert {"localhost", "sms.example.org"} <= set(more.names)
    assert not trusts(ca, more.files, "localhost")
    assert make(tmp_path / "tls", [], Later(3650 - 390)).new_ca


def test_its_ca_can_sign_for_no_other_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make(tmp_path / "tls", [], SystemClock()).files
    ca = files.ca.read_bytes()
    monkeypatch.setattr(certificates, "_ca", _whatever_is_asked(files))
    forged = make(tmp_path / "tls", ["bank.example.org"], SystemClock())
    assert files.ca.read_bytes() == ca
    assert "bank.example.org" in forged.names
    assert not trusts(ca, forged.files, "bank.example.org")


def _whatever_is_asked(files: Files) -> object:
    known = certificates.names_of(x509.load_pem_x509_certificate(files.certificate.read_bytes()))
    real = certificates._ca
    return lambda files, _names, now: real(files, known, now)


@pytest.mark.parametrize(
    "host", ["", "a b", "https://sms.example.org", "sms.example.org:8160", "a..b", "*", "300.1.1.1", "x" * 300]
)
def test_what_is_no_name_is_refused_and_nothing_is_made(tmp_path: Path, host: str) -> None:
    with pytest.raises(InvalidField):
        make(tmp_path / "tls", [host], SystemClock())
    assert not (tmp_path / "tls").exists()


def test_what_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    files = make(tmp_path / "tls", [], SystemClock()).files
    files.certificate.write_text("memoirs")
    with pytest.raises(ConfigError, match="cannot be read"):
        make(tmp_path / "tls", [], SystemClock())
    assert files.certificate.read_text() == "memoirs"


def _serial(files: Files) -> int:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes()).serial_number
