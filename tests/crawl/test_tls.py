"""https requests pass the address guard and verify certificates."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from servers import certificate

from .engine import FAST_SETTINGS
from .test_fetch import fetch, fetch_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.demo.web import Site

    from .engine import Engine


WITHOUT_ROBOTS = FAST_SETTINGS.model_copy(update={"obey_robots": False})


class OkHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path != "/robots.txt" else 404)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"<p>ok")

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@contextmanager
def serve(pem: Path) -> Iterator[str]:
    """Yields the address of an https server on loopback with the certificate in ``pem``."""
    server = HTTPServer(("127.0.0.1", 0), OkHandler)
    server.socket = certificate.context(pem).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def https_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yields the address of an https server on loopback whose certificate is trusted."""
    pem = certificate.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve(pem) as url:
        yield url


def test_a_page_is_fetched_over_https(engine: Engine, https_url: str) -> None:
    assert fetch(engine, https_url + "a").body == b"<p>ok"


def test_an_untrusted_certificate_is_refused_unless_verify_is_false(engine: Engine, tmp_path: Path) -> None:
    with serve(certificate.make(tmp_path)) as url:
        error = fetch_error(engine, url)
        assert (error.label, error.kind.permanent) == ("robots-unreachable", False)
        assert "not signed by an authority that is trusted here" in str(error)
        assert "verify: false" in str(error)
        assert fetch_error(engine, url, settings=WITHOUT_ROBOTS).label == "tls"
        assert fetch(engine, url, verify=False).body == b"<p>ok"
        assert fetch_error(engine, url).label == "robots-unreachable", (
            "the connection of the unverified outlet is not reused"
        )


def test_a_certificate_for_another_name_is_refused(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate.make(tmp_path, "elsewhere.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve(pem) as url:
        assert "is for another name" in str(fetch_error(engine, url, settings=WITHOUT_ROBOTS))


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_certificate_without_subject_alt_name_is_refused(
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    is_trusted: bool,
) -> None:
    pem = certificate.make_without_names(tmp_path)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve(pem) as url:
        error = fetch_error(engine, url, settings=WITHOUT_ROBOTS)
        assert str(error).endswith(
            f"the certificate of {url[8:-1]} has no subjectAltName (its owner must have it issued again with one; "
            "`verify: false` accepts it)"
        )
        assert (error.label, caplog.text) == ("tls", "")
        assert fetch(engine, url, verify=False).body == b"<p>ok"


def test_a_redirect_to_a_private_https_address_is_refused(engine: Engine, site: Site, https_url: str) -> None:
    url = site.put("/a", status=302, headers=(("Location", https_url + "a"),))
    assert fetch_error(engine, url).label == "private-address"


def test_a_server_without_tls_is_a_tls_failure(engine: Engine, site: Site) -> None:
    url = site.url.replace("http:", "https:") + "a"
    error = fetch_error(engine, url, settings=WITHOUT_ROBOTS)
    assert (error.label, error.kind.permanent) == ("tls", False)
