"""A certificate of our own for the HTTP listener, by a CA of our own: for ``--cacert``, so that nobody needs ``-k``.

The CA is bound to the names of this server (name constraints, RFC 5280 4.2.1.10): who trusts it trusts it for nothing
else, so its key may stay here and sign the next certificate without anybody having to trust anew.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from modemd.clock import SECOND, Clock
from modemd.errors import ConfigError, InvalidField

OURS = "modemd tls init"
"""The organisation in the names of what is made here."""
CA_LIFE = timedelta(days=3650)
LIFE = timedelta(days=397)
"""Of the server's certificate: no client takes longer ones from everybody (CA/Browser Forum 6.3.2)."""
SKEW = timedelta(days=1)
"""How far behind a client's clock may be."""
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True, slots=True)
class Files:
    """Where everything lies: below ``tls`` in the state directory."""

    folder: Path

    @property
    def ca(self) -> Path:
        """What callers trust; no secret."""
        return self.folder / "ca.pem"

    @property
    def ca_key(self) -> Path:
        """Its key (0600)."""
        return self.folder / "ca.key"

    @property
    def certificate(self) -> Path:
        """The server's."""
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        """Its key (0600)."""
        return self.folder / "server.key"


@dataclass(frozen=True, slots=True)
class Made:
    """What was made."""

    files: Files
    names: list[str]
    expires: datetime
    new_ca: bool
    """Whether callers have to be given the CA's certificate (again)."""


def make(folder: Path, hosts: Iterable[str], clock: Clock) -> Made:
    """A certificate for these names, those of loopback and of this machine; or, without names, for those of the last.

    The CA stays the same where it may sign for all of them. Raises InvalidField, ConfigError.
    """
    files, moment = Files(folder), datetime.fromtimestamp(clock.now() // SECOND, UTC)
    wanted = [name(host) for host in hosts]
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        known = names_of(x509.load_pem_x509_certificate(files.certificate.read_bytes())) if _made(files) else _local()
        names = list(dict.fromkeys([*known, *wanted]))
        ca, ca_key, new = _ca(files, names, moment)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _server(names, key, ca, ca_key, moment)
        _write(files.key, _private(key), 0o600)
        _write(files.certificate, certificate.public_bytes(Encoding.PEM), 0o644)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written ({error.strerror})", cure="check its owner and mode") from error
    except ValueError as error:
        raise ConfigError(f"what lies in {folder} cannot be read", cure="move it away and make it again") from error
    return Made(files, names, certificate.not_valid_after_utc, new)


def name(host: str) -> str:
    """A host as certificates write it: an IP address, or a DNS name in ASCII. Raises InvalidField."""
    plain = host.strip().strip("[]").rstrip(".").lower()
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(plain))
    try:
        ascii_only = plain.encode("idna").decode()
    except UnicodeError:
        ascii_only = ""
    labels = ascii_only.split(".")
    wrong = not all(label.replace("-", "a").isalnum() for label in labels) or labels[-1].isdigit()
    if not ascii_only or wrong or len(ascii_only) > 253:
        raise InvalidField("--host", "this is no host name or address", cure="write it like sms.example.org, no port")
    return ascii_only


def names_of(certificate: x509.Certificate) -> list[str]:
    """The names and addresses that a certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def is_ours(certificate: x509.Certificate) -> bool:
    """Whether it was made here, or by its owner himself: no browser trusts it of its own accord."""
    makers = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return certificate.issuer == certificate.subject or any(maker.value == OURS for maker in makers)


def _local() -> list[str]:
    """The names of loopback, and what this machine calls itself if that can stand in a certificate."""
    names = ["localhost", "127.0.0.1", "::1"]
    with contextlib.suppress(InvalidField):
        names.append(name(socket.gethostname()))
    return names


def _made(files: Files) -> bool:
    return files.certificate.exists()


def _ca(files: Files, names: list[str], now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey, bool]:
    """The CA that there is, if it may sign for all these names for long enough; else a new one."""
    if files.ca.exists() and files.ca_key.exists():
        ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
        key = load_pem_private_key(files.ca_key.read_bytes(), None)
        bounds = ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
        lasts = ca.not_valid_after_utc > now + LIFE
        if isinstance(key, ec.EllipticCurvePrivateKey) and lasts and {_bound(one) for one in names} <= set(bounds):
            return ca, key, False
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(f"modemd CA of {names[-1]}")
    ca = (
        _begun(subject, subject, key.public_key(), now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.NameConstraints([_bound(one) for one in names], None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(files.ca_key, _private(key), 0o600)
    _write(files.ca, ca.public_bytes(Encoding.PEM), 0o644)
    return ca, key, True


def _server(
    names: list[str],
    key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    public = key.public_key()
    return (
        _begun(_subject("modemd"), ca.subject, public, now, LIFE)
        .add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(now - SKEW).not_valid_after(now + life)


def _subject(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, OURS)
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in allowed for usage in _USAGES})


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _bound(host: str) -> x509.GeneralName:
    """What allows a CA to sign for this host."""
    try:
        return x509.IPAddress(ipaddress.ip_network(host))
    except ValueError:
        return x509.DNSName(host)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file as a whole; it belongs to whom the state directory belongs, also where root makes it."""
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    _give_to_owner(fresh)
    fresh.replace(path)
    _give_to_owner(path.parent)


def _give_to_owner(path: Path) -> None:
    if os.geteuid() == 0:
        state = path.parent if path.is_dir() else path.parent.parent
        owner = state.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
