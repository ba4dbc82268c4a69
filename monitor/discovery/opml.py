"""Reads and writes OPML, in which feed readers exchange lists of feeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from monitor.discovery.source_xml import parse_xml
from monitor.errors import FetchError
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FEEDS = 20_000  # of one file


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedFeed:
    """A feed in an OPML file; what the file does not state is empty."""

    feed: str
    title: str = ""
    site: str = ""
    language: str = ""


def read_opml(body: bytes, *, name: str) -> list[ListedFeed]:
    """Returns the feeds of an OPML file in their order, each address once.

    ``name`` is that of the file, for messages.  Raises FetchError if the file is not OPML or lists no feed.
    """
    root = parse_xml(body, url=name).root
    if etree.QName(root).localname.lower() != "opml":
        raise FetchError(
            f"{name} is no OPML: its root element is {etree.QName(root).localname}", kind=FailureKind.MALFORMED
        )
    feeds: dict[str, ListedFeed] = {}
    for outline in root.iter("{*}outline"):
        attributes = {str(key).lower(): str(value).strip() for key, value in outline.attrib.items()}
        feed = attributes.get("xmlurl", "")
        if feed and feed not in feeds and len(feeds) < MAX_FEEDS:
            title = attributes.get("title") or attributes.get("text") or ""
            feeds[feed] = ListedFeed(
                feed=feed,
                title=" ".join(title.split()),
                site=attributes.get("htmlurl", ""),
                language=attributes.get("language", ""),
            )
    if not feeds:
        raise FetchError(f"{name} lists no feed (an outline with xmlUrl)", kind=FailureKind.MALFORMED)
    return list(feeds.values())


def write_opml(feeds: Iterable[ListedFeed], *, title: str) -> bytes:
    """Returns an OPML 2.0 document of the feeds."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = title
    body = etree.SubElement(root, "body")
    for feed in feeds:
        attributes = {"type": "rss", "text": feed.title, "title": feed.title, "xmlUrl": feed.feed}
        etree.SubElement(body, "outline", {**attributes, **({"htmlUrl": feed.site} if feed.site else {})})
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)
