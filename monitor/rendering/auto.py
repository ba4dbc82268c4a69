"""``render: auto``: detect pages that a script writes, and remember which engine can read them.  Pure, no I/O."""

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

RETRY_PLAIN_AFTER = timedelta(days=7)  # age at which a remembered engine is ignored and the plain page tried again
HOPELESS_LIFETIME = timedelta(days=1)  # for which pages that no engine helps are not rendered
MAX_ADDRESS_PATTERNS = 50  # remembered per outlet
MIN_TEXT_LETTERS = 400  # characters outside navigation, from which on a page has text to read
MAX_EMPTY_PAGE_LETTERS = 120  # with fewer characters a page counts as empty

_PARAGRAPH = re.compile(rb"<p[\s>][^<]{40,}")
_JAVASCRIPT_REQUEST = re.compile(r"java\s?script|ява\s?скрипт|джава\s?скрипт", re.IGNORECASE)
_APPLICATION_ROOTS = frozenset(
    {"root", "app", "__next", "__nuxt", "__layout", "svelte", "app-root", "main-app", "react-root"}
)
_SKIPPED_TAGS = frozenset(
    {"script", "style", "noscript", "template", "svg", "nav", "header", "footer", "aside", "iframe"}
)


def needs_rendering(page: Page) -> str | None:
    """Returns why a page seems to need a script to write its story, or None when it has text to read.

    Takes a fraction of a millisecond for a page with paragraphs, and one parse for any other.
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
        return None  # not a document, so a browser could not render it either
    body = tree.find("body")
    if body is None:
        return "it has no body"
    letters = _visible_letters(body)
    if letters >= MIN_TEXT_LETTERS:
        return None
    noscript = " ".join(str(part) for element in body.iter("noscript") for part in element.itertext())
    if _JAVASCRIPT_REQUEST.search(noscript) or _JAVASCRIPT_REQUEST.search(_visible_text(body)):
        return "it asks for JavaScript"
    for element in body.iter("div", "main", "section", "app-root"):
        name = element.get("id") or str(element.tag)
        if name in _APPLICATION_ROOTS and _visible_letters(element) < MAX_EMPTY_PAGE_LETTERS:
            return f"its application's root ({name}) is empty"
    return "its body has no text" if letters < MAX_EMPTY_PAGE_LETTERS else None


def _has_paragraphs(body: bytes) -> bool:
    """Returns True when the page has paragraphs outside scripts; a script may hold stories that are not yet shown."""
    paragraph_bytes, start = 0, 0
    while start < len(body):
        script = body.find(b"<script", start)
        end = len(body) if script < 0 else script
        for paragraph in _PARAGRAPH.finditer(body, start, end):
            paragraph_bytes += paragraph.end() - paragraph.start()
            if paragraph_bytes > 2 * MIN_TEXT_LETTERS:
                return True
        start = body.find(b"</script", end)
        if start < 0:
            break
        start += len(b"</script")
    return False


def _visible_text(element: Any) -> str:
    skipped = {text for child in element.iter(*_SKIPPED_TAGS) for text in child.itertext()}
    return " ".join(str(text) for text in element.itertext() if text not in skipped)


def _visible_letters(element: Any) -> int:
    """Returns the number of characters that a reader would see, without navigation."""
    total = len((element.text or "").strip())
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _SKIPPED_TAGS:
            total += _visible_letters(child)
        total += len((child.tail or "").strip())
    return total


def address_pattern(url: str) -> str:
    """Returns the host and up to three folders, digits replaced by #: the pattern that similar pages share."""
    parts = urlsplit(url)
    folders = [re.sub(r"\d+", "#", folder) for folder in parts.path.split("/")[1:-1]]
    return "/".join([parts.hostname or "", *folders[:3], "*"])


class EngineMemory:
    """The engine that worked for an outlet's pages, by address pattern.

    Is made from, and stored as, ``OutletMemory.rendering``.
    """

    def __init__(self, stored: Json | None = None) -> None:
        self._entries: dict[str, dict[str, str]] = {
            pattern: dict(entry)
            for pattern, entry in (stored or {}).items()
            if isinstance(entry, dict) and "at" in entry
        }

    def engines(self, url: str, available: Sequence[str], *, now: datetime) -> list[str]:
        """Returns the engines to try in order; ``available`` lists the installed ones, the cheapest first."""
        entry = self._entries.get(address_pattern(url))
        age = now - from_rfc3339(entry["at"]) if entry else timedelta.max
        if entry and entry["engine"] == "hopeless" and age < HOPELESS_LIFETIME:
            return ["none"]
        if entry and entry["engine"] in available and age < RETRY_PLAIN_AFTER:
            return list(available[available.index(entry["engine"]) :])
        return ["none", *available]

    def learn(self, url: str, engine: str, *, worked: bool, now: datetime) -> None:
        """Remembers that the engine (or ``none``) read the page, or that no engine did when not ``worked``."""
        pattern = address_pattern(url)
        result = engine if worked else "hopeless"
        entry = self._entries.get(pattern)
        if entry and entry["engine"] == result and now - from_rfc3339(entry["at"]) < RETRY_PLAIN_AFTER:
            return  # keep the entry's age, so that the plain page is tried again in time
        if result == "none":
            self._entries.pop(pattern, None)
            return
        self._entries[pattern] = {"engine": result, "at": rfc3339(now)}
        while len(self._entries) > MAX_ADDRESS_PATTERNS:
            del self._entries[min(self._entries, key=lambda pattern: self._entries[pattern]["at"])]

    def to_json(self) -> Json:
        return dict(self._entries)
