"""Parses sitemaps, news sitemaps and sitemap indexes, with or without gzip compression."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.discovery import markup
from monitor.discovery.feed_dates import parse_time
from monitor.discovery.parsed_source import MAX_CANDIDATES_PER_SOURCE, ChildSitemap, ParsedSource
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import Candidate

if TYPE_CHECKING:
    from datetime import datetime

    from lxml import etree

MAX_UNDATED_ENTRIES = 500  # a sitemap with more undated entries counts as an archive, and they are skipped
_NEWS_ELEMENT_NAMES = frozenset({"publication_date", "title", "language"})  # children of <news:news> that are read
_NEWS_PATH_PATTERN = re.compile(r"news|latest|recent", re.IGNORECASE)


def parse_sitemap(body: bytes, *, url: str, outlet: str, since: datetime, charset: str | None = None) -> ParsedSource:
    """Returns a sitemap's candidates that are dated ``since`` or later or undated, or a sitemap index's child sitemaps.

    Skips undated entries if there are more than `MAX_UNDATED_ENTRIES`, except in a news sitemap.  Raises FetchError:
    kind MALFORMED if ``body`` is not a sitemap, TOO_LARGE if its decompressed size exceeds 50 MB.
    """
    root = markup.parse_xml(markup.decompress_gzip(body), charset=charset)
    root_tag = markup.local_name(root).lower()
    if root_tag == "sitemapindex":
        return _parse_sitemap_index(root, url, since)
    if root_tag != "urlset":
        document = "an HTML page" if root_tag == "html" else f"XML of another kind (<{root_tag[:40]}>)"
        raise FetchError(f"{document}, not a sitemap", kind=FailureKind.MALFORMED)
    dated: list[tuple[datetime, Candidate]] = []
    undated: list[Candidate] = []
    offered, news = 0, False
    for element in root:
        if markup.local_name(element) != "url":
            continue
        offered += 1
        candidate, entry_time, is_news = _parse_url_element(element, url, outlet)
        news = news or is_news
        if candidate is None:
            continue
        if entry_time is None:
            undated.append(candidate)
        elif entry_time >= since:
            dated.append((entry_time, candidate))
    dated.sort(key=itemgetter(0), reverse=True)
    note = ""
    if len(undated) > MAX_UNDATED_ENTRIES and not news:
        note = f"{len(undated)} entries without a date skipped: name a news sitemap, a feed or sections instead"
        undated = []
    return ParsedSource(
        candidates=(*(candidate for _, candidate in dated), *undated)[:MAX_CANDIDATES_PER_SOURCE],
        offered=offered,
        is_news_sitemap=news,
        note=note,
    )


def _parse_sitemap_index(root: etree._Element, url: str, since: datetime) -> ParsedSource:
    ranked: list[tuple[bool, float, ChildSitemap]] = []
    for element in root:
        if markup.local_name(element) != "sitemap":
            continue
        texts = {markup.local_name(child): (child.text or "").strip() for child in element}
        child_url = markup.resolve_url(url, texts.get("loc"))
        changed_at = parse_time(texts.get("lastmod"), lenient=False)
        if child_url is None:
            continue
        child_sitemap = ChildSitemap(url=child_url, is_fresh=changed_at is None or changed_at >= since)
        is_news = bool(_NEWS_PATH_PATTERN.search(urlsplit(child_url).path))
        ranked.append((is_news, changed_at.timestamp() if changed_at else 0.0, child_sitemap))
    ranked.sort(key=itemgetter(0, 1), reverse=True)  # news sitemaps first, each group by latest change
    return ParsedSource(child_sitemaps=tuple(child_sitemap for _, _, child_sitemap in ranked), offered=len(ranked))


def _parse_url_element(
    element: etree._Element, source: str, outlet: str
) -> tuple[Candidate | None, datetime | None, bool]:
    """Parses a <url> element.  Returns (candidate, time, True if the element contains <news:news>).

    The candidate is None without a URL.  The time is that of publication, else that of the last change, else None.
    """
    texts: dict[str, str] = {}
    news = False
    for child in element:
        tag = markup.local_name(child)
        if tag == "news":
            news = True
            # Compares local names, because sites write the news namespace in different ways.
            for news_element in child.iter():
                if (news_tag := markup.local_name(news_element)) in _NEWS_ELEMENT_NAMES:
                    texts[f"news-{news_tag}"] = (news_element.text or "").strip()
        elif tag in {"loc", "lastmod"}:
            texts[tag] = (child.text or "").strip()
    if (entry_url := markup.resolve_url(source, texts.get("loc"))) is None:
        return None, None, news
    published_at = parse_time(texts.get("news-publication_date"), lenient=False)
    candidate = Candidate(
        url=entry_url,
        outlet=outlet,
        source=source,
        title=markup.plain_text(texts.get("news-title")),
        published_at=published_at,
        language=markup.primary_language(texts.get("news-language")),
    )
    return candidate, published_at or parse_time(texts.get("lastmod"), lenient=False), news
