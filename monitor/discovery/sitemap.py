"""Parses sitemaps, news sitemaps, sitemap indexes and text sitemaps, with or without gzip compression."""

from __future__ import annotations

import re
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING

from monitor.decoding import decode_text
from monitor.discovery import markup
from monitor.discovery.feed_dates import parse_time
from monitor.discovery.links import resolve_url
from monitor.discovery.parsed_source import MAX_CANDIDATES_PER_SOURCE, ParsedSource
from monitor.discovery.plain_text import plain_title
from monitor.discovery.sitemap_index import IndexEntry, newest_first
from monitor.discovery.skip_reasons import SkipReason
from monitor.discovery.source_xml import XmlDocument, parse_xml
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import Candidate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lxml import etree

SITEMAP_ROOTS = frozenset({"urlset", "sitemapindex"})
MAX_UNDATED_ENTRIES = 500  # a sitemap with more undated entries counts as an archive, and they are skipped
MAX_CHILD_SITEMAPS = 1000  # of an index that are returned; a poll reads the first few of them
_NEWS_ELEMENT_NAMES = frozenset({"publication_date", "title", "language"})  # children of <news:news> that are read
_TEXT_SITEMAP_PATTERN = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*https?://\S+\s*(?:[\r\n]|\Z)", re.IGNORECASE)


def parse_sitemap(
    body: bytes,
    *,
    url: str,
    outlet: str,
    since: datetime,
    charset: str | None = None,
    country: str | None = None,
) -> ParsedSource:
    """Returns a sitemap's candidates that are dated ``since`` or later or undated, or a sitemap index's child sitemaps.

    Skips undated entries if there are more than `MAX_UNDATED_ENTRIES`, except in a news sitemap.  ``country``
    (ISO 3166) decides in which time zone dates without one are.  Raises FetchError: kind MALFORMED if ``body`` is not
    a sitemap, TOO_LARGE if its decompressed size exceeds 50 MB.
    """
    body = markup.decompress_gzip(body)
    if is_text_sitemap(body):
        return _parse_text_sitemap(body, url, outlet)
    document = parse_xml(body, url=url, charset=charset)
    root_name = markup.local_name(document.root)
    if root_name == "sitemapindex":
        return _parse_sitemap_index(document, url, since)
    if root_name != "urlset":
        kind = "an HTML page" if root_name == "html" else f"XML of another kind (<{root_name[:40]}>)"
        raise FetchError(f"{kind}, not a sitemap", kind=FailureKind.MALFORMED)
    dated: list[tuple[datetime, Candidate]] = []
    undated: list[Candidate] = []
    skipped: Counter[SkipReason] = Counter()
    offered, news = 0, False
    for element in document.root:
        if markup.local_name(element) != "url":
            continue
        offered += 1
        candidate, entry_time, is_news = _parse_url_element(element, url, outlet, country)
        news = news or is_news
        if candidate is None:
            skipped[SkipReason.CUT if element is document.cut_entry else SkipReason.NO_ADDRESS] += 1
        elif entry_time is None:
            undated.append(candidate)
        elif entry_time >= since:
            dated.append((entry_time, candidate))
        else:
            skipped[SkipReason.TOO_OLD] += 1
    dated.sort(key=itemgetter(0), reverse=True)
    candidates = [candidate for _, candidate in dated]
    candidates += undated if news else _few_undated(undated, skipped)
    if len(candidates) > MAX_CANDIDATES_PER_SOURCE:
        skipped[SkipReason.TOO_MANY] += len(candidates) - MAX_CANDIDATES_PER_SOURCE
    return ParsedSource(
        candidates=tuple(candidates[:MAX_CANDIDATES_PER_SOURCE]),
        offered=offered,
        skipped=skipped,
        is_complete=document.is_complete,
        kind="sitemap",
        is_news_sitemap=news,
    )


def is_text_sitemap(body: bytes) -> bool:
    """Returns True if a document begins with a line that is an http or https address."""
    return _TEXT_SITEMAP_PATTERN.match(body) is not None


