"""Finds a site's feeds, sitemaps and sections: from its home page, its robots.txt and commonly used paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from monitor.discovery import feed_links, markup
from monitor.discovery.section import page_links
from monitor.discovery.url_rules import OutletScope, cannot_be_article, looks_like_article

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.config.schema import Outlet

# Below the address of the outlet and, if that is not the root of its host, below the root; the most common first.
COMMON_FEED_PATHS = (
    "feed",
    "rss",
    "rss.xml",
    "feed.xml",
    "atom.xml",
    "index.xml",
    "feeds",
    "feed.json",
    "index.rss",
    "feed.atom",
    "rss/feed.xml",
    "rss/news.xml",
)
MAX_SUBDIRECTORY_FEED_PATHS = 6  # of these that are tried below the address of an outlet that has not its own host
COMMON_SITEMAP_PATHS = (
    "/news-sitemap.xml",
    "/sitemap_news.xml",
    "/sitemap-news.xml",
    "/sitemap.xml",
    "/sitemap_index.xml",
)
MAX_SECTION_HINTS = 20  # section URLs returned for one site
MAX_MENU_LABEL_LENGTH = 30  # characters; a link with a longer text does not count as a menu entry
_SECONDARY_FEED_PATTERN = re.compile(r"comment|/tag/|/author/|podcast|oembed|wlwmanifest", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscoveryHints:
    """URLs that are probably feeds, sitemaps and sections, best first.  The caller must fetch each URL to check."""

    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()


def discovery_hints(
    home: bytes,
    *,
    url: str,
    outlet: Outlet,
    robots: tuple[str, ...] = (),
    link_headers: tuple[str, ...] = (),
    charset: str | None = None,
) -> DiscoveryHints:
    """Returns the feeds, sitemaps and sections that a home page and its headers announce or link to.

    ``home`` is the home page's HTML, ``url`` its URL; ``robots`` holds the sitemap URLs that robots.txt names, and
    ``link_headers`` the values of HTTP Link headers.
    """
    scope = OutletScope(outlet)
    robots_sitemaps = filter(None, (feed_links.absolute_url(url, sitemap) for sitemap in robots))
    header_feeds = feed_links.feeds_of_link_headers(link_headers, url)
    root = markup.parse_html(home, charset=charset)
    if root is None:
        return DiscoveryHints(feeds=tuple(header_feeds), sitemaps=_news_first(robots_sitemaps))
    menu = list(page_links(root, url, include_menus=True))
    announced = [*header_feeds, *feed_links.announced_feeds(root, url)]
    linked = [link for link, is_named in feed_links.linked_feeds(root, url) if is_named or link in scope]
    feeds = sorted(
        dict.fromkeys((*announced, *linked)), key=lambda feed_url: bool(_SECONDARY_FEED_PATTERN.search(feed_url))
    )
    return DiscoveryHints(
        feeds=tuple(feeds),
        sitemaps=_news_first((*robots_sitemaps, *feed_links.announced_sitemaps(root, url))),
        sections=_section_urls(menu, scope, url),
    )


def common_source_urls(url: str) -> DiscoveryHints:
    """Returns the URLs at which sites commonly serve feeds and sitemaps.  For sites that do not link to theirs."""
    root, directory = urljoin(url, "/"), urljoin(url, "./")
    feeds = [urljoin(root, path) for path in COMMON_FEED_PATHS]
    if directory != root:
        own_feeds = [urljoin(directory, path) for path in COMMON_FEED_PATHS[:MAX_SUBDIRECTORY_FEED_PATHS]]
        feeds = [*own_feeds, *feeds[: len(feeds) - len(own_feeds)]]
    return DiscoveryHints(
        feeds=tuple(feeds),
        sitemaps=tuple(urljoin(url, path) for path in COMMON_SITEMAP_PATHS),
    )


def _news_first(sitemaps: Iterable[str]) -> tuple[str, ...]:
    """Returns each sitemap once, those with "news" in their path first."""
    return tuple(sorted(dict.fromkeys(sitemaps), key=lambda sitemap: "news" not in urlsplit(sitemap).path.lower()))


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
