"""Parses JSON Feed into candidates."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from monitor.decoding import decode_text
from monitor.discovery import markup
from monitor.discovery.feed_dates import first_time
from monitor.discovery.hubs import topic_url
from monitor.discovery.links import resolve_url
from monitor.discovery.parsed_source import ParsedSource, newest_candidates, no_address_message
from monitor.discovery.plain_text import plain_summary, plain_title
from monitor.discovery.skip_reasons import SkipReason
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.models import Json

MAX_FEED_ITEMS = 50_000  # of one feed that are read; further items are skipped
MAX_GUID_CHARACTERS = 1000
_HUB_TYPES = frozenset({"websub", "pubsubhubbub"})  # the protocol and its former name
_VERSION_PREFIXES = ("https://jsonfeed.org/version/", "http://jsonfeed.org/version/", "jsonfeed.org/version/")


def is_json(body: bytes) -> bool:
    """Returns True if a document begins as a JSON object does, in UTF-8 or UTF-16."""
    return body[:200].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"{")


def parse_json_feed(body: bytes, *, url: str, outlet: str, country: str | None = None) -> ParsedSource:
    """Returns the candidates of a JSON Feed in its order, see `monitor.discovery.feed.parse_feed`.

    Raises FetchError (kind MALFORMED) when ``body`` is not a JSON Feed.
    """
    data = _loads(body)
    items = data.get("items") if isinstance(data, dict) else None
    if not isinstance(items, list) or not _is_json_feed(data, items):
        raise FetchError("JSON, but not a JSON Feed", kind=FailureKind.MALFORMED)
    candidates: list[Candidate] = []
    skipped: Counter[SkipReason] = Counter()
    if len(items) > MAX_FEED_ITEMS:
        skipped[SkipReason.TOO_MANY] += len(items) - MAX_FEED_ITEMS
    language = markup.primary_language(_string(data, "language"))
    for item in items[:MAX_FEED_ITEMS]:
        item_url = _item_url(item, url)
        if item_url is None:
            skipped[SkipReason.NO_ADDRESS] += 1
            continue
        identifier = _string(item, "id")
        dates = (_string(item, name) for name in ("date_published", "date_modified"))
        texts = sorted(
            (_string(item, "content_html"), _plain_markup(_string(item, "content_text")), _string(item, "summary")),
            key=len,
            reverse=True,
        )
        candidates.append(
            Candidate(
                url=item_url,
                outlet=outlet,
                source=url,
                title=plain_title(_string(item, "title")),
                published_at=first_time(dates, country=country),
                language=markup.primary_language(_string(item, "language")) or language,
                guid="" if identifier == item_url else identifier[:MAX_GUID_CHARACTERS],
                summary=next(filter(None, map(plain_summary, texts)), ""),
            )
        )
    if items and not candidates:
        raise FetchError(no_address_message(len(items)), kind=FailureKind.MALFORMED)
    return ParsedSource(
        candidates=newest_candidates(candidates, skipped),
        offered=len(items),
        skipped=skipped,
        kind="feed",
        hubs=tuple(_hub_urls(data, url)),
        self_url=topic_url(url, _string(data, "feed_url")),
    )


def _hub_urls(data: Json, feed_url: str) -> Iterator[str]:
    """Yields the URLs of the feed's WebSub hubs; ``hubs`` may name endpoints of other protocols too."""
    hubs = data.get("hubs")
    for hub in hubs if isinstance(hubs, list) else ():
        if isinstance(hub, dict) and _string(hub, "type").lower() in _HUB_TYPES:
            hub_url = resolve_url(feed_url, _string(hub, "url"))
            if hub_url is not None:
                yield hub_url


def _loads(body: bytes) -> Any:
    """Returns the parsed JSON, also with control characters in strings.  Raises FetchError if it is broken."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reason = error
    try:
        return json.loads(decode_text(body, header=None, document=None), strict=False)
    except (ValueError, RecursionError):
        raise FetchError(f"broken JSON: {reason}", kind=FailureKind.MALFORMED) from reason


def _is_json_feed(data: Json, items: list[Any]) -> bool:
    """Returns True if the version names JSON Feed, or if it is missing and an item is one of a JSON Feed."""
    version = data.get("version")
    if version is not None:
        return str(version).startswith(_VERSION_PREFIXES)
    item_names = {"content_html", "content_text", "date_published"}
    return any(isinstance(item, dict) and item.keys() & item_names for item in items)


def _item_url(item: Any, feed_url: str) -> str | None:
    """Returns an item's URL, else the URL of the page that it is about, else its id if that is an address."""
    if not isinstance(item, dict):
        return None
    for name in ("url", "external_url"):
        link = item.get(name)
        if isinstance(link, str) and (item_url := resolve_url(feed_url, link)):
            return item_url
    identifier = item.get("id")
    is_address = isinstance(identifier, str) and identifier.startswith(("http://", "https://"))
    return resolve_url(feed_url, identifier) if is_address else None


def _string(data: Json, name: str) -> str:
    """Returns a string or number of a JSON object as text; an empty string for other values."""
    value = data.get(name)
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def _plain_markup(text: str) -> str:
    """Returns plain text as HTML, in which a line end is white space."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