def _few_undated(undated: Sequence[Candidate], skipped: Counter[SkipReason]) -> Sequence[Candidate]:
    """Returns the undated candidates, or none and counts them if there are more than `MAX_UNDATED_ENTRIES`."""
    if len(undated) <= MAX_UNDATED_ENTRIES:
        return undated
    skipped[SkipReason.UNDATED] += len(undated)
    return ()


def _parse_text_sitemap(body: bytes, url: str, outlet: str) -> ParsedSource:
    """Parses a sitemap with one address per line, without dates."""
    lines = [line for line in map(str.strip, decode_text(body, header=None, document=None).splitlines()) if line]
    skipped: Counter[SkipReason] = Counter()
    addresses = [resolve_url(url, line) if "//" in line[:8] else None for line in lines]
    undated = [Candidate(url=address, outlet=outlet, source=url) for address in addresses if address is not None]
    if len(undated) < len(lines):
        skipped[SkipReason.NO_ADDRESS] += len(lines) - len(undated)
    return ParsedSource(
        candidates=tuple(_few_undated(undated, skipped)), offered=len(lines), skipped=skipped, kind="sitemap"
    )


def _parse_sitemap_index(document: XmlDocument, url: str, since: datetime) -> ParsedSource:
    entries: list[IndexEntry] = []
    skipped: Counter[SkipReason] = Counter()
    for element in document.root:
        if markup.local_name(element) != "sitemap":
            continue
        texts, _ = _texts(element)
        child_url = resolve_url(url, texts.get("loc"))
        if child_url is None:
            skipped[SkipReason.CUT if element is document.cut_entry else SkipReason.NO_ADDRESS] += 1
        else:
            entries.append(IndexEntry(child_url, parse_time(texts.get("lastmod"), lenient=False)))
    offered = len(entries) + skipped.total()
    # Fresh ones first, as only these are read.
    children = sorted(newest_first(entries, since), key=lambda child: not child.is_fresh)
    if len(children) > MAX_CHILD_SITEMAPS:
        skipped[SkipReason.SITEMAP_NOT_READ] += len(children) - MAX_CHILD_SITEMAPS
    return ParsedSource(
        child_sitemaps=tuple(children[:MAX_CHILD_SITEMAPS]),
        offered=offered,
        skipped=skipped,
        is_complete=document.is_complete,
        kind="sitemap",
    )


def _texts(element: etree._Element) -> tuple[dict[str, str], bool]:
    """Returns the texts of the children by name, those of news elements with "news-", and if there is <news:news>.

    Leaves out children of another namespace, such as <image:loc>.
    """
    namespace = f"{str(element.tag).rpartition('}')[0]}}}" if "}" in str(element.tag) else ""
    texts: dict[str, str] = {}
    is_news = False
    for child in element:
        tag = str(child.tag)
        if tag.startswith(namespace) and not (namespace == "" and tag.startswith("{")):
            texts.setdefault(tag[len(namespace) :].lower(), markup.text_content(child))
        if tag[-4:].lower() == "news" and markup.local_name(child) == "news":
            is_news = True
            # Compares local names, because sites write the news namespace in different ways.
            for news_element in child.iter():
                if (news_tag := markup.local_name(news_element)) in _NEWS_ELEMENT_NAMES:
                    texts[f"news-{news_tag}"] = markup.text_content(news_element)
    return texts, is_news


def _parse_url_element(
    element: etree._Element, source: str, outlet: str, country: str | None
) -> tuple[Candidate | None, datetime | None, bool]:
    """Parses a <url> element.  Returns (candidate, time, True if the element contains <news:news>).

    The candidate is None without a URL.  The time is that of publication, else that of the last change, else None.
    """
    texts, news = _texts(element)
    if (entry_url := resolve_url(source, texts.get("loc"))) is None:
        return None, None, news
    published_at = parse_time(texts.get("news-publication_date"), country=country, lenient=False)
    candidate = Candidate(
        url=entry_url,
        outlet=outlet,
        source=source,
        title=plain_title(texts.get("news-title")),
        published_at=published_at,
        language=markup.primary_language(texts.get("news-language")),
    )
    return candidate, published_at or parse_time(texts.get("lastmod"), country=country, lenient=False), news
