"""https goes the same guarded way as http."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .test_fetch import fetch, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.demo.web import Site

    from .engine import Engine


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path != "/robots.txt" else 404)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"<p>ok")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[str]:
    """The address of an https server on loopback, its certificate signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "key.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    server = HTTPServer(("127.0.0.1", 0), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_page_comes_over_https(engine: Engine, secure: str) -> None:
    assert fetch(engine, secure + "a").body == b"<p>ok"


def test_a_redirect_to_https_inside_the_network_is_refused(engine: Engine, site: Site, secure: str) -> None:
    url = site.put("/a", status=302, headers=(("Location", secure + "a"),))
    assert refusal(engine, url).kind == "private-address"


def test_a_server_that_speaks_no_tls_is_a_tls_failure(engine: Engine, site: Site) -> None:
    from .engine import FAST

    url = site.url.replace("http:", "https:") + "a"
    error = refusal(engine, url, settings=FAST.model_copy(update={"obey_robots": False}))
    assert (error.kind, error.permanent) == ("tls", False)
