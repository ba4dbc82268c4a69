"""Where a site announces its stories: read from its home page, its robots.txt and the places sites commonly use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from monitor.discovery import markup
from monitor.discovery.section import links
from monitor.discovery.url_rules import OutletScope, looks_like_article, never_article

if TYPE_CHECKING:
    from monitor.config.schema import Outlet

FEED_PATHS = ("/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml", "/index.xml", "/feeds", "/rss/news.xml")
SITEMAP_PATHS = ("/news-sitemap.xml", "/sitemap_news.xml", "/sitemap-news.xml", "/sitemap.xml", "/sitemap_index.xml")
_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml"})
_FEED_ADDRESS = re.compile(r"(?:^|[/._-])(?:rss|atom|feeds?)(?:$|[/._?-])", re.IGNORECASE)
_LESSER = re.compile(r"comment|/tag/|/author/|podcast|oembed|wlwmanifest", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscoveryHints:
    """Addresses worth trying, best first; whether they hold what their names say is for the caller to see."""

    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()


def discovery_hints(
    home: bytes, *, url: str, outlet: Outlet, robots: tuple[str, ...] = (), charset: str | None = None
) -> DiscoveryHints:
    """What a home page links to, ``robots`` being the sitemaps of robots.txt."""
    root = markup.page(home, charset=charset)
    if root is None:
        return DiscoveryHints(sitemaps=robots, sections=())
    announced = [
        address
        for element in root.iter("link")
        if element.get("type", "").lower().split(";")[0].strip() in _FEED_TYPES
        and (address := markup.address(url, element.get("href")))
    ]
    menu = list(links(root, url, menus=True))
    own = OutletScope(outlet)
    linked = [address for address, _ in menu if address in own and _FEED_ADDRESS.search(urlsplit(address).path)]
    feeds = sorted(dict.fromkeys((*announced, *linked)), key=lambda address: bool(_LESSER.search(address)))
    named = filter(None, (markup.address(url, address) for address in robots))
    sitemaps = sorted(dict.fromkeys(named), key=lambda address: "news" not in urlsplit(address).path.lower())
    return DiscoveryHints(feeds=tuple(feeds), sitemaps=tuple(sitemaps), sections=_sections(menu, own, url))


def guesses(url: str) -> DiscoveryHints:
    """Where feeds and sitemaps commonly are, for sites that announce none."""
    return DiscoveryHints(
        feeds=tuple(urljoin(url, path) for path in FEED_PATHS),
        sitemaps=tuple(urljoin(url, path) for path in SITEMAP_PATHS),
    )


def _sections(menu: list[tuple[str, str]], own: OutletScope, home: str) -> tuple[str, ...]:
    found = dict[str, None]()
    for address, words in menu:
        parts = urlsplit(address)
        depth = len([segment for segment in parts.path.split("/") if segment])
        shaped = depth in {1, 2} and not parts.query and 0 < len(words) <= 30
        listing = not never_article(address) and not looks_like_article(address, words)
        if shaped and listing and address in own and address.rstrip("/") != home.rstrip("/"):
            found[address] = None
    return tuple(found)[:20]
