"""A section page or home page to candidates: links that look like stories."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin

from monitor.discovery import markup
from monitor.discovery.parsed_source import MAX_CANDIDATES, ParsedSource
from monitor.discovery.url_rules import OutletScope, looks_like_article
from monitor.errors import FetchError
from monitor.models import Candidate
from monitor.urls import is_route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxml.html import HtmlElement

    from monitor.config.schema import Outlet

MAX_LINKS = 20_000  # of a page that are looked at
_MENUS = frozenset({"nav", "footer"})


def parse_section(
    body: bytes,
    *,
    url: str,
    outlet: Outlet,
    charset: str | None = None,
    likely: Callable[[str, str], bool] = looks_like_article,
) -> ParsedSource:
    """The links of a page that lead to the outlet's own stories, in the page's order, each once.

    Raises FetchError (kind malformed) where it is no page at all.
    """
    root = markup.page(body, charset=charset)
    if root is None:
        raise FetchError("the page is empty", kind="malformed")
    own, titles = OutletScope(outlet), dict[str, str]()
    for address, words in links(root, url):
        if address not in own:
            continue
        if len(words) > len(titles.get(address, "")) or address not in titles:
            titles[address] = words  # the picture's link comes without words, the headline's with
        if len(titles) >= MAX_CANDIDATES:
            break
    found = [
        Candidate(url=address, outlet=outlet.name, source=url, title=words)
        for address, words in titles.items()
        if likely(address, words)
    ]
    return ParsedSource(candidates=tuple(found), offered=len(titles))


def links(root: HtmlElement, url: str, *, menus: bool = False) -> Iterator[tuple[str, str]]:
    """Absolute http addresses a page links to, with the link's words; those of its menus only if asked for."""
    base = next((element.get("href") for element in root.iter("base") if element.get("href")), None)
    base = markup.address(url, base) or url
    for element in islice(root.iter("a"), MAX_LINKS):
        href = (element.get("href") or "").strip()
        if (
            not href
            or (href[0] == "#" and not is_route(href[1:]))
            or href.startswith(("javascript:", "mailto:", "tel:", "data:"))
        ):
            continue
        if not menus and any(parent.tag in _MENUS for parent in element.iterancestors()):
            continue
        try:
            address, fragment = urldefrag(urljoin(base, href))
        except ValueError:  # "http://[" and the like
            continue
        if is_route(fragment):
            address = f"{address}#{fragment}"
        if address.startswith(("http://", "https://")) and len(address) <= 2000:
            yield address, markup.plain(element.get("title") or element.text_content())
