"""Finds a site's feeds, sitemaps and sections: from its home page, its robots.txt and commonly used paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from monitor.discovery import markup
from monitor.discovery.links import resolve_url
from monitor.discovery.section import page_links
from monitor.discovery.url_rules import OutletScope, cannot_be_article, looks_like_article

if TYPE_CHECKING:
    from monitor.config.schema import Outlet

COMMON_FEED_PATHS = ("/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml", "/index.xml", "/feeds", "/rss/news.xml")
COMMON_SITEMAP_PATHS = (
    "/news-sitemap.xml",
    "/sitemap_news.xml",
    "/sitemap-news.xml",
    "/sitemap.xml",
    "/sitemap_index.xml",
)
MAX_SECTION_HINTS = 20  # section URLs returned for one site
MAX_MENU_LABEL_LENGTH = 30  # characters; a link with a longer text does not count as a menu entry
_FEED_MEDIA_TYPES = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml"}
)
_FEED_PATH_PATTERN = re.compile(r"(?:^|[/._-])(?:rss|atom|feeds?)(?:$|[/._?-])", re.IGNORECASE)
_SECONDARY_FEED_PATTERN = re.compile(r"comment|/tag/|/author/|podcast|oembed|wlwmanifest", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscoveryHints:
    """URLs that are probably feeds, sitemaps and sections, best first.  The caller must fetch each URL to check."""

    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()


def discovery_hints(
    home: bytes, *, url: str, outlet: Outlet, robots: tuple[str, ...] = (), charset: str | None = None
) -> DiscoveryHints:
    """Returns the feeds and sections that a home page links to, and the sitemaps in ``robots``.

    ``home`` is the home page's HTML, ``url`` its URL; ``robots`` holds the sitemap URLs that robots.txt names.
    """
    root = markup.parse_html(home, charset=charset)
    if root is None:
        return DiscoveryHints(sitemaps=robots, sections=())
    announced = [
        feed_url
        for element in root.iter("link")
        if element.get("type", "").lower().split(";")[0].strip() in _FEED_MEDIA_TYPES
        and (feed_url := resolve_url(url, element.get("href")))
    ]
    menu = list(page_links(root, url, include_menus=True))
    scope = OutletScope(outlet)
    linked = [link for link, _ in menu if link in scope and _FEED_PATH_PATTERN.search(urlsplit(link).path)]
    feeds = sorted(
        dict.fromkeys((*announced, *linked)), key=lambda feed_url: bool(_SECONDARY_FEED_PATTERN.search(feed_url))
    )
    robots_sitemaps = filter(None, (resolve_url(url, sitemap) for sitemap in robots))
    sitemaps = sorted(dict.fromkeys(robots_sitemaps), key=lambda sitemap: "news" not in urlsplit(sitemap).path.lower())
    return DiscoveryHints(feeds=tuple(feeds), sitemaps=tuple(sitemaps), sections=_section_urls(menu, scope, url))


def common_source_urls(url: str) -> DiscoveryHints:
    """Returns the URLs at which sites commonly serve feeds and sitemaps.  For sites that do not link to theirs."""
    return DiscoveryHints(
        feeds=tuple(urljoin(url, path) for path in COMMON_FEED_PATHS),
        sitemaps=tuple(urljoin(url, path) for path in COMMON_SITEMAP_PATHS),
    )


def _section_urls(menu: list[tuple[str, str]], scope: OutletScope, home: str) -> tuple[str, ...]:
    sections = dict[str, None]()
    for link, label in menu:
        parts = urlsplit(link)
        depth = len([segment for segment in parts.path.split("/") if segment])
        has_section_shape = depth in {1, 2} and not parts.query and 0 < len(label) <= MAX_MENU_LABEL_LENGTH
        may_list_stories = not cannot_be_article(link) and not looks_like_article(link, label)
        if has_section_shape and may_list_stories and link in scope and link.rstrip("/") != home.rstrip("/"):
            sections[link] = None
    return tuple(sections)[:MAX_SECTION_HINTS]
