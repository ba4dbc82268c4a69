"""https goes the same guarded way as http."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from servers import certificate

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
def serve(pem: Path) -> Iterator[str]:
    """The address of an https server on loopback with the certificate in ``pem``."""
    server = HTTPServer(("127.0.0.1", 0), Answer)
    server.socket = certificate.context(pem).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an https server on loopback whose certificate is trusted."""
    pem = certificate.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve(pem) as url:
        yield url


def test_a_page_comes_over_https(engine: Engine, secure: str) -> None:
    assert fetch(engine, secure + "a").body == b"<p>ok"


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_the_outlet_says_otherwise(
    engine: Engine, tmp_path: Path
) -> None:
    with serve(certificate.make(tmp_path)) as url:
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
    pem = certificate.make(tmp_path, "elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve(pem) as url:
        assert "is for another name" in str(refusal(engine, url, settings=CARELESS))


def test_a_redirect_to_https_inside_the_network_is_refused(engine: Engine, site: Site, secure: str) -> None:
    url = site.put("/a", status=302, headers=(("Location", secure + "a"),))
    assert refusal(engine, url).kind == "private-address"


def test_a_server_that_speaks_no_tls_is_a_tls_failure(engine: Engine, site: Site) -> None:
    url = site.url.replace("http:", "https:") + "a"
    error = refusal(engine, url, settings=CARELESS)
    assert (error.kind, error.permanent) == ("tls", False)
