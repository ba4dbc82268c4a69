"""``render: auto``: detects pages that a script writes, and remembers which engine can read them.  No I/O."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monitor.discovery.markup import parse_html
from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import Json, Page

# After this time a remembered engine is ignored and the page is first fetched without rendering again.
PLAIN_RETRY_INTERVAL = timedelta(days=7)
UNREADABLE_RETRY_INTERVAL = timedelta(days=1)  # a page that no engine could read is not rendered again before
MAX_URL_PATTERNS = 50  # remembered per outlet; the oldest are forgotten
MIN_TEXT_CHARACTERS = 400  # visible characters outside navigation; a page with as many needs no rendering
MAX_EMPTY_PAGE_CHARACTERS = 120  # exclusive; a page with fewer visible characters counts as empty

_PARAGRAPH_PATTERN = re.compile(rb"<p[\s>][^<]{40,}")
_JAVASCRIPT_MENTION_PATTERN = re.compile(r"java\s?script|ява\s?скрипт|джава\s?скрипт", re.IGNORECASE)
_APPLICATION_ROOT_NAMES = frozenset(
    {"root", "app", "__next", "__nuxt", "__layout", "svelte", "app-root", "main-app", "react-root"}
)
_SKIPPED_TAGS = frozenset(
    {"script", "style", "noscript", "template", "svg", "nav", "header", "footer", "aside", "iframe"}
)


def reason_to_render(page: Page) -> str | None:
    """Returns the reason why the page seems to need rendering, or None if it has text, no script, or is not HTML.

    Takes a fraction of a millisecond for a page with paragraphs; other pages are parsed once.
    """
    if page.content_type and "html" not in page.content_type:
        return None
    if b"<script" not in page.body:
        return None
    if _has_paragraphs(page.body) or b'"articleBody"' in page.body:
        return None
    tree = parse_html(page.body, charset=page.encoding)
    if tree is None:
        return None  # not an HTML document, so a browser could not render the page either
    body = tree.find("body")
    if body is None:
        return "it has no body"
    character_count = _main_character_count(body)
    if character_count >= MIN_TEXT_CHARACTERS:
        return None
    noscript = " ".join(str(part) for element in body.iter("noscript") for part in element.itertext())
    if _JAVASCRIPT_MENTION_PATTERN.search(noscript) or _JAVASCRIPT_MENTION_PATTERN.search(_main_text(body)):
        return "it asks for JavaScript"
    for element in body.iter("div", "main", "section", "app-root"):
        name = element.get("id") or str(element.tag)
        if name in _APPLICATION_ROOT_NAMES and _main_character_count(element) < MAX_EMPTY_PAGE_CHARACTERS:
            return f"its application's root ({name}) is empty"
    return "its body has no text" if character_count < MAX_EMPTY_PAGE_CHARACTERS else None


def _has_paragraphs(body: bytes) -> bool:
    """Returns True if the HTML has enough <p> elements with text outside <script> elements.

    Paragraphs inside scripts do not count, because the page may not show them yet.
    """
    paragraph_bytes, start = 0, 0
    while start < len(body):
        script = body.find(b"<script", start)
        end = len(body) if script < 0 else script
        for paragraph in _PARAGRAPH_PATTERN.finditer(body, start, end):
            paragraph_bytes += paragraph.end() - paragraph.start()
            if paragraph_bytes > 2 * MIN_TEXT_CHARACTERS:
                return True
        start = body.find(b"</script", end)
        if start < 0:
            break
        start += len(b"</script")
    return False


def _main_text(element: Any) -> str:
    """Returns the text in an element, without scripts, navigation, headers and footers."""
    skipped = {text for child in element.iter(*_SKIPPED_TAGS) for text in child.itertext()}
    return " ".join(str(text) for text in element.itertext() if text not in skipped)


def _main_character_count(element: Any) -> int:
    """Returns the number of text characters in an element, without scripts, navigation, headers and footers."""
    total = len((element.text or "").strip())
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _SKIPPED_TAGS:
            total += _main_character_count(child)
        total += len((child.tail or "").strip())
    return total


def url_pattern(url: str) -> str:
    """Returns the key that similar pages share: the host and up to three folders, numbers replaced by #, and ``*``."""
    parts = urlsplit(url)
    folders = [re.sub(r"\d+", "#", folder) for folder in parts.path.split("/")[1:-1]]
    return "/".join([parts.hostname or "", *folders[:3], "*"])


def _host_of_pattern(pattern: str) -> str:
    return pattern.partition("/")[0]


class EngineMemory:
    """Remembers which engine could read an outlet's pages, by `url_pattern`.

    Created from ``OutletMemory.rendering``; `to_json` returns the value to store there.
    """

    def __init__(self, stored: Json | None = None) -> None:
        self._entries: dict[str, dict[str, str]] = {
            pattern: dict(entry)
            for pattern, entry in (stored or {}).items()
            if isinstance(entry, dict) and "at" in entry
        }

    def engines_to_try(self, url: str, available: Sequence[str], *, now: datetime) -> list[str]:
        """Returns the names of the engines to try, in order; ``none`` means to fetch without rendering.

        ``available`` lists the installed engines, the cheapest first.
        """
        entry = self._entries.get(url_pattern(url))
        age = now - from_rfc3339(entry["at"]) if entry else timedelta.max
        if entry and entry["engine"] == "hopeless" and age < UNREADABLE_RETRY_INTERVAL:
            return ["none"]
        if entry and entry["engine"] in available and age < PLAIN_RETRY_INTERVAL:
            return list(available[available.index(entry["engine"]) :])
        return ["none", *available]

    def learn(self, url: str, engine: str, *, worked: bool, now: datetime) -> None:
        """Remembers that ``engine`` could read the page, or that no engine could if ``worked`` is False.

        The engine ``none`` means without rendering.
        """
        pattern = url_pattern(url)
        result = engine if worked else "hopeless"
        entry = self._entries.get(pattern)
        if entry and entry["engine"] == result and now - from_rfc3339(entry["at"]) < PLAIN_RETRY_INTERVAL:
            return  # keeps the entry's time, so that it expires after PLAIN_RETRY_INTERVAL
        if result == "none":
            self._entries.pop(pattern, None)
            return
        self._entries[pattern] = {"engine": result, "at": rfc3339(now)}
        while len(self._entries) > MAX_URL_PATTERNS:
            del self._entries[self._pattern_to_forget()]

    def _pattern_to_forget(self) -> str:
        """Returns the oldest pattern of the host that has the most, so that no host displaces those of others."""
        counts = Counter(_host_of_pattern(pattern) for pattern in self._entries)
        return min(
            self._entries, key=lambda pattern: (-counts[_host_of_pattern(pattern)], self._entries[pattern]["at"])
        )

    def to_json(self) -> Json:
        """Returns the memory as the JSON from which `EngineMemory` can be created again."""
        return dict(self._entries)
