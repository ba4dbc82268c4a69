"""Measures how fast feeds and sitemaps are parsed, beside lxml alone on the same bytes.

    python -m benchmarks.feeds

Prints for each document the milliseconds of the parser and of lxml's tree alone (the bound), and their ratio.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxml import etree

from monitor.discovery import feed, sitemap

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://news.example/feed.xml"
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
PARAGRAPH = "A paragraph of a story that is long enough to be one, with &amp;lt;b&amp;gt; and other signs. " * 4
SECONDS = 2.0  # of each measurement


def rss(entries: int, *, full_text: bool) -> bytes:
    """Returns a feed as WordPress writes it, with or without the full text of its stories."""
    body = "".join(f"<p>{PARAGRAPH}</p>" for _ in range(12)) if full_text else ""
    content = f"<content:encoded><![CDATA[{body}]]></content:encoded>" if full_text else ""
    items = "".join(
        f"<item><title>Story {number} of the day</title><link>https://news.example/2026/01/story-{number}</link>"
        f"<pubDate>Tue, 06 Jan 2026 09:42:17 +0000</pubDate><dc:creator><![CDATA[A. Writer]]></dc:creator>"
        f"<category>News</category><guid isPermaLink='false'>https://news.example/?p={number}</guid>"
        f"<description>{PARAGRAPH}</description>{content}</item>"
        for number in range(entries)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>News</title><link>https://news.example/</link>'
        f"{items}</channel></rss>"
    ).encode()


def urlset(entries: int) -> bytes:
    """Returns a sitemap with a date for each entry."""
    urls = "".join(
        f"<url><loc>https://news.example/2026/01/story-{number}</loc><lastmod>2026-01-06T09:42:17+00:00</lastmod></url>"
        for number in range(entries)
    )
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode()


def milliseconds(work: Callable[[], object]) -> float:
    """Returns the shortest time of a call within SECONDS."""
    shortest, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest * 1000


def main() -> None:
    full = rss(100, full_text=True)
    documents = {
        "RSS, 100 entries": rss(100, full_text=False),
        "RSS, 100 entries with full text": full,
        "the same with bare ampersands": full.replace(b"?p=", b"?a=1&p="),
        "the same with an unclosed element": full.replace(b"</description>", b"<br></description>", 1),
        "sitemap, 10,000 entries": urlset(10_000),
        "sitemap with an unclosed element": urlset(10_000).replace(b"</url>", b"", 1),
    }
    print(f"{'document':36}{'KB':>8}{'ms':>10}{'lxml ms':>10}{'ratio':>8}")
    for name, body in documents.items():
        is_sitemap = b"<urlset" in body

        def parse(body: bytes = body, is_sitemap: bool = is_sitemap) -> object:
            if is_sitemap:
                return sitemap.parse_sitemap(body, url=URL, outlet="News", since=SINCE)
            return feed.parse_feed(body, url=URL, outlet="News")

        bound = milliseconds(lambda body=body: etree.fromstring(body, etree.XMLParser(recover=True, huge_tree=True)))
        taken = milliseconds(parse)
        print(f"{name:36}{len(body) // 1000:8,}{taken:10.1f}{bound:10.1f}{taken / bound:8.1f}")


if __name__ == "__main__":
    main()
