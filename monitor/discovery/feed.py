"""RSS 0.9 to 2.0, RDF, Atom and JSON Feed to candidates."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from monitor.discovery import markup
from monitor.discovery.feed_dates import parse_time
from monitor.discovery.parsed_source import ParsedSource, newest
from monitor.errors import FetchError
from monitor.models import Candidate
from monitor.urls import same_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

MAX_ENTRIES = 50_000  # entries that are read
_PUBLISHED = ("pubDate", "published", "issued", "date", "created", "updated", "modified")  # the first that can be read
_PERIODS = {"hourly": 1, "daily": 24, "weekly": 168, "monthly": 720, "yearly": 8760}
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def parse_feed(body: bytes, *, url: str, outlet: str, charset: str | None = None) -> ParsedSource:
    """The candidates of a feed, in its order.  Raises FetchError (kind malformed) where it is no feed."""
    body = markup.unpacked(body)  # a file that is kept packed, sent without a word of it
    if body.lstrip().removeprefix(b"\xef\xbb\xbf").startswith(b"{"):
        return _json(body, url=url, outlet=outlet)
    root = markup.xml(body, charset=charset)
    kind = markup.name(root).lower()
    if kind not in {"rss", "rdf", "feed", "channel"}:
        what = "an HTML page" if kind == "html" else f"XML of another kind (<{kind[:40]}>)"
        raise FetchError(f"{what}, not a feed", kind="malformed")
    head = next((child for child in root if markup.name(child) == "channel"), root)
    base = markup.address(url, root.get(_XML_BASE)) or url
    home = _links(head).get("rss") or _links(head).get("atom") or url
    language = markup.language(root.get(_XML_LANG)) or markup.language(_text(head, "language"))
    found: list[Candidate] = []
    offered = 0
    for entry in _entries(root, head):
        if (offered := offered + 1) > MAX_ENTRIES:
            break
        if address := _address(entry, base, home):
            found.append(
                Candidate(
                    url=address,
                    outlet=outlet,
                    source=url,
                    title=markup.plain(_text(entry, "title")),
                    published_at=next(filter(None, (parse_time(_text(entry, tag)) for tag in _PUBLISHED)), None),
                    language=markup.language(entry.get(_XML_LANG)) or language,
                )
            )
    return _listing(found, offered, ttl=_ttl(head))


def _entries(root: etree._Element, head: etree._Element) -> Iterator[etree._Element]:
    for parent in (head,) if head is root else (head, root):  # RDF and RSS 1.0 put items beside the channel
        for child in parent:
            if markup.name(child) in {"item", "entry"}:
                yield child


def _text(element: etree._Element, tag: str) -> str:
    """Of the tag of the element's own namespace, or else of another's: media:title is a picture's title."""
    own = f"{str(element.tag)[: -len(markup.name(element))]}{tag}"
    other: etree._Element | None = None
    for child in element:
        if child.tag == own:
            return markup.words(child)
        if other is None and markup.name(child) == tag:
            other = child
    return "" if other is None else markup.words(other)


def _address(entry: etree._Element, base: str, home: str) -> str | None:
    base = markup.address(base, entry.get(_XML_BASE)) or base
    links = _links(entry)
    guid = links.get("guid", "")
    found = next(filter(None, (markup.address(base, links.get(kind)) for kind in ("original", "rss", "atom"))), None)
    if found is None:
        own = guid or links.get("id", "")
        return own if own.startswith(("http://", "https://")) else None
    if guid not in {"", found} and not same_site(found, home) and same_site(guid, home):
        return guid  # the link is that of a service which counts the readers
    return found


def _links(element: etree._Element) -> dict[str, str]:
    """The addresses an entry or a channel names, by what they are."""
    links: dict[str, str] = {}
    for child in element:
        tag = markup.name(child)
        if tag == "origLink":  # FeedBurner keeps the publisher's own address here
            links["original"] = (child.text or "").strip()
        elif tag == "link" and child.get("href"):
            if child.get("rel", "alternate") == "alternate":
                links.setdefault("atom", child.get("href", "").strip())
        elif tag == "link":
            links.setdefault("rss", markup.words(child))
        elif tag in {"guid", "id"} and child.get("isPermaLink", "true").strip().lower() != "false":
            links.setdefault(tag, (child.text or "").strip())
    return links


def _ttl(head: etree._Element) -> timedelta | None:
    minutes = _text(head, "ttl")
    if minutes.isdecimal() and 0 < int(minutes) <= 44640:
        return timedelta(minutes=int(minutes))
    period, often = _PERIODS.get(_text(head, "updatePeriod").lower()), _text(head, "updateFrequency")
    if period is None:
        return None
    return timedelta(hours=period) / (int(often) if often.isdecimal() and 0 < int(often) < 10000 else 1)


def _json(body: bytes, *, url: str, outlet: str) -> ParsedSource:
    try:
        data: Any = orjson.loads(body.strip().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise FetchError(f"broken JSON: {error}", kind="malformed") from error
    items = data.get("items")
    if "jsonfeed.org/version" not in str(data.get("version")) or not isinstance(items, list):
        raise FetchError("JSON, but not a JSON Feed", kind="malformed")
    found = []
    for item in items[:MAX_ENTRIES]:
        told = isinstance(item, dict) and (item.get("url") or item.get("external_url"))
        address = markup.address(url, told) if isinstance(told, str) else None
        if address is None:
            continue
        found.append(
            Candidate(
                url=address,
                outlet=outlet,
                source=url,
                title=markup.plain(str(item.get("title") or "")),
                published_at=parse_time(str(item.get("date_published") or item.get("date_modified") or "")),
                language=markup.language(_string(item.get("language")))
                or markup.language(_string(data.get("language"))),
            )
        )
    return _listing(found, len(items))


def _listing(found: list[Candidate], offered: int, *, ttl: timedelta | None = None) -> ParsedSource:
    if offered and not found:  # cut off, or changed beyond recognition: not the same as a feed with nothing new
        raise FetchError(f"its entries have no addresses ({offered} of them)", kind="malformed")
    return ParsedSource(candidates=newest(found), offered=offered, ttl=ttl)


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
