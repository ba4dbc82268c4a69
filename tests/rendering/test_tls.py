"""Pages over TLS go through the guarding proxy's tunnel."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from monitor.demo.web import Site
from monitor.errors import FetchError
from rendering import pages
from rendering.test_engines import ENGINES, crawl_settings, outlet

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from crawl.engine import Engine


def secure(site: Site, place: Path) -> str:
    """Lets the site speak TLS with a certificate it made itself; returns its address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = place / "site.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    site._server.socket = context.wrap_socket(site._server.socket, server_side=True)
    site.url = site.url.replace("http:", "https:")
    return site.url


@pytest.mark.parametrize("name", ENGINES)
def test_a_page_over_tls_is_read_as_its_outlet_verifies_and_one_of_another_private_host_is_not(
    name: str, engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name == "splash":
        settings = crawl_settings(splash=request.getfixturevalue("splash_url"))
    else:
        settings = crawl_settings(chromium=request.getfixturevalue("chromium_path"))
    with Site() as site, Site() as other:
        url = secure(site, tmp_path)
        site.put("/late", pages.late(300))
        site.put("/away", pages.app(f"location.href = '{secure(other, tmp_path)}';"))

        async def fetch(fetcher: Any) -> list[Any]:
            careless = outlet(site, name, "late").model_copy(update={"verify": False})
            asked = ((careless, "late"), (careless, "away"), (outlet(site, name, "late"), "late"))
            return [await _outcome(fetcher.page(house, url + path)) for house, path in asked]

        page, away, unverified = engine.do(fetch, settings, timeout=100)
        assert pages.PARAGRAPHS[-1] in page.body.decode()
        assert isinstance(away, FetchError), away
        assert other.count() == 0
        if name == "chromium":  # Splash verifies none
            assert isinstance(unverified, FetchError), unverified


async def _outcome(fetching: Awaitable[Any]) -> Any:
    try:
        return await fetching
    except FetchError as error:
        return error
