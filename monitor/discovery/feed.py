"""Parses RSS 0.9 to 2.0, RDF, Atom, CDF and JSON Feed into candidates."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from lxml import etree

from monitor.discovery import markup
from monitor.discovery.feed_dates import first_time
from monitor.discovery.hubs import topic_url
from monitor.discovery.json_feed import is_json, parse_json_feed
from monitor.discovery.links import resolve_url
from monitor.discovery.parsed_source import ParsedSource, newest_candidates, no_address_message
from monitor.discovery.plain_text import plain_summary, plain_title
from monitor.discovery.skip_reasons import SkipReason
from monitor.discovery.source_xml import parse_xml
from monitor.discovery.url_rules import host_and_port
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import Candidate
from monitor.urls import is_same_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    Fields: TypeAlias = dict[str, list[_Element]]

MAX_FEED_ENTRIES = 50_000  # of one feed that are read; further entries are skipped
MAX_WRAPPER_DEPTH = 50  # of nested elements around entries, whose xml:base each link depends on; feeds have two
MAX_GUID_CHARACTERS = 1000
MAX_TTL_MINUTES = 44640  # 31 days; a longer <ttl> is ignored
MAX_UPDATE_FREQUENCY = 10_000  # exclusive upper limit of <updateFrequency>; other values count as 1
FEED_ROOTS = frozenset({"rss", "rdf", "feed", "channel"})
_ENTRY_NAMES = frozenset({"item", "entry"})
# Elements that may contain entries below the root.
_WRAPPER_NAMES = frozenset({"channel", "items", "entries", "feed", "rss"})
# By precedence: the first element of these whose date can be parsed is used.
_DATE_NAMES = ("pubdate", "published", "issued", "date", "created", "updated", "modified", "lastmod")
_SUMMARY_NAMES = ("encoded", "content", "description", "summary", "abstract")
_HOURS_BY_UPDATE_PERIOD = {"hourly": 1, "daily": 24, "weekly": 168, "monthly": 720, "yearly": 8760}
_HTML_MEDIA_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_XML_LANG_ATTRIBUTE = "{http://www.w3.org/XML/1998/namespace}lang"


def parse_feed(
    body: bytes, *, url: str, outlet: str, charset: str | None = None, country: str | None = None
) -> ParsedSource:
    """Returns a feed's candidates, in the feed's order unless there are more than `MAX_CANDIDATES_PER_SOURCE`.

    ``country`` (ISO 3166) decides in which time zone dates without one are, and which number of 05/11/2026 is the day.
    Raises FetchError (kind MALFORMED) when ``body`` is not a feed.
    """
    body = markup.decompress_gzip(body)  # some servers send a stored .gz file without Content-Encoding
    if is_json(body):
        return parse_json_feed(body, url=url, outlet=outlet, country=country)
    document = parse_xml(body, url=url, charset=charset)
    root = document.root
    root_name = markup.local_name(root)
    if root_name not in FEED_ROOTS:
        kind = "an HTML page" if root_name == "html" else f"XML of another kind (<{root_name[:40]}>)"
        raise FetchError(f"{kind}, not a feed", kind=FailureKind.MALFORMED)
    channel = next((child for child in root if markup.local_name(child) == "channel"), root)
    head = _fields(channel)
    base = _base_of_links(head, url)
    home = _linked_url(head, base, url) or url
    language = markup.primary_language(root.get(_XML_LANG_ATTRIBUTE)) or markup.primary_language(
        _text(head, "language")
    )
    candidates: list[Candidate] = []
    skipped: Counter[SkipReason] = Counter()
    offered = 0
    for entry in _entries(root):
        if (offered := offered + 1) > MAX_FEED_ENTRIES:
            skipped[SkipReason.TOO_MANY] += 1
            continue
        fields = _fields(entry)
        entry_url = _entry_url(entry, fields, base=base, home=home, document_url=url)
        if entry_url is None:
            skipped[SkipReason.CUT if entry is document.cut_entry else SkipReason.NO_ADDRESS] += 1
            continue
        guid = _text(fields, "guid") or _text(fields, "id")
        candidates.append(
            Candidate(
                url=entry_url,
                outlet=outlet,
                source=url,
                title=plain_title(_text(fields, "title")),
                published_at=first_time((_text(fields, name) for name in _DATE_NAMES), country=country),
                language=markup.primary_language(entry.get(_XML_LANG_ATTRIBUTE)) or language,
                guid="" if guid == entry_url else guid[:MAX_GUID_CHARACTERS],
                summary=_summary(fields),
            )
        )
    if offered and not candidates:  # an unknown format, which must not look like a feed without news
        raise FetchError(no_address_message(offered), kind=FailureKind.MALFORMED)
    return ParsedSource(
        candidates=newest_candidates(candidates, skipped),
        offered=offered,
        skipped=skipped,
        is_complete=document.is_complete,
        ttl=_time_to_live(head),
        kind="feed",
        hubs=tuple(filter(None, (resolve_url(*link) for link in _links_of_relation(head, "hub", url)))),
        self_url=next((topic_url(*link) for link in _links_of_relation(head, "self", url)), ""),
    )


def _entries(root: etree._Element) -> Iterator[etree._Element]:
    """Yields the entries of a feed: children of the channel, in RDF of the root, or of an element around them.

    Raises FetchError (kind MALFORMED) for more than `MAX_WRAPPER_DEPTH` elements around entries.
    """
    open_wrappers = [iter(root)]
    while open_wrappers:
        child = next(open_wrappers[-1], None)
        if child is None:
            open_wrappers.pop()
            continue
        name = markup.local_name(child)
        if name in _ENTRY_NAMES:
            yield child
        elif name in _WRAPPER_NAMES:
            if len(open_wrappers) == MAX_WRAPPER_DEPTH:
                raise FetchError(
                    f"more than {MAX_WRAPPER_DEPTH} elements around its entries", kind=FailureKind.MALFORMED
                )
            open_wrappers.append(iter(child))


def _fields(element: etree._Element) -> Fields:
    """Returns the children by lower-case name without namespace; those in the element's own namespace come first.

    The own ones are preferred because media:title is the title of a picture.
    """
    tag = str(element.tag)
    own_namespace = tag[: tag.rindex("}") + 1] if "}" in tag else ""
    fields: Fields = {}
    foreign: list[_Element] = []
    for child in element:
        name = str(child.tag)[len(own_namespace) :]
        if str(child.tag).startswith(own_namespace) and "}" not in name and ":" not in name:
            fields.setdefault(name.lower(), []).append(child)
        else:
            foreign.append(child)
    for child in foreign:
        fields.setdefault(markup.local_name(child), []).append(child)
    return fields


def _text(fields: Fields, name: str) -> str:
    """Returns the text of the first child with this name, or an empty string if there is none."""
    return markup.text_content(fields[name][0]) if name in fields else ""


def _base_of_links(head: Fields, url: str) -> str:
    """Returns the URL against which relative links are resolved where no xml:base says otherwise.

    That is the feed's URL, or the URL of its site if another host keeps the feed.
    """
    site = _linked_url(head, url, url)
    return site if site is not None and host_and_port(site) != host_and_port(url) else url


def _links_of_relation(head: Fields, rel: str, document_url: str) -> Iterator[tuple[str, str | None]]:
    """Yields base and link of the channel's links with this ``rel``, such as ``<atom:link rel="hub">`` in RSS."""
    for child in head.get("link", ()):
        if rel in child.get("rel", "").lower().split():
            yield _base_of(child, document_url, document_url), child.get("href")


