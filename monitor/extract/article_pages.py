"""Finds the other pages of an article that is split over several: the first, the next, and all of it on one page.

A link counts only if its URL is that of this page with another page number, or if it is marked as the next page and
extends this page's URL.  So the "next" link of a blog, which leads to another story, is not followed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from monitor.extract.regions import Region, regions
from monitor.extract.vocabulary import regex_alternatives
from monitor.urls import story_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lxml.html import HtmlElement

MAX_LINKS_PER_PAGE = 5000  # <a> and <link> elements that are read; further ones are ignored
_MAX_LINK_TEXT_CHARACTERS = 80  # the text of a longer link is a headline
_MAX_LINK_DEPTH = 8  # elements around a link that are searched for a region of comments

_PAGE_WORDS = regex_alternatives("page_words")
# A page number at the end of a path: "/page/2", "/seite-2", "-page-2.html".
_WORDED_PATH_PATTERN = re.compile(
    rf"[/\-_,.;](?:{_PAGE_WORDS}|(?<=/)p)[-_/=.,]?(\d{{1,2}})(?=(?:\.\w{{2,5}})?/?$)", re.IGNORECASE
)
# A number at the end of a path, which may be a page number: "/2", "_2.html", ",2".
_BARE_PATH_PATTERN = re.compile(r"[/\-_,.;](\d{1,2})(?=(?:\.\w{2,5})?/?$)")
_WORDED_QUERY_PATTERN = re.compile(rf"(?:^|&)(?:{_PAGE_WORDS}|onglet)=(\d{{1,2}})(?=&|$)", re.IGNORECASE)
# A number that may be that of a page or of a story: "?p=2".
_BARE_QUERY_PATTERN = re.compile(r"(?:^|&)[ps]=(\d{1,2})(?=&|$)", re.IGNORECASE)
# Found in any address that one of these four patterns matches, and at less cost.
_PAGE_NUMBER_PATTERN = re.compile(r"(?<!\d)\d{1,2}(?:\.\w{2,5})?/?(?:[?#]|$)|=\d{1,2}(?:[&#]|$)")
# Marks of the view of an article on one page: "?onglet=full", "/komplettansicht".
_SINGLE_QUERY_PATTERN = re.compile(
    r"(?:^|&)(?:[\w-]+=(?:all|alles|full|komplett|one|onepage|print|single)|print(?:=\w{0,5})?)(?=&|$)", re.IGNORECASE
)
_SINGLE_PATH_PATTERN = re.compile(
    r"[/\-_,.;](?:all|alle-seiten|full|komplettansicht|one-?page|print|single-?page)(?=(?:\.\w{2,5})?/?$)",
    re.IGNORECASE,
)
_MAX_PAGE_NUMBER_CHARACTERS = 10  # at the end of a path, as in "-12.shtml/"
_MAX_SINGLE_PATH_CHARACTERS = 40  # at the end of a path, which contain any mark of _SINGLE_PATH_PATTERN
_PAGE_NUMBER_TEXT_PATTERN = re.compile(r"[0-9]{1,2}")
_PAGE_RELATIONS = frozenset({"next", "prev", "canonical"})
_NO_RELATIONS: frozenset[str] = frozenset()
_NEXT_TEXT_PATTERN = re.compile(rf"[\W_]*(?:{regex_alternatives('next_page_links')})[\W_]*", re.IGNORECASE)
_SINGLE_TEXT_PATTERN = re.compile(regex_alternatives("single_page_links"), re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArticlePages:
    """The URLs of other pages of an article, None for each that the page does not link to."""

    first: str | None = None  # None on the first page itself
    next: str | None = None
    single: str | None = None  # all of the article on one page


@dataclass(frozen=True, slots=True)
class _Link:
    """A link with its absolute URL, its ``rel`` values and its text."""

    url: str
    rel: frozenset[str]
    text: str


def find_article_pages(root: HtmlElement, url: str) -> ArticlePages:
    """Returns the other pages of the article whose page at ``url`` has this root element."""
    is_numbered = any(number for _, number in _base_and_number(url))
    links = list(_links_to_same_host(root, url, _is_pager_link if is_numbered else _is_next_page_link))
    next_url = _next_page(links, url)
    first_url = _first_page(links, url)
    if next_url is None and first_url is None:  # as on nearly all pages, so links are searched for a single page last
        return ArticlePages()
    links = list(_links_to_same_host(root, url, _may_be_single_page))
    return ArticlePages(first=first_url, next=next_url, single=_single_page(links, url))


def is_later_page(url: str, first_url: str) -> bool:
    """Returns True if ``url`` extends ``first_url`` or is it with a higher page number, and that may be a first page.

    The number of a first page is 1 or missing: "/2026/11/29" is no later page of "/2026/11/28".
    """
    first_numbers = dict(_base_and_number(first_url))
    is_numbered = any(
        base in first_numbers and first_numbers[base] <= 1 < number + (first_numbers[base] == 0)
        for base, number in _base_and_number(url)
    )
    return is_numbered or _extends_url(url, first_url)


def has_page_word(url: str) -> bool:
    """Returns True if the URL says that its number is that of a page ("/page/2"); "/2" may number a story."""
    parts = urlsplit(url)
    return bool(_WORDED_PATH_PATTERN.search(parts.path) or _WORDED_QUERY_PATTERN.search(parts.query))


def _links_to_same_host(
    root: HtmlElement, url: str, is_relevant: Callable[[HtmlElement, str, frozenset[str]], bool]
) -> Iterator[_Link]:
    """Yields the relevant links of the page to pages of the same host, except for those among readers' comments.

    ``is_relevant`` gets the element, its address and its relations.
    """
    host = urlsplit(url).netloc
    for element in islice(root.iter("link", "a"), MAX_LINKS_PER_PAGE):
        href = (element.get("href") or "").strip()
        if not href or href.startswith(("#", "javascript:", "mailto:")):
            continue
        rel_text = element.get("rel")
        rel = frozenset(rel_text.lower().split()) if rel_text else _NO_RELATIONS
        if not is_relevant(element, href, rel):
            continue
        try:
            absolute = urljoin(url, href)
            same_host = urlsplit(absolute).netloc == host
        except ValueError:
            continue
        if same_host and "comment" not in absolute.lower() and not _is_among_comments(element):
            yield _Link(absolute.partition("#")[0], rel, _link_text(element))


def _link_text(element: HtmlElement) -> str:
    """Returns the text of a link; empty for a <link> element."""
    return " ".join(element.text_content().split()) if element.tag == "a" else ""


def _is_next_page_link(element: HtmlElement, href: str, rel: frozenset[str]) -> bool:
    """Returns True if a link on a first page may lead to the next one: its address has a page number, or it says so."""
    if rel & _PAGE_RELATIONS:
        return True
    end = href if "?" in href or "#" in href else href[-_MAX_PAGE_NUMBER_CHARACTERS:]
    return _PAGE_NUMBER_PATTERN.search(end) is not None and _is_pager_link(element, href, rel)


def _is_pager_link(element: HtmlElement, _href: str, rel: frozenset[str]) -> bool:
    """Returns True if a link may lead to the next, previous or first page."""
    if rel & _PAGE_RELATIONS:
        return True
    text = _link_text(element)
    is_short = len(text) <= _MAX_LINK_TEXT_CHARACTERS
    return is_short and bool(_PAGE_NUMBER_TEXT_PATTERN.fullmatch(text) or _NEXT_TEXT_PATTERN.fullmatch(text))


def _may_be_single_page(element: HtmlElement, href: str, rel: frozenset[str]) -> bool:
    """Returns True if a link may lead to the view of an article on one page, or is a pager link."""
    if _is_pager_link(element, href, rel):
        return True
    text = _link_text(element)
    is_named = len(text) <= _MAX_LINK_TEXT_CHARACTERS and _SINGLE_TEXT_PATTERN.search(text) is not None
    return element.tag == "a" and (is_named or _is_single_url(href))


def _is_single_url(url: str) -> bool:
    """Returns True if the URL has the mark of an article on one page; False for a malformed URL."""
    # Nearly all URLs have no mark and need not be split.  Splitting removes unprintable characters, such as tabs.
    path, _, query = url.partition("#")[0].partition("?")
    may_have_mark = (
        _SINGLE_PATH_PATTERN.search(path[-_MAX_SINGLE_PATH_CHARACTERS:])
        or (query and _SINGLE_QUERY_PATTERN.search(query))
        or not url.isprintable()
    )
    if not may_have_mark:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(_SINGLE_QUERY_PATTERN.search(parts.query) or _SINGLE_PATH_PATTERN.search(parts.path))


def _is_among_comments(element: HtmlElement) -> bool:
    return any(
        regions(outer.tag, f"{outer.get('class', '')} {outer.get('id', '')}".strip(), "") & Region.COMMENTS
        for outer in islice(element.iterancestors(), _MAX_LINK_DEPTH)
        if outer.tag not in {"html", "body"}
    )


def _base_and_number(url: str) -> list[tuple[str, int]]:
    """Returns what the URL may mean: (identity of the article's URL, page number); the number is 0 without a mark."""
    parts = urlsplit(url)
    meanings = [(story_identity(url), 0)]
    for pattern in (_WORDED_PATH_PATTERN, _BARE_PATH_PATTERN):
        if match := pattern.search(parts.path):
            path = parts.path[: match.start()] + parts.path[match.end() :]
            if path.strip("/"):
                meanings.append((story_identity(parts._replace(path=path).geturl()), int(match[1])))
    if match := _WORDED_QUERY_PATTERN.search(parts.query) or _BARE_QUERY_PATTERN.search(parts.query):
        query = (parts.query[: match.start()] + parts.query[match.end() :]).strip("&")
        meanings.append((story_identity(parts._replace(query=query).geturl()), int(match[1])))
    return meanings


def _next_page(links: Sequence[_Link], url: str) -> str | None:
    """Returns the URL of the next page: the same address with the next page number."""
    own = dict(_base_and_number(url))
    for link in sorted(links, key=lambda link: "next" not in link.rel):
        is_marked_next = "next" in link.rel or _NEXT_TEXT_PATTERN.fullmatch(link.text) is not None
        if not (is_marked_next or _PAGE_NUMBER_TEXT_PATTERN.fullmatch(link.text)):
            continue
        for base, number in _base_and_number(link.url):
            if base not in own:
                continue
            is_following = number == max(1, own[base]) + 1
            # Some sites count from zero: their second page is "?page=1".
            if (is_marked_next and (is_following or number == own[base] + 1)) or (
                is_following and int(link.text) == number
            ):
                return link.url
        if "next" in link.rel and _extends_url(link.url, url):
            return link.url
    return None


def _extends_url(url: str, page_url: str) -> bool:
    """Returns True if ``url`` has the path of ``page_url`` and more behind it: "/story/part-two" for "/story"."""
    path, page_path = urlsplit(url).path.rstrip("/"), urlsplit(page_url).path.rstrip("/")
    return bool(page_path.strip("/")) and path.startswith(page_path + "/")


def _first_page(links: Sequence[_Link], url: str) -> str | None:
    """Returns the URL of the article's first page if the page at ``url`` is a later one and links to the first."""
    bases = {base: number for base, number in _base_and_number(url) if number >= 1}
    if not bases:
        return None
    for link in links:
        is_marked = link.rel & {"canonical", "prev"} or link.text == "1"
        for base, number in _base_and_number(link.url) if is_marked else ():
            if base in bases and number in {0, 1} and number < bases[base]:
                return link.url
    return None


def _single_page(links: Sequence[_Link], url: str) -> str | None:
    """Returns the URL of the article on one page: by the text of a link, else by a mark in its URL."""
    bases = {base for base, _ in _base_and_number(url)}
    own_path = urlsplit(url).path.rstrip("/")
    marked = []
    for link in links:
        parts = urlsplit(link.url)
        query = _SINGLE_QUERY_PATTERN.sub("", parts.query).strip("&")
        path = _SINGLE_PATH_PATTERN.sub("", parts.path)
        is_same_article = story_identity(parts._replace(path=path, query=query).geturl()) in bases
        if _SINGLE_TEXT_PATTERN.search(link.text) and (is_same_article or parts.path.startswith(own_path)):
            if link.url != url:
                return link.url
        elif is_same_article and (path, query) != (parts.path, parts.query):
            marked.append(link.url)
    # A view for printing may lack boxes of the text, so it comes last.
    return min(marked, key=lambda marked_url: "print" in marked_url, default=None)
