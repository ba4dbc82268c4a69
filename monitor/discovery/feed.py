"""Parse RSS 0.9 to 2.0, RDF, Atom and JSON Feed into candidates."""

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
from monitor.urls import same_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

MAX_ENTRIES = 50_000  # entries read of one feed
MAX_TTL_MINUTES = 44640  # 31 days; a longer ttl is ignored
MAX_UPDATE_FREQUENCY = 10_000  # updates per period, exclusive
_DATE_TAGS = ("pubDate", "published", "issued", "date", "created", "updated", "modified")  # the first readable one wins
_PERIOD_HOURS = {"hourly": 1, "daily": 24, "weekly": 168, "monthly": 720, "yearly": 8760}
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def parse_feed(body: bytes, *, url: str, outlet: str, charset: str | None = None) -> ParsedSource:
    """Returns the candidates of a feed in the feed's order.

    Raises FetchError (kind MALFORMED) when ``body`` is not a feed.
    """
    body = markup.decompress(body)  # some servers send a stored .gz file without Content-Encoding
    if body.lstrip().removeprefix(b"\xef\xbb\xbf").startswith(b"{"):
        return _parse_json_feed(body, url=url, outlet=outlet)
    root = markup.parse_xml(body, charset=charset)
    root_tag = markup.local_name(root).lower()
    if root_tag not in {"rss", "rdf", "feed", "channel"}:
        document = "an HTML page" if root_tag == "html" else f"XML of another kind (<{root_tag[:40]}>)"
        raise FetchError(f"{document}, not a feed", kind=FailureKind.MALFORMED)
    channel = next((child for child in root if markup.local_name(child) == "channel"), root)
    base = markup.resolve_url(url, root.get(_XML_BASE)) or url
    home = _links(channel).get("rss") or _links(channel).get("atom") or url
    language = markup.primary_language(root.get(_XML_LANG)) or markup.primary_language(_text(channel, "language"))
    candidates: list[Candidate] = []
    offered = 0
    for entry in _entries(root, channel):
        if (offered := offered + 1) > MAX_ENTRIES:
            break
        if entry_url := _entry_url(entry, base, home):
            candidates.append(
                Candidate(
                    url=entry_url,
                    outlet=outlet,
                    source=url,
                    title=markup.plain_text(_text(entry, "title")),
                    published_at=next(filter(None, (parse_time(_text(entry, tag)) for tag in _DATE_TAGS)), None),
                    language=markup.primary_language(entry.get(_XML_LANG)) or language,
                )
            )
    return _parsed_source(candidates, offered, ttl=_ttl(channel))


def _entries(root: etree._Element, channel: etree._Element) -> Iterator[etree._Element]:
    for parent in (channel,) if channel is root else (channel, root):  # RDF and RSS 1.0 put items beside the channel
        for child in parent:
            if markup.local_name(child) in {"item", "entry"}:
                yield child


def _text(element: etree._Element, tag: str) -> str:
    """Returns the text of the child ``tag``, preferring the element's own namespace: media:title titles a picture."""
    own_tag = f"{str(element.tag)[: -len(markup.local_name(element))]}{tag}"
    foreign: etree._Element | None = None
    for child in element:
        if child.tag == own_tag:
            return markup.text_content(child)
        if foreign is None and markup.local_name(child) == tag:
            foreign = child
    return "" if foreign is None else markup.text_content(foreign)


def _entry_url(entry: etree._Element, base: str, home: str) -> str | None:
    base = markup.resolve_url(base, entry.get(_XML_BASE)) or base
    links = _links(entry)
    guid = links.get("guid", "")
    link = next(filter(None, (markup.resolve_url(base, links.get(kind)) for kind in ("original", "rss", "atom"))), None)
    if link is None:
        identifier = guid or links.get("id", "")
        return identifier if identifier.startswith(("http://", "https://")) else None
    if guid not in {"", link} and not same_site(link, home) and same_site(guid, home):
        return guid  # the link leads through a click-counting service
    return link


def _links(element: etree._Element) -> dict[str, str]:
    """Returns the URLs that an entry or channel names, by kind: original, rss, atom, guid, id."""
    links: dict[str, str] = {}
    for child in element:
        tag = markup.local_name(child)
        if tag == "origLink":  # FeedBurner keeps the publisher's own URL here
            links["original"] = (child.text or "").strip()
        elif tag == "link" and child.get("href"):
            if child.get("rel", "alternate") == "alternate":
                links.setdefault("atom", child.get("href", "").strip())
        elif tag == "link":
            links.setdefault("rss", markup.text_content(child))
        elif tag in {"guid", "id"} and child.get("isPermaLink", "true").strip().lower() != "false":
            links.setdefault(tag, (child.text or "").strip())
    return links


def _ttl(channel: etree._Element) -> timedelta | None:
    minutes = _text(channel, "ttl")
    if minutes.isdecimal() and 0 < int(minutes) <= MAX_TTL_MINUTES:
        return timedelta(minutes=int(minutes))
    hours, frequency = _PERIOD_HOURS.get(_text(channel, "updatePeriod").lower()), _text(channel, "updateFrequency")
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
    for item in items[:MAX_ENTRIES]:
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
                language=markup.primary_language(_string(item.get("language")))
                or markup.primary_language(_string(data.get("language"))),
            )
        )
    return _parsed_source(candidates, len(items))


def _parsed_source(candidates: list[Candidate], offered: int, *, ttl: timedelta | None = None) -> ParsedSource:
    if offered and not candidates:  # truncated or in an unknown form, which differs from a feed with nothing new
        raise FetchError(f"none of its {offered} entries has an address", kind=FailureKind.MALFORMED)
    return ParsedSource(candidates=newest_candidates(candidates), offered=offered, ttl=ttl)


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
