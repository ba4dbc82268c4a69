"""Parses a section page or home page into candidates: the links on the page that look like stories."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urldefrag

from monitor.discovery import markup
from monitor.discovery.links import resolve_url
from monitor.discovery.parsed_source import MAX_CANDIDATES_PER_SOURCE, ParsedSource
from monitor.discovery.plain_text import plain_title
from monitor.discovery.skip_reasons import SkipReason
from monitor.discovery.url_rules import StoryScope, looks_like_article
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import Candidate
from monitor.urls import is_page_fragment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxml.html import HtmlElement

    from monitor.config.schema import Outlet

MAX_LINKS_PER_PAGE = 20_000  # <a> elements that are read; further ones are ignored
MAX_LINK_LENGTH = 2000  # characters; a longer URL is skipped
_MENU_TAGS = frozenset({"nav", "footer"})


def parse_section(
    body: bytes,
    *,
    url: str,
    outlet: Outlet,
    charset: str | None = None,
    is_article: Callable[[str, str], bool] = looks_like_article,
) -> ParsedSource:
    """Returns a page's links to the outlet's own stories as candidates, in page order, each URL once.

    ``is_article(url, text)`` returns True if a link with this URL and text leads to a story.  Raises FetchError (kind
    malformed) if the page is empty.
    """
    root = markup.parse_html(body, charset=charset)
    if root is None:
        raise FetchError("the page is empty", kind=FailureKind.MALFORMED)
    scope, titles = StoryScope(outlet), dict[str, str]()
    for link, text in page_links(root, url):
        if link not in scope:
            continue
        if len(text) > len(titles.get(link, "")) or link not in titles:
            titles[link] = text  # a story's picture and headline link to the same URL; only the headline has text
    candidates = [
        Candidate(url=link, outlet=outlet.name, source=url, title=title)
        for link, title in titles.items()
        if is_article(link, title)
    ]
    skipped = Counter({SkipReason.NO_STORY: len(titles) - len(candidates)})
    if len(candidates) > MAX_CANDIDATES_PER_SOURCE:
        skipped[SkipReason.TOO_MANY] = len(candidates) - MAX_CANDIDATES_PER_SOURCE
    return ParsedSource(
        candidates=tuple(candidates[:MAX_CANDIDATES_PER_SOURCE]), offered=len(titles), skipped=+skipped, kind="section"
    )


def page_links(root: HtmlElement, url: str, *, include_menus: bool = False) -> Iterator[tuple[str, str]]:
    """Yields (absolute URL, link text) for every http(s) link of a page; a URL may occur several times.

    Skips links inside <nav> and <footer> unless ``include_menus``.
    """
    base = next((element.get("href") for element in root.iter("base") if element.get("href")), None)
    base = resolve_url(url, base) or url
    for element in islice(root.iter("a"), MAX_LINKS_PER_PAGE):
        href = (element.get("href") or "").strip()
        if not href or (href[0] == "#" and not is_page_fragment(href[1:])):
            continue
        if not include_menus and any(ancestor.tag in _MENU_TAGS for ancestor in element.iterancestors()):
            continue
        absolute_url = resolve_url(base, href)
        if absolute_url is None:
            continue
        link, fragment = urldefrag(absolute_url)
        if is_page_fragment(fragment):
            link = f"{link}#{fragment}"
        if len(link) <= MAX_LINK_LENGTH:
            yield link, plain_title(element.get("title") or element.text_content())
