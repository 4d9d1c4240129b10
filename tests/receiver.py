"""A receiver of webhooks: a real HTTP server on loopback, with TLS if wanted, that answers as the test says."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    client: tuple[str, int]

    @property
    def event(self) -> dict[str, Any]:
        """The body as JSON."""
        return dict(orjson.loads(self.body))


@dataclass
class Receiver:
    """What came, and how it is answered."""

    url: str
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], int] = lambda _: 204
    """The status of the answer; called in a thread of the request's own, it may take its time."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    most_at_once: int = 0
    """The most requests that were under way together."""
    _now: int = 0
    _lock: threading.Condition = field(default_factory=threading.Condition)

    def events(self) -> list[tuple[str, str]]:
        """(type, id of the message or inbound SMS) of everything that came."""
        return [(one.event["type"], one.event["data"]["id"]) for one in list(self.got)]

    def wait(self, count: int, seconds: float = 20.0) -> list[Got]:
        """What came once so many requests have. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        with self._lock:
            while len(self.got) < count:
                if not self._lock.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{len(self.got)} of {count} requests came within {seconds} s")
            return list(self.got)

    def take(self, one: Got) -> int:
        """Note a request; how it is to be answered."""
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self.got.append(one)
            self._lock.notify_all()
        try:
            return self.answer(one)
        finally:
            with self._lock:
                self._now -= 1


@contextmanager
def receiving(certificate: Path | None = None, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A receiver, until the block ends; with a certificate (and its key in one file) it speaks TLS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            if len(body) < length:  # whoever sent it was killed in the middle
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(Got(self.command, self.path, headers, body, self.client_address))
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: what came is in ``got``."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that goes away is no error."""

    server = Server((host, 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme, port = "http" if certificate is None else "https", server.server_address[1]
    receiver = Receiver(f"{scheme}://{'localhost' if certificate else host}:{port}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def make_certificate(folder: Path, name: str = "localhost") -> Path:
    """A self-signed certificate for a name and 127.0.0.1, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
