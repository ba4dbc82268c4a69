"""Pages over TLS go through the guarding proxy's tunnel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from monitor.demo.web import Site
from monitor.errors import FetchError
from rendering import pages
from rendering.test_engines import ENGINES, crawl_settings, outlet
from servers import certificate

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from crawl.engine import Engine


def secure(site: Site, place: Path) -> str:
    """Lets the site speak TLS with a certificate it made itself; returns its address."""
    context = certificate.context(certificate.make(place))
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

        page, away, unverified = engine.with_fetcher(fetch, settings, timeout=100)
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
