"""Reads the title of a feed and the address of its site, for the entry that `media-monitor discover` prints."""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson
from lxml import etree

from monitor.discovery import markup
from monitor.discovery.feed_links import absolute_url
from monitor.discovery.plain_text import plain_title
from monitor.errors import FetchError

MAX_TITLE_CHARACTERS = 80
_FEED_START_PATTERN = re.compile(rb"^\W*<(?:rss|feed|rdf:RDF)[\s>]|>\s*<(?:rss|feed|rdf:RDF)[\s>]", re.IGNORECASE)
_HTML_START_PATTERN = re.compile(rb"<(?:!doctype\s+)?html[\s>]", re.IGNORECASE)
# Titles that name the feed and not the outlet.
_GENERIC_TITLE_PATTERN = re.compile(r"(?:rss|atom|feeds?|news|latest|home|page|index|untitled|\W)*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedHead:
    """The title that a feed states, and the URL of its site; empty if it states none."""

    title: str = ""
    site: str = ""


def is_feed(body: bytes) -> bool:
    """Returns True if a document begins like a feed, whatever its media type."""
    head = body[:2000].replace(b"\x00", b"")  # the letters of UTF-16 too
    if b"jsonfeed.org/version" in head and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return True
    start, html = _FEED_START_PATTERN.search(head), _HTML_START_PATTERN.search(head)
    return start is not None and (html is None or start.start() < html.start())


def feed_head(body: bytes, *, url: str) -> FeedHead:
    """Returns the title and site that the feed at ``url`` states.  Never raises."""
    try:
        body = markup.decompress_gzip(body)
    except FetchError:
        return FeedHead()
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _json_feed_head(body, url)
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body.lstrip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return FeedHead()
    if root is None:
        return FeedHead()
    channel = next((child for child in root if markup.local_name(child) == "channel"), root)
    title, site = "", None
    for child in channel:
        name = markup.local_name(child)
        if name == "title" and not title:
            title = markup.text_content(child)
        elif name == "link" and child.get("rel", "alternate") == "alternate":
            site = site or absolute_url(url, child.get("href") or markup.text_content(child))
    return FeedHead(title=_usable_title(title), site=site or "")


def _json_feed_head(body: bytes, url: str) -> FeedHead:
    try:
        data = orjson.loads(body.strip().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return FeedHead()
    if not isinstance(data, dict):
        return FeedHead()
    title, site = (value if isinstance(value := data.get(name), str) else "" for name in ("title", "home_page_url"))
    return FeedHead(title=_usable_title(title), site=absolute_url(url, site) or "")


def _usable_title(text: str) -> str:
    """Returns a title as a name for the outlet; empty if it is generic, such as "RSS feed"."""
    title = " ".join(plain_title(text).split())[:MAX_TITLE_CHARACTERS].strip()
    return "" if _GENERIC_TITLE_PATTERN.fullmatch(title) else title
