"""Finds the feeds and sitemaps that a page or its HTTP headers announce, and links that probably lead to feeds."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urlsplit

from monitor.discovery.links import resolve_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lxml.html import HtmlElement

MAX_LINK_ELEMENTS = 20_000  # of a page that are read; further ones are ignored
MAX_LINK_HEADER_CHARACTERS = 20_000  # of all Link headers that are read
# Types that only feeds have, and types of other documents too, which count with rel="alternate" or rel="feed".
_FEED_TYPES = frozenset(
    {
        "application/rss+xml",
        "application/atom+xml",
        "application/rdf+xml",
        "application/feed+json",
        "application/rss",
        "application/atom",
        "application/x-rss+xml",
        "application/x.atom+xml",
        "text/rss+xml",
        "text/rss",
    }
)
_AMBIGUOUS_TYPES = frozenset({"text/xml", "application/xml", "application/json"})
_API_PATH_PATTERN = re.compile(r"/wp-json/|/oembed\b", re.IGNORECASE)  # JSON and XML that is not a feed
_FEED_PATH_PATTERN = re.compile(r"(?:^|[/._-])(?:rss|atom|rdf|feeds?)(?:$|[/._?-])|/index\.xml$", re.IGNORECASE)
_FEED_QUERY_PATTERN = re.compile(r"(?:^|&)(?:feed|format|type|output)=(?:rss2?|atom|rdf|feed)(?:&|$)", re.IGNORECASE)
_FEED_HOST_PATTERN = re.compile(r"^(?:feeds?|rss)\d?\.", re.IGNORECASE)
_FEED_LABEL_PATTERN = re.compile(
    r"(?:(?:our|the|full|news)\s+)?(?:rss|atom|rdf|feeds?|xml)(?:[\s-]+(?:feeds?|2\.0|1\.0))?", re.IGNORECASE
)
_LINK_VALUE_PATTERN = re.compile(r"""<([^<>]*)>((?:\s*;\s*[\w!*-]+\s*(?:=\s*(?:"[^"]*"|[^\s";,]+))?)*)""")
_LINK_PARAMETER_PATTERN = re.compile(r""";\s*([\w!*-]+)\s*=\s*(?:"([^"]*)"|([^\s";,]+))""")


def announced_feeds(root: HtmlElement, url: str) -> list[str]:
    """Returns the feeds that ``<link>`` and ``<a>`` elements of the page announce by rel and type, in page order."""
    base = base_url(root, url)
    return [
        feed_url
        for element in _link_elements(root)
        if is_feed_announcement(element.get("rel", ""), element.get("type", ""), element.get("href", ""))
        and (feed_url := absolute_url(base, element.get("href", "")))
    ]


def announced_sitemaps(root: HtmlElement, url: str) -> list[str]:
    """Returns the sitemaps that ``<link rel="sitemap">`` elements of the page announce."""
    base = base_url(root, url)
    links = [element.get("href", "") for element in root.iter("link") if "sitemap" in _tokens(element.get("rel", ""))]
    return [sitemap_url for link in links if (sitemap_url := absolute_url(base, link))]


def linked_feeds(root: HtmlElement, url: str) -> list[tuple[str, bool]]:
    """Returns (URL, is named) for links that probably lead to feeds, by their address or their text.

    ``is named`` is True if the text says so, as "RSS" does, or the host is one for feeds: such a link may lead to
    another site.
    """
    base, links = base_url(root, url), list[tuple[str, bool]]()
    for element in islice(root.iter("a"), MAX_LINK_ELEMENTS):
        link = absolute_url(base, element.get("href", ""))
        if link is None:
            continue
        parts = urlsplit(link)
        texts = (element.text_content()[:200].strip(), element.get("title", ""), element.get("aria-label", ""))
        is_named = any(_FEED_LABEL_PATTERN.fullmatch(text.strip()) for text in (*texts, *_image_texts(element)))
        is_named = is_named or bool(_FEED_HOST_PATTERN.search(parts.netloc))
        if is_named or _FEED_PATH_PATTERN.search(parts.path) or _FEED_QUERY_PATTERN.search(parts.query):
            links.append((link, is_named))
    return links


def feeds_of_link_headers(headers: Iterable[str], url: str) -> list[str]:
    """Returns the feeds that HTTP Link headers announce (RFC 8288)."""
    return [
        feed_url
        for link, values in _links_of_headers(headers)
        if is_feed_announcement(values.get("rel", ""), values.get("type", ""), link)
        and (feed_url := absolute_url(url, link))
    ]


def links_of_relation(headers: Iterable[str], rel: str) -> list[str]:
    """Returns the links that HTTP Link headers give the relation ``rel``, in lower case, to their own document."""
    return [
        link
        for link, values in _links_of_headers(headers)
        if rel in _tokens(values.get("rel", "")) and "anchor" not in values
    ]


def _links_of_headers(headers: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields each link of HTTP Link headers with its parameters, whose names are in lower case."""
    for link, parameters in _LINK_VALUE_PATTERN.findall(", ".join(headers)[:MAX_LINK_HEADER_CHARACTERS]):
        yield (
            link,
            {name.lower(): quoted or plain for name, quoted, plain in _LINK_PARAMETER_PATTERN.findall(parameters)},
        )


def is_feed_announcement(rel: str, media_type: str, link: str) -> bool:
    """Returns True if a link with this rel and type announces a feed."""
    relations = _tokens(rel)
    media_type = media_type.lower().partition(";")[0].strip()
    if "stylesheet" in relations or _API_PATH_PATTERN.search(link):
        return False
    if media_type in _FEED_TYPES or "feed" in relations:
        return True
    return media_type in _AMBIGUOUS_TYPES and "alternate" in relations


def base_url(root: HtmlElement, url: str) -> str:
    """Returns the URL that the links of the page are relative to: that of its first ``<base href>``, else ``url``."""
    base = next((element.get("href") for element in root.iter("base") if element.get("href")), None)
    return absolute_url(url, base or "") or url


def absolute_url(base: str, link: str) -> str | None:
    """Returns a link's absolute http or https URL without fragment, see `resolve_url`; None if it has none."""
    url = None if link.strip().startswith("#") else resolve_url(base, link)
    return urldefrag(url)[0] if url else None


def _link_elements(root: HtmlElement) -> Iterator[HtmlElement]:
    return islice(root.iter("link", "a"), MAX_LINK_ELEMENTS)


def _tokens(rel: str) -> set[str]:
    return set(rel.lower().split())


def _image_texts(element: HtmlElement) -> Iterator[str]:
    """Yields the alternative texts of the pictures in a link, as of an RSS icon."""
    for image in element.iter("img"):
        yield image.get("alt", "").strip()
