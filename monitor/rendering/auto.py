"""``render: auto``: sees which pages are written by a script, and remembers what reads them.  Pure, no I/O."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lxml import etree, html

from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import Json, Page

RETRY_PLAIN_AFTER = timedelta(days=7)  # after which the plain page is looked at again
HOPELESS_LIFETIME = timedelta(days=1)  # for which a kind of page that no engine helps is not rendered
MAX_ADDRESS_PATTERNS = 50  # of pages, remembered for an outlet
MIN_TEXT_LETTERS = 400  # characters of text outside navigation: then there is something to read
MAX_EMPTY_PAGE_LETTERS = 120  # fewer are as good as none

_PARAGRAPH = re.compile(rb"<p[\s>][^<]{40,}")
_ASKS = re.compile(r"java\s?script|ява\s?скрипт|джава\s?скрипт", re.IGNORECASE)
_ROOTS = frozenset({"root", "app", "__next", "__nuxt", "__layout", "svelte", "app-root", "main-app", "react-root"})
_SILENT = frozenset({"script", "style", "noscript", "template", "svg", "nav", "header", "footer", "aside", "iframe"})


def needs_rendering(page: Page) -> str | None:
    """Why a page seems to wait for a script to write its story; None where there is something to read already.

    Costs a fraction of a millisecond on a page with paragraphs, and one parse on any other.
    """
    if page.content_type and "html" not in page.content_type:
        return None
    if b"<script" not in page.body:
        return None
    if _has_paragraphs(page.body) or b'"articleBody"' in page.body:
        return None
    try:
        tree = html.document_fromstring(page.body, parser=html.HTMLParser(encoding=page.encoding, huge_tree=False))
    except (etree.ParserError, LookupError, ValueError):
        return None  # no document at all: nothing a browser would make one of
    body = tree.find("body")
    if body is None:
        return "it has no body"
    text = _text(body)
    if text >= MIN_TEXT_LETTERS:
        return None
    noscript = " ".join(str(part) for element in body.iter("noscript") for part in element.itertext())
    if _ASKS.search(noscript) or _ASKS.search(_words(body)):
        return "it asks for JavaScript"
    for element in body.iter("div", "main", "section", "app-root"):
        if (element.get("id") or str(element.tag)) in _ROOTS and _text(element) < MAX_EMPTY_PAGE_LETTERS:
            return f"its application's root ({element.get('id') or element.tag}) is empty"
    return "its body has no text" if text < MAX_EMPTY_PAGE_LETTERS else None


def _has_paragraphs(body: bytes) -> bool:
    """Whether there are a few paragraphs outside scripts, which may hold whole stories that nobody has written yet."""
    found, start = 0, 0
    while start < len(body):
        script = body.find(b"<script", start)
        end = len(body) if script < 0 else script
        for paragraph in _PARAGRAPH.finditer(body, start, end):
            found += paragraph.end() - paragraph.start()
            if found > 2 * MIN_TEXT_LETTERS:
                return True
        start = body.find(b"</script", end)
        if start < 0:
            break
        start += len(b"</script")
    return False


def _words(element: Any) -> str:
    silent = {text for child in element.iter(*_SILENT) for text in child.itertext()}
    return " ".join(str(text) for text in element.itertext() if text not in silent)


def _text(element: Any) -> int:
    """Characters a reader would see, without navigation."""
    total = len((element.text or "").strip())
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _SILENT:
            total += _text(child)
        total += len((child.tail or "").strip())
    return total


def address_pattern(url: str) -> str:
    """What addresses of one kind of page share: host and folders, with numbers left open."""
    parts = urlsplit(url)
    folders = [re.sub(r"\d+", "#", folder) for folder in parts.path.split("/")[1:-1]]
    return "/".join([parts.hostname or "", *folders[:3], "*"])


class EngineMemory:
    """What worked for an outlet's pages, by kind; made of, and kept as, ``OutletState.memory["rendering"]``."""

    def __init__(self, known: Json | None = None) -> None:
        self._known: dict[str, dict[str, str]] = {
            kind: dict(entry) for kind, entry in (known or {}).items() if isinstance(entry, dict) and "at" in entry
        }

    def engines(self, url: str, available: Sequence[str], *, now: datetime) -> list[str]:
        """The engines to try, in this order; ``available`` are those installed, the cheapest first."""
        known = self._known.get(address_pattern(url))
        age = now - from_rfc3339(known["at"]) if known else timedelta.max
        if known and known["engine"] == "hopeless" and age < HOPELESS_LIFETIME:
            return ["none"]
        if known and known["engine"] in available and age < RETRY_PLAIN_AFTER:
            return list(available[available.index(known["engine"]) :])
        return ["none", *available]

    def learn(self, url: str, engine: str, *, worked: bool, now: datetime) -> None:
        """Notes that the engine (``none``, too) read the page, or that with it as the last one nothing did."""
        kind = address_pattern(url)
        found = engine if worked else "hopeless"
        known = self._known.get(kind)
        if known and known["engine"] == found and now - from_rfc3339(known["at"]) < RETRY_PLAIN_AFTER:
            return  # its age is what makes us ask again
        if found == "none":
            self._known.pop(kind, None)
            return
        self._known[kind] = {"engine": found, "at": rfc3339(now)}
        while len(self._known) > MAX_ADDRESS_PATTERNS:
            del self._known[min(self._known, key=lambda kind: self._known[kind]["at"])]

    def to_json(self) -> Json:
        return dict(self._known)