def _linked_url(fields: Fields, base: str, document_url: str) -> str | None:
    """Returns the URL of the link of an entry or channel; of several alternates the first HTML page."""
    alternates = [
        child
        for child in fields.get("link", ())
        if child.get("rel", "alternate").rpartition("/")[2].strip() == "alternate"
    ]
    for child in alternates:
        if url := resolve_url(_base_of(child, base, document_url), markup.text_content(child)):
            return url
    for child in sorted(alternates, key=_rank_of_alternate):
        if child.get("href") is None:
            continue
        link_base = _base_of(child, base, document_url)
        if url := resolve_url(link_base, child.get("href")):
            return url
        if not child.get("href", "").strip() and link_base != base:  # xml:base alone states the address
            return resolve_url(link_base, link_base)
    return None


def _rank_of_alternate(link: etree._Element) -> int:
    """Returns 0 for a link to HTML, which needs no type, and 1 for one to another kind of document."""
    media_type = (link.get("type") or "").partition(";")[0].strip().lower()
    return 0 if not media_type or media_type in _HTML_MEDIA_TYPES else 1


def _base_of(element: etree._Element, base: str, document_url: str) -> str:
    """Returns the base of an element's links: the nested xml:base attributes around it, else ``base``."""
    element_base = element.base
    return base if element_base in {None, document_url} else str(element_base)


