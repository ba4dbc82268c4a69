"""Discovery of a site's sources from a real server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import Outlet
from monitor.crawl.discover import DiscoveredSources, discover_sources, feed_title, resolve_feed_address
from monitor.errors import FetchError
from monitor.models import now

from .test_poll import put_stories, rss

if TYPE_CHECKING:
    from monitor.demo.web import Site

    from .engine import Engine


def titled(urls: list[str], title: str, link: str = "") -> bytes:
    head = f"<channel><title>{title}</title>{f'<link>{link}</link>' if link else ''}".encode()
    return rss(urls).replace(b"<channel>", head)


def discover(engine: Engine, url: str) -> tuple[Outlet, DiscoveredSources, str]:
    """Returns the outlet at the address, its sources and the title of its feed, as the command finds them."""

    async def work(fetcher: Any) -> tuple[Outlet, DiscoveredSources, str]:
        found, feeds = await resolve_feed_address(Outlet(name="x", url=url), fetcher)
        since = now() - timedelta(days=7)
        discovered = await discover_sources(found, fetcher, since=since, known_feeds=feeds)
        return found, discovered, await feed_title(found, discovered, fetcher)

    result: tuple[Outlet, DiscoveredSources, str] = engine.with_fetcher(work)
    return result


def test_the_address_of_a_site_has_the_title_of_its_feed(engine: Engine, site: Site) -> None:
    site.put("/", b'<link rel="alternate" type="application/rss+xml" href="/f"><p>Home')
    site.put("/f", titled(put_stories(site, 2), "The Gazette"), "application/rss+xml")
    outlet, discovered, title = discover(engine, site.url)
    assert (outlet.url, discovered.feeds, title) == (site.url, (f"{site.url}f",), "The Gazette")
    assert discovered.story_counts == {f"{site.url}f": 2}


@pytest.mark.parametrize("names_site", [True, False])
def test_the_address_of_a_feed_leads_to_its_site(names_site: bool, engine: Engine, site: Site) -> None:
    """The feed is recognized by its content, and its site is looked through too; without a link, its host's root."""
    site.put("/", b'<a href="/other.rss">More</a>')
    feed = site.put("/f", titled(put_stories(site, 2), "The Gazette", site.url * names_site), "text/html")
    other = site.put("/other.rss", titled(put_stories(site, 1), "Other"), "application/rss+xml")
    outlet, discovered, title = discover(engine, feed)
    assert (outlet.url, discovered.feeds, title) == (site.url, (feed, other), "The Gazette")


def test_a_feed_of_another_site_gets_no_credentials_for_it(engine: Engine, site: Site) -> None:
    foreign = titled(put_stories(site, 2), "The Gazette", "https://evil.example/")
    feed = site.put("/f", foreign, "application/rss+xml")
    access = {"headers": {"X-Key": "secret"}, "hosts": ["cdn.example"]}
    paid = Outlet.model_validate({"name": "x", "url": feed, **access})

    async def work(fetcher: Any) -> Outlet:
        return (await resolve_feed_address(paid, fetcher))[0]

    outlet: Outlet = engine.with_fetcher(work)
    assert (outlet.url, outlet.headers, outlet.hosts) == ("https://evil.example/", {}, ())


def test_an_address_without_a_page_is_refused(engine: Engine, site: Site) -> None:
    site.put("/feed", titled(put_stories(site, 2), "The Gazette"), "application/rss+xml")
    with pytest.raises(FetchError, match="the server answered 404"):
        discover(engine, f"{site.url}no-such-page")


def test_a_feed_in_a_link_header_is_discovered(engine: Engine, site: Site) -> None:
    header = ("Link", '</f>; rel="alternate"; type="application/rss+xml"')
    site.put("/", b"<p>Home", headers=(header,))
    site.put("/f", rss(put_stories(site, 1)), "application/rss+xml")
    assert discover(engine, site.url)[1].feeds == (f"{site.url}f",)


def test_a_common_address_is_tried_if_nothing_is_announced(engine: Engine, site: Site) -> None:
    site.put("/", b"<p>Home")
    site.put("/rss/feed.xml", rss(put_stories(site, 1)), "application/rss+xml")
    site.put(
        "/feed", status=302, headers=(("Location", "/"),)
    )  # some sites redirect unknown addresses to the home page
    assert discover(engine, site.url)[1].feeds == (f"{site.url}rss/feed.xml",)
