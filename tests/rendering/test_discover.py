"""`discover` reports whether a site's stories must be rendered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import Outlet
from monitor.crawl.discover import discover_sources, fetch_samples, listed_stories, rendering_reason
from monitor.models import now
from rendering import pages
from rendering.test_engine_failures import feed
from rendering.test_engines import crawl_settings

if TYPE_CHECKING:
    from crawl.engine import Engine
    from monitor.demo.web import Site


@pytest.mark.parametrize(
    ("body", "needs_rendering"), [(pages.app(pages.WRITE_STORY), True), (pages.STORY.encode(), False)]
)
def test_a_site_whose_stories_need_a_script_is_detected(
    body: bytes, needs_rendering: bool, engine: Engine, site: Site
) -> None:
    link = "<html><head><link rel='alternate' type='application/rss+xml' href='/feed'></head><body>Home</body></html>"
    site.put("/", link.encode())
    paths = ("/news/ministers-agree-on-controls", "/news/talks-on-chips-go-on")
    site.put("/feed", feed(site, *paths), "application/rss+xml")
    for path in paths:
        site.put(path, body)

    async def detect(fetcher: Any) -> str | None:
        outlet, since = Outlet(name="x", url=site.url), now() - timedelta(days=7)
        discovered = await discover_sources(outlet, fetcher, since=since)
        listed = await listed_stories(outlet, discovered, fetcher, since=since)
        return await rendering_reason((await fetch_samples(outlet, listed, fetcher)).values())

    assert bool(engine.with_fetcher(detect, crawl_settings())) == needs_rendering
