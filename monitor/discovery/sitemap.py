"""Sitemaps, sitemap indices and news sitemaps to candidates; gzip or not."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.discovery import markup
from monitor.discovery.feed_dates import parse_time
from monitor.discovery.parsed_source import MAX_CANDIDATES, ChildSitemap, ParsedSource
from monitor.errors import FetchError
from monitor.models import Candidate

if TYPE_CHECKING:
    from datetime import datetime

    from lxml import etree

MAX_UNDATED_ENTRIES = 500  # a sitemap of more addresses without dates is an archive, not news
_NEWS = frozenset({"publication_date", "title", "language"})
_NEWS_NAME = re.compile(r"news|latest|recent", re.IGNORECASE)


def parse_sitemap(body: bytes, *, url: str, outlet: str, since: datetime, charset: str | None = None) -> ParsedSource:
    """The candidates of a sitemap dated ``since`` or later (or undated, in a short one), or the children of an index.

    Raises FetchError: malformed where it is no sitemap, too-large where it unpacks to more than 50 MB.
    """
    root = markup.xml(markup.unpacked(body), charset=charset)
    kind = markup.name(root).lower()
    if kind == "sitemapindex":
        return _index(root, url, since)
    if kind != "urlset":
        what = "an HTML page" if kind == "html" else f"XML of another kind (<{kind[:40]}>)"
        raise FetchError(f"{what}, not a sitemap", kind="malformed")
    dated: list[tuple[datetime, Candidate]] = []
    undated: list[Candidate] = []
    offered, news = 0, False
    for element in root:
        if markup.name(element) != "url":
            continue
        offered += 1
        candidate, day, is_news = _entry(element, url, outlet)
        news = news or is_news
        if candidate is None:
            continue
        if day is None:
            undated.append(candidate)
        elif day >= since:
            dated.append((day, candidate))
    dated.sort(key=itemgetter(0), reverse=True)
    note = ""
    if len(undated) > MAX_UNDATED_ENTRIES and not news:
        note = f"{len(undated)} entries without a date skipped: name a news sitemap, a feed or sections instead"
        undated = []
    return ParsedSource(
        candidates=(*(candidate for _, candidate in dated), *undated)[:MAX_CANDIDATES],
        offered=offered,
        news=news,
        note=note,
    )


def _index(root: etree._Element, url: str, since: datetime) -> ParsedSource:
    found: list[tuple[bool, float, ChildSitemap]] = []
    for element in root:
        if markup.name(element) != "sitemap":
            continue
        texts = {markup.name(child): (child.text or "").strip() for child in element}
        address, changed = markup.address(url, texts.get("loc")), parse_time(texts.get("lastmod"), free=False)
        if address is None:
            continue
        child = ChildSitemap(url=address, fresh=changed is None or changed >= since)
        found.append((bool(_NEWS_NAME.search(urlsplit(address).path)), changed.timestamp() if changed else 0.0, child))
    found.sort(key=lambda entry: entry[:2], reverse=True)  # news first, then what changed last
    return ParsedSource(children=tuple(child for _, _, child in found), offered=len(found))


def _entry(element: etree._Element, source: str, outlet: str) -> tuple[Candidate | None, datetime | None, bool]:
    """What it offers, the day it was published or else last changed, and whether it is news."""
    texts: dict[str, str] = {}
    news = False
    for child in element:
        tag = markup.name(child)
        if tag == "news":
            news = True
            for fact in child.iter():  # by their own names: their namespace is written in many ways
                if (name := markup.name(fact)) in _NEWS:
                    texts[f"news-{name}"] = (fact.text or "").strip()
        elif tag in {"loc", "lastmod"}:
            texts[tag] = (child.text or "").strip()
    if (address := markup.address(source, texts.get("loc"))) is None:
        return None, None, news
    published_at = parse_time(texts.get("news-publication_date"), free=False)
    candidate = Candidate(
        url=address,
        outlet=outlet,
        source=source,
        title=markup.plain(texts.get("news-title")),
        published_at=published_at,
        language=markup.language(texts.get("news-language")),
    )
    return candidate, published_at or parse_time(texts.get("lastmod"), free=False), news
