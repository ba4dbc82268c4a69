"""Builds the documents of a demo outlet's sources: RSS, Atom and JSON feeds, news sitemaps and sitemap indexes."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedEntry:
    """A story as a feed or news sitemap lists it."""

    url: str
    title: str
    summary: str
    published_at: datetime


def rss_feed(name: str, language: str, entries: Sequence[FeedEntry], *, charset: str = "utf-8") -> bytes:
    items = "".join(
        f"<item><title>{escape(e.title)}</title><link>{escape(e.url)}</link><guid>{escape(e.url)}</guid>"
        f"<description>{escape(e.summary)}</description><pubDate>{format_datetime(e.published_at)}</pubDate></item>\n"
        for e in entries
    )
    document = f"""<?xml version="1.0" encoding="{charset}"?>
<rss version="2.0"><channel><title>{escape(name)}</title><language>{language}</language>
{items}</channel></rss>"""
    return document.encode(charset, "xmlcharrefreplace")


def atom_feed(name: str, language: str, entries: Sequence[FeedEntry]) -> bytes:
    items = "".join(
        f'<entry><id>{escape(e.url)}</id><title>{escape(e.title)}</title><link href="{escape(e.url)}"/>'
        f"<updated>{e.published_at.isoformat()}</updated><published>{e.published_at.isoformat()}</published>"
        f"<summary>{escape(e.summary)}</summary></entry>\n"
        for e in entries
    )
    return f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{language}"><title>{escape(name)}</title>
{items}</feed>""".encode()


def json_feed(name: str, language: str, entries: Sequence[FeedEntry]) -> bytes:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": name,
        "language": language,
        "items": [
            {
                "id": e.url,
                "url": e.url,
                "title": e.title,
                "summary": e.summary,
                "date_published": e.published_at.isoformat(),
            }
            for e in entries
        ],
    }
    return json.dumps(feed, ensure_ascii=False).encode()


def news_sitemap(name: str, language: str, entries: Sequence[FeedEntry]) -> bytes:
    items = "".join(
        f"<url><loc>{escape(e.url)}</loc><news:news><news:publication><news:name>{escape(name)}</news:name>"
        f"<news:language>{language}</news:language></news:publication>"
        f"<news:publication_date>{e.published_at.isoformat()}</news:publication_date>"
        f"<news:title>{escape(e.title)}</news:title></news:news></url>\n"
        for e in entries
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
 xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">
{items}</urlset>""".encode()


def sitemap_index(sitemap_urls: Sequence[str]) -> bytes:
    items = "".join(f"<sitemap><loc>{escape(address)}</loc></sitemap>" for address in sitemap_urls)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{items}</sitemapindex>""".encode()


def gzipped(document: bytes) -> bytes:
    """Returns the document gzip-compressed without a timestamp, so that equal documents have equal bytes and ETags."""
    return gzip.compress(document, mtime=0)
