"""Parses RSS 0.9 to 2.0, RDF, Atom and JSON Feed into candidates."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from monitor.discovery import markup
from monitor.discovery.feed_dates import parse_time
from monitor.discovery.parsed_source import ParsedSource, newest_candidates
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import Candidate
from monitor.urls import is_same_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

MAX_FEED_ENTRIES = 50_000  # of one feed that are read; further entries are ignored
MAX_TTL_MINUTES = 44640  # 31 days; a longer <ttl> is ignored
MAX_UPDATE_FREQUENCY = 10_000  # exclusive upper limit of <updateFrequency>; other values count as 1
# By precedence: the first element of these whose date can be parsed is used.
_DATE_TAGS = ("pubDate", "published", "issued", "date", "created", "updated", "modified")
_HOURS_BY_UPDATE_PERIOD = {"hourly": 1, "daily": 24, "weekly": 168, "monthly": 720, "yearly": 8760}
_XML_BASE_ATTRIBUTE = "{http://www.w3.org/XML/1998/namespace}base"
_XML_LANG_ATTRIBUTE = "{http://www.w3.org/XML/1998/namespace}lang"


def parse_feed(body: bytes, *, url: str, outlet: str, charset: str | None = None) -> ParsedSource:
    """Returns a feed's candidates, in the feed's order unless there are more than `MAX_CANDIDATES_PER_SOURCE`.

    Raises FetchError (kind MALFORMED) when ``body`` is not a feed.
    """
    body = markup.decompress_gzip(body)  # some servers send a stored .gz file without Content-Encoding
    if body.lstrip().removeprefix(b"\xef\xbb\xbf").startswith(b"{"):
        return _parse_json_feed(body, url=url, outlet=outlet)
    root = markup.parse_xml(body, charset=charset)
    root_tag = markup.local_name(root).lower()
    if root_tag not in {"rss", "rdf", "feed", "channel"}:
        document = "an HTML page" if root_tag == "html" else f"XML of another kind (<{root_tag[:40]}>)"
        raise FetchError(f"{document}, not a feed", kind=FailureKind.MALFORMED)
    channel = next((child for child in root if markup.local_name(child) == "channel"), root)
    base = markup.resolve_url(url, root.get(_XML_BASE_ATTRIBUTE)) or url
    home = _links_by_kind(channel).get("rss") or _links_by_kind(channel).get("atom") or url
    language = markup.primary_language(root.get(_XML_LANG_ATTRIBUTE)) or markup.primary_language(
        _child_text(channel, "language")
    )
    candidates: list[Candidate] = []
    offered = 0
    for entry in _feed_entries(root, channel):
        if (offered := offered + 1) > MAX_FEED_ENTRIES:
            break
        if entry_url := _entry_url(entry, base, home):
            candidates.append(
                Candidate(
                    url=entry_url,
                    outlet=outlet,
                    source=url,
                    title=markup.plain_text(_child_text(entry, "title")),
                    published_at=next(filter(None, (parse_time(_child_text(entry, tag)) for tag in _DATE_TAGS)), None),
                    language=markup.primary_language(entry.get(_XML_LANG_ATTRIBUTE)) or language,
                )
            )
    return _parsed_feed(candidates, offered, ttl=_time_to_live(channel))


def _feed_entries(root: etree._Element, channel: etree._Element) -> Iterator[etree._Element]:
    # In RDF and RSS 1.0, items are siblings of the channel.
    for parent in (channel,) if channel is root else (channel, root):
        for child in parent:
            if markup.local_name(child) in {"item", "entry"}:
                yield child


def _child_text(element: etree._Element, tag: str) -> str:
    """Returns the text of the first child named ``tag``, or an empty string if the element has no such child.

    Prefers a child in the element's own namespace, because media:title is the title of a picture.
    """
    own_tag = f"{str(element.tag)[: -len(markup.local_name(element))]}{tag}"
    foreign: etree._Element | None = None
    for child in element:
        if child.tag == own_tag:
            return markup.text_content(child)
        if foreign is None and markup.local_name(child) == tag:
            foreign = child
    return "" if foreign is None else markup.text_content(foreign)


def _entry_url(entry: etree._Element, base: str, home: str) -> str | None:
    """Returns the URL of a feed entry's story, or None if the entry has no usable link, guid or id."""
    base = markup.resolve_url(base, entry.get(_XML_BASE_ATTRIBUTE)) or base
    links = _links_by_kind(entry)
    guid = links.get("guid", "")
    link = next(filter(None, (markup.resolve_url(base, links.get(kind)) for kind in ("original", "rss", "atom"))), None)
    if link is None:
        identifier = guid or links.get("id", "")
        return identifier if identifier.startswith(("http://", "https://")) else None
    if guid not in {"", link} and not is_same_site(link, home) and is_same_site(guid, home):
        return guid  # <link> is the URL of a click-counting service that redirects to the story
    return link


