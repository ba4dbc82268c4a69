"""RSS 0.9 to 2.0, RDF, Atom and JSON Feed to candidates."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import orjson

from monitor.discovery import markup
from monitor.discovery.dates import moment
from monitor.discovery.listing import LONGEST, Listing
from monitor.errors import FetchError
from monitor.models import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

_PUBLISHED = ("pubDate", "published", "issued", "date", "created", "updated", "modified")  # the first that is there
_PERIODS = {"hourly": 1, "daily": 24, "weekly": 168, "monthly": 720, "yearly": 8760}
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def read(body: bytes, *, url: str, outlet: str, charset: str | None = None) -> Listing:
    """The candidates of a feed, in its order.  Raises FetchError (kind malformed) where it is no feed."""
    if body.lstrip().removeprefix(b"\xef\xbb\xbf").startswith(b"{"):
        return _json(body, url=url, outlet=outlet)
    root = markup.xml(body, charset=charset)
    kind = markup.name(root).lower()
    if kind not in {"rss", "rdf", "feed", "channel"}:
        what = "an HTML page" if kind == "html" else f"XML of another kind (<{kind[:40]}>)"
        raise FetchError(f"{what}, not a feed", kind="malformed")
    head = next((child for child in root if markup.name(child) == "channel"), root)
    base = urljoin(url, root.get(_XML_BASE) or "")
    language = root.get(_XML_LANG) or _text(head, "language") or None
    found: list[Candidate] = []
    offered = 0
    for entry in _entries(root, head):
        if (offered := offered + 1) > LONGEST:
            break
        if address := _address(entry, base):
            found.append(
                Candidate(
                    url=address,
                    outlet=outlet,
                    source=url,
                    title=markup.plain(_text(entry, "title")),
                    published_at=moment(next(filter(None, (_text(entry, tag) for tag in _PUBLISHED)), None)),
                    language=entry.get(_XML_LANG) or language,
                )
            )
    return _listing(found, offered, ttl=_ttl(head))


def _entries(root: etree._Element, head: etree._Element) -> Iterator[etree._Element]:
    for parent in (head,) if head is root else (head, root):  # RDF and RSS 1.0 put items beside the channel
        for child in parent:
            if markup.name(child) in {"item", "entry"}:
                yield child


def _text(element: etree._Element, tag: str) -> str:
    for child in element:
        if markup.name(child) == tag:
            return "".join(str(part) for part in child.itertext()).strip()
    return ""


def _address(entry: etree._Element, base: str) -> str | None:
    base = urljoin(base, entry.get(_XML_BASE) or "")
    links: dict[str, str] = {}
    for child in entry:
        tag = markup.name(child)
        if tag == "origLink":  # FeedBurner keeps the publisher's own address here
            links["original"] = (child.text or "").strip()
        elif tag == "link" and child.get("href"):
            if child.get("rel", "alternate") == "alternate":
                links.setdefault("atom", child.get("href", "").strip())
        elif tag == "link":
            links.setdefault("rss", "".join(str(part) for part in child.itertext()).strip())
        elif tag in {"guid", "id"} and child.get("isPermaLink", "true") != "false":
            links["id"] = (child.text or "").strip()
    for kind in ("original", "rss", "atom"):
        if links.get(kind):
            return urljoin(base, links[kind])
    return links["id"] if links.get("id", "").startswith(("http://", "https://")) else None


def _ttl(head: etree._Element) -> timedelta | None:
    minutes = _text(head, "ttl")
    if minutes.isdecimal() and 0 < int(minutes) <= 44640:
        return timedelta(minutes=int(minutes))
    period, often = _PERIODS.get(_text(head, "updatePeriod").lower()), _text(head, "updateFrequency")
    if period is None:
        return None
    return timedelta(hours=period) / (int(often) if often.isdecimal() and 0 < int(often) < 10000 else 1)


def _json(body: bytes, *, url: str, outlet: str) -> Listing:
    try:
        data: Any = orjson.loads(body.strip().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise FetchError(f"broken JSON: {error}", kind="malformed") from error
    items = data.get("items")
    if "jsonfeed.org/version" not in str(data.get("version")) or not isinstance(items, list):
        raise FetchError("JSON, but not a JSON Feed", kind="malformed")
    found = []
    for item in items[:LONGEST]:
        address = isinstance(item, dict) and (item.get("url") or item.get("external_url"))
        if not isinstance(address, str):
            continue
        found.append(
            Candidate(
                url=urljoin(url, address.strip()),
                outlet=outlet,
                source=url,
                title=markup.plain(str(item.get("title") or "")),
                published_at=moment(str(item.get("date_published") or item.get("date_modified") or "")),
                language=_string(item.get("language")) or _string(data.get("language")),
            )
        )
    return _listing(found, len(items))


def _listing(found: list[Candidate], offered: int, *, ttl: timedelta | None = None) -> Listing:
    if offered and not found:  # cut off, or changed beyond recognition: not the same as a feed with nothing new
        raise FetchError(f"its entries have no addresses ({offered} of them)", kind="malformed")
    return Listing(candidates=tuple(found), offered=offered, ttl=ttl)


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
