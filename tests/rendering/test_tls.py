"""TLS pages pass through the egress proxy's tunnel."""

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


def enable_tls(site: Site, folder: Path) -> str:
    """Makes the site serve TLS with a self-signed certificate; returns its new URL."""
    context = certificate.context(certificate.make(folder))
    site._server.socket = context.wrap_socket(site._server.socket, server_side=True)
    site.url = site.url.replace("http:", "https:")
    return site.url


@pytest.mark.parametrize("name", ENGINES)
def test_tls_pages_follow_the_outlets_verify_and_egress_rules(
    name: str, engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name == "splash":
        settings = crawl_settings(splash=request.getfixturevalue("splash_url"))
    else:
        settings = crawl_settings(chromium=request.getfixturevalue("chromium_path"))
    with Site() as site, Site() as other_site:
        url = enable_tls(site, tmp_path)
        site.put("/late", pages.late(300))
        site.put("/away", pages.app(f"location.href = '{enable_tls(other_site, tmp_path)}';"))

        async def fetch(fetcher: Any) -> list[Any]:
            not_verifying = outlet(site, name, "late").model_copy(update={"verify": False})
            # Another outlet, because the pages of one outlet share a browser context with one setting.
            verifying = outlet(site, name, "late").model_copy(update={"name": "Verifying Times"})
            fetches = ((not_verifying, "late"), (not_verifying, "away"), (verifying, "late"))
            return [await _page_or_error(fetcher.fetch_page(config, url + path)) for config, path in fetches]

        page, foreign, self_signed = engine.with_fetcher(fetch, settings, timeout=100)
        assert pages.PARAGRAPHS[-1] in page.body.decode()
        assert isinstance(foreign, FetchError), foreign
        assert other_site.count() == 0
        if name == "playwright":  # Splash does not verify certificates
            assert isinstance(self_signed, FetchError), self_signed


async def _page_or_error(fetch: Awaitable[Any]) -> Any:
    try:
        return await fetch
    except FetchError as error:
        return error