def _links_by_kind(element: etree._Element) -> dict[str, str]:
    """Returns the URLs in an entry or channel by kind; kinds that do not occur are missing.

    The kinds are original (FeedBurner's origLink), rss (<link> with text), atom (<link href>), guid and id.
    """
    links: dict[str, str] = {}
    for child in element:
        tag = markup.local_name(child)
        if tag == "origLink":  # FeedBurner's element for the publisher's own URL
            links["original"] = (child.text or "").strip()
        elif tag == "link" and child.get("href"):
            if child.get("rel", "alternate") == "alternate":
                links.setdefault("atom", child.get("href", "").strip())
        elif tag == "link":
            links.setdefault("rss", markup.text_content(child))
        elif tag in {"guid", "id"} and child.get("isPermaLink", "true").strip().lower() != "false":
            links.setdefault(tag, (child.text or "").strip())
    return links


def _time_to_live(channel: etree._Element) -> timedelta | None:
    """Returns the feed's <ttl>, else its <updatePeriod> divided by <updateFrequency>, else None."""
    minutes = _child_text(channel, "ttl")
    if minutes.isdecimal() and 0 < int(minutes) <= MAX_TTL_MINUTES:
        return timedelta(minutes=int(minutes))
    hours, frequency = (
        _HOURS_BY_UPDATE_PERIOD.get(_child_text(channel, "updatePeriod").lower()),
        _child_text(channel, "updateFrequency"),
    )
    if hours is None:
        return None
    updates = int(frequency) if frequency.isdecimal() and 0 < int(frequency) < MAX_UPDATE_FREQUENCY else 1
    return timedelta(hours=hours) / updates


def _parse_json_feed(body: bytes, *, url: str, outlet: str) -> ParsedSource:
    try:
        data: Any = orjson.loads(body.strip().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise FetchError(f"broken JSON: {error}", kind=FailureKind.MALFORMED) from error
    items = data.get("items")
    if "jsonfeed.org/version" not in str(data.get("version")) or not isinstance(items, list):
        raise FetchError("JSON, but not a JSON Feed", kind=FailureKind.MALFORMED)
    candidates = []
    for item in items[:MAX_FEED_ENTRIES]:
        link = isinstance(item, dict) and (item.get("url") or item.get("external_url"))
        item_url = markup.resolve_url(url, link) if isinstance(link, str) else None
        if item_url is None:
            continue
        candidates.append(
            Candidate(
                url=item_url,
                outlet=outlet,
                source=url,
                title=markup.plain_text(str(item.get("title") or "")),
                published_at=parse_time(str(item.get("date_published") or item.get("date_modified") or "")),
                language=markup.primary_language(_string_or_none(item.get("language")))
                or markup.primary_language(_string_or_none(data.get("language"))),
            )
        )
    return _parsed_feed(candidates, len(items))


def _parsed_feed(candidates: list[Candidate], offered: int, *, ttl: timedelta | None = None) -> ParsedSource:
    if offered and not candidates:  # a truncated feed or unknown format, which must not look like a feed without news
        raise FetchError(f"none of its {offered} entries has an address", kind=FailureKind.MALFORMED)
    return ParsedSource(candidates=newest_candidates(candidates), offered=offered, ttl=ttl)


def _string_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
