"""https goes the same guarded way as http."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .engine import FAST
from .test_fetch import fetch, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.demo.web import Site

    from .engine import Engine


CARELESS = FAST.model_copy(update={"obey_robots": False})


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path != "/robots.txt" else 404)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"<p>ok")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serve(pem: Path, *, name: str = "127.0.0.1") -> Iterator[str]:
    """The address of an https server on loopback with a certificate for ``name``, signed by itself, in ``pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names: x509.GeneralName = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([names]), critical=False)
        .sign(key, hashes.SHA256())
    )
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


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an https server on loopback whose certificate is trusted."""
    pem = tmp_path / "key.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve(pem) as url:
        yield url


def test_a_page_comes_over_https(engine: Engine, secure: str) -> None:
    assert fetch(engine, secure + "a").body == b"<p>ok"


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_the_outlet_says_otherwise(
    engine: Engine, tmp_path: Path
) -> None:
    with serve(tmp_path / "key.pem") as url:
        error = refusal(engine, url)
        assert (error.kind, error.permanent) == ("robots-unreachable", False)
        assert "not signed by an authority that is trusted here" in str(error)
        assert "verify: false" in str(error)
        assert refusal(engine, url, settings=CARELESS).kind == "tls"
        assert fetch(engine, url, verify=False).body == b"<p>ok"
        assert refusal(engine, url).kind == "robots-unreachable", "no connection is shared with the careless outlet"


def test_a_certificate_for_another_name_is_refused(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = tmp_path / "key.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve(pem, name="elsewhere.example") as url:
        assert "is for another name" in str(refusal(engine, url, settings=CARELESS))


def test_a_redirect_to_https_inside_the_network_is_refused(engine: Engine, site: Site, secure: str) -> None:
    url = site.put("/a", status=302, headers=(("Location", secure + "a"),))
    assert refusal(engine, url).kind == "private-address"


def test_a_server_that_speaks_no_tls_is_a_tls_failure(engine: Engine, site: Site) -> None:
    url = site.url.replace("http:", "https:") + "a"
    error = refusal(engine, url, settings=CARELESS)
    assert (error.kind, error.permanent) == ("tls", False)
