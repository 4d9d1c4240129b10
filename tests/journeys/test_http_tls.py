"""TLS as operators set it up and callers use it: the documented lines, renewal without a restart, nothing older."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import StartDaemon
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from journey import Daemon, cli, told, until

DOCS = (Path(__file__).parents[2] / "docs" / "operators.md").read_text(encoding="utf-8")
NAME = "sms.example.org"


@pytest.fixture
def server(daemon: StartDaemon) -> Daemon:
    """A daemon that serves its own certificate on all addresses, and an account."""
    modemd = daemon(None)
    assert cli("tls", "init", "--host", NAME, state_dir=modemd.state_dir).code == 0
    modemd.environ = {"MODEMD_SERVER__HEAD_TIMEOUT": "2"}
    modemd.launch("--listen", "0.0.0.0:0")
    assert modemd.says_where()
    modemd.open_account()
    return modemd


def port(server: Daemon) -> int:
    return urlsplit(server.url).port or 443


def documented(language: str, server: Daemon) -> str:
    """An example of the documentation with this daemon's port and key, and its name in the place of a resolver."""
    found = re.search(rf"```{language}\n([^`]*{NAME}[^`]*)```", DOCS.partition("## TLS")[2])
    assert found is not None
    return found[1].replace(f"{NAME}:8160", f"localhost:{port(server)}").replace("mk_…", server.key)


def test_the_documented_curl_line_and_python_lines_work(server: Daemon) -> None:
    assert server.url.startswith("https://")
    for words in (shlex.split(documented("sh", server)), ["python3", "-c", documented("python", server)]):
        ran = subprocess.run(
            words, cwd=server.state_dir / "tls", capture_output=True, text=True, timeout=30, check=False
        )
        assert ran.returncode == 0, ran.stderr
        assert '"messages":[]' in ran.stdout
    line = shlex.split(documented("sh", server))
    line[line.index("--cacert") : line.index("--cacert") + 2] = []
    refused = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 60, "without the CA nothing is sent"


def test_the_name_of_the_certificate_is_a_name_of_the_server_and_another_is_not(server: Daemon) -> None:
    for name, status in ((NAME, "200"), ("evil.example", "421")):
        words = f"curl -s -o /dev/null -w %{{http_code}} --cacert {server.state_dir}/tls/ca.pem -H Host:{name}"
        ran = subprocess.run(
            [*shlex.split(words), f"https://localhost:{port(server)}/healthz"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout == status


def handshake(server: Daemon, ca: Path, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[str | None, int]:
    """The version that is agreed on, and the serial number of the certificate served."""
    context = ssl.create_default_context(cafile=str(ca))
    context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, newest
    with (
        socket.create_connection(("127.0.0.1", port(server)), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        served = tls.getpeercert(binary_form=True)
        assert served is not None
        return tls.version(), x509.load_der_x509_certificate(served).serial_number


def test_nothing_older_than_tls_1_2_is_spoken(server: Daemon) -> None:
    ca = server.state_dir / "tls" / "ca.pem"
    assert handshake(server, ca)[0] == "TLSv1.3"
    assert handshake(server, ca, ssl.TLSVersion.TLSv1_2)[0] == "TLSv1.2"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(server, ca, ssl.TLSVersion.TLSv1_1)


def test_who_begins_no_handshake_is_cut_off(server: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", port(server)), timeout=30) as silent:
        assert handshake(server, server.state_dir / "tls" / "ca.pem")[0] == "TLSv1.3", "others are served meanwhile"
        assert silent.recv(1) == b""


def test_a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_is_not(server: Daemon) -> None:
    ca = server.state_dir / "tls" / "ca.pem"
    (_, first), pid = handshake(server, ca), server.pid
    assert cli("tls", "init", state_dir=server.state_dir).code == 0
    second = until(lambda: (serial := handshake(server, ca)[1]) != first and serial, 15)
    (server.state_dir / "tls" / "server.pem").write_text("half of a certifi")
    os.kill(pid, signal.SIGHUP)
    until(lambda: told(server.log, "tls.not_reloaded"))
    assert handshake(server, ca)[1] == second
    assert cli("tls", "init", state_dir=server.state_dir).code == 2, "what cannot be read is not overwritten"
    assert server.pid == pid
    assert server.running


def public(folder: Path) -> tuple[Path, Path, Path]:
    """A CA's certificate, one by it for localhost, and its key: as a public CA would have issued it."""
    now, made = datetime.now(UTC), []
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A public CA")])
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    for whose, public_key, ca in ((issuer, ca_key.public_key(), True), (subject, key.public_key(), False)):
        builder = x509.CertificateBuilder().subject_name(whose).issuer_name(issuer).public_key(public_key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        made.append(builder.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    contents = [*made, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())]
    paths = [folder / name for name in ("public-ca.pem", "public.pem", "public.key")]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths[0], paths[1], paths[2]


def hsts(server: Daemon, ca: Path) -> bool:
    """Whether browsers are told to insist on TLS."""
    words = ["curl", "-sI", "--cacert", str(ca), f"https://localhost:{port(server)}/healthz"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("HTTP/1.1 200")
    return "strict-transport-security: max-age=" in ran.stdout


def test_browsers_are_told_to_insist_only_on_a_certificate_that_others_have_issued(
    server: Daemon, daemon: StartDaemon, tmp_path: Path
) -> None:
    assert not hsts(server, server.state_dir / "tls" / "ca.pem")
    ca, certificate, key = public(tmp_path)
    other = daemon(None, name="other")
    other.environ = {"MODEMD_TLS__CERTIFICATE": str(certificate), "MODEMD_TLS__KEY": str(key)}
    other.start()
    assert hsts(other, ca)
    assert "days=" in other.log, "that it ends within a month is told"


def test_a_certificate_that_cannot_be_used_keeps_the_daemon_from_starting_with_the_cure(
    daemon: StartDaemon, tmp_path: Path
) -> None:
    _, certificate, _ = public(tmp_path)
    modemd = daemon(None)
    modemd.environ = {"MODEMD_TLS__CERTIFICATE": str(certificate), "MODEMD_TLS__KEY": str(certificate)}
    modemd.launch()
    ended = modemd.wait()
    assert ended.code == 2
    assert "modemd tls init" in ended.err
    assert "Traceback" not in ended.err
