"""Renders a feed as Atom (RFC 4287)."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lxml import etree

from monitor import __version__
from monitor.models import rfc3339
from monitor.syndication.items import clean, updated_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.syndication.items import Feed, FeedItem

NAMESPACE = "http://www.w3.org/2005/Atom"
CONTENT_TYPE = "application/atom+xml"
_LANGUAGE_ATTRIBUTE = "{http://www.w3.org/XML/1998/namespace}lang"


def atom_feed(feed: Feed, items: Sequence[FeedItem]) -> bytes:
    """Returns the feed as an XML document in UTF-8."""
    root = etree.Element(f"{{{NAMESPACE}}}feed", nsmap={None: NAMESPACE})  # type: ignore[dict-item]  # None is the default namespace
    _add(root, "id", feed.id)
    _add(root, "title", clean(feed.title))
    _add(root, "subtitle", clean(feed.description))
    _add(root, "updated", rfc3339(updated_at(items)))
    _add(root, "generator", "media-monitor", version=__version__)
    if feed.url:
        _add(root, "link", rel="self", type=CONTENT_TYPE, href=feed.url)
    if feed.home:
        _add(root, "link", rel="alternate", type="text/html", href=feed.home)
    for item in items:
        root.append(_entry(item))
    document: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return document


def _entry(item: FeedItem) -> etree._Element:
    entry = etree.Element(f"{{{NAMESPACE}}}entry")
    if item.language:
        entry.set(_LANGUAGE_ATTRIBUTE, item.language)
    _add(entry, "id", item.id)
    _add(entry, "title", item.title)
    _add(entry, "link", rel="alternate", type="text/html", href=item.url)
    _add(entry, "published", rfc3339(item.published_at))
    _add(entry, "updated", rfc3339(item.updated_at))
    for name in item.authors or (item.outlet or "unknown",):
        _add(_add(entry, "author"), "name", name)
    for tag in item.tags:
        _add(entry, "category", term=tag)
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in (item.outlet, *item.sentences) if line)
    _add(entry, "summary", paragraphs, type="html")
    return entry


def _add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    for key, value in attributes.items():
        element.set(key, value)
    if text:
        element.text = text
    return element