def _entry_url(entry: etree._Element, fields: Fields, *, base: str, home: str, document_url: str) -> str | None:
    """Returns the URL of a feed entry's story, or None if the entry has no usable link, guid or id."""
    entry_base = _base_of(entry, base, document_url)
    if url := resolve_url(entry_base, _text(fields, "origlink")):  # FeedBurner's element for the publisher's own URL
        return url
    link = _linked_url(fields, base, document_url)
    guid = _permanent_link(fields, "guid", entry_base)
    if link is None:
        href = next((str(value) for name, value in entry.attrib.items() if str(name).lower() == "href"), None)  # of CDF
        return guid or _permanent_link(fields, "id", entry_base) or resolve_url(entry_base, href)
    if guid is not None and not is_same_site(link, home) and is_same_site(guid, home):
        return guid  # <link> is the URL of a click-counting service that redirects to the story
    return link


def _permanent_link(fields: Fields, name: str, base: str) -> str | None:
    """Returns the URL that a guid or id is, or None if it is another kind of identifier."""
    element = fields[name][0] if name in fields else None
    if element is None or element.get("ispermalink", element.get("isPermaLink", "true")).strip().lower() == "false":
        return None
    text = markup.text_content(element)
    is_address = text.lower().startswith(("http:", "https:")) or (":" not in text and "/" in text and " " not in text)
    return resolve_url(_base_of(element, base, element.getroottree().docinfo.URL or ""), text) if is_address else None


def _summary(fields: Fields) -> str:
    """Returns the longest text that the entry gives of its story, as plain text; empty if it gives none."""
    texts = sorted(
        (_markup_of(element) for name in _SUMMARY_NAMES for element in fields.get(name, ())[:2]), key=len, reverse=True
    )
    return next(filter(None, map(plain_summary, texts)), "")


def _markup_of(element: etree._Element) -> str:
    """Returns the HTML in an element: its text, or its elements if the HTML is not escaped."""
    return (element.text or "") if not len(element) else etree.tostring(element, encoding="unicode", with_tail=False)


def _time_to_live(head: Fields) -> timedelta | None:
    """Returns the feed's <ttl>, else its <updatePeriod> divided by <updateFrequency>, else None."""
    minutes = _text(head, "ttl")
    if minutes.isdecimal() and 0 < int(minutes[:9]) <= MAX_TTL_MINUTES:
        return timedelta(minutes=int(minutes))
    hours, frequency = (
        _HOURS_BY_UPDATE_PERIOD.get(_text(head, "updateperiod").lower()),
        _text(head, "updatefrequency"),
    )
    if hours is None:
        return None
    updates = int(frequency) if frequency.isdecimal() and 0 < int(frequency[:9]) < MAX_UPDATE_FREQUENCY else 1
    return timedelta(hours=hours) / updates
