"""Reads an article from the page that a candidate led to: from its canonical page, and from all pages it is split over.

The further pages are requested through a function of the crawl, so they obey the same robots.txt, delays and limits.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from monitor.errors import ExtractionError, FetchError
from monitor.extract.article_pages import has_page_word, is_later_page
from monitor.extract.blocks import comparison_key
from monitor.failures import FailureKind
from monitor.models import Article, NotArticle
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from monitor.models import Page

#: Fetches a page that another page of the same article names.  Raises FetchError.
FetchLinkedPage: TypeAlias = "Callable[[str], Awaitable[Page]]"
ExtractPage: TypeAlias = "Callable[[Page], Awaitable[Article | NotArticle]]"

MAX_ARTICLE_PAGES = 20  # pages that are joined; the text of a longer article is flagged "truncated"
MAX_ARTICLE_BYTES = 20_000_000  # of all its pages, decompressed
_MIN_COMPARED_CHARACTERS = 25  # of a paragraph; a shorter one may be repeated in a text


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadArticle:
    """An article with the text of all its pages."""

    page: Page  # its first page
    article: Article
    further_ids: tuple[str, ...] = ()  # ids of further URLs of it, which are no stories of their own
    is_incomplete: bool = False  # a page of it could not be read, and may be later


class ArticleReader:
    """Reads the further pages of one article."""

    def __init__(self, fetch: FetchLinkedPage, extract: ExtractPage) -> None:
        self._fetch = fetch
        self._extract = extract

    async def read_article(self, url: str) -> tuple[Page, Article] | None:
        """Fetches and extracts the page at a URL; returns None if it has no article or could not be read."""
        try:
            return await self.fetch_article(url)
        except FetchError:
            return None

    async def fetch_article(self, url: str) -> tuple[Page, Article] | None:
        """Fetches and extracts the page at a URL; returns None if no article is found in it.  Raises FetchError."""
        page = await self._fetch(url)
        try:
            article = await self._extract(page)
        except ExtractionError:
            return None
        return (page.without_body(), article) if isinstance(article, Article) else None

    async def landed_url(self, url: str) -> str | None:
        """Returns the URL to which a URL leads, ``url`` itself if that cannot be told now; None if the page is gone."""
        try:
            return (await self._fetch(url)).url
        except FetchError as error:
            return None if error.kind in {FailureKind.HTTP_404, FailureKind.HTTP_410} else url

    async def read_from_first_page(self, page: Page, article: Article) -> tuple[Page, Article]:
        """Returns the article's first page if ``page`` is a later one, else ``page`` itself.

        Raises FetchError if the first page cannot be read now but may be later.
        """
        if article.first_page is None or story_id(article.first_page) == story_id(page.url):
            return page, article
        try:
            first_page = await self._fetch(article.first_page)
            first = await self._extract(first_page)
            first_page = first_page.without_body()
        except FetchError as error:
            if not error.kind.permanent:
                raise
            return page, article
        if isinstance(first, Article) and is_page_of(page.url, article, first_page.url, first.title):
            return first_page, first
        return page, article

    async def read_all_pages(self, page: Page, article: Article) -> ReadArticle:
        """Returns the article with the text of its further pages, preferably from a view that has all on one page."""
        if article.single_page is not None:
            complete = await self.read_article(article.single_page)
            if complete is not None and await asyncio.to_thread(contains_text_of, complete[1], article):
                merged = replace(
                    complete[1], canonical_url=article.canonical_url, title=article.title or complete[1].title
                )
                further = (article.single_page, complete[0].url, article.next_page or "")
                return ReadArticle(page=page, article=merged, further_ids=_ids(further, page))
        return await self._join_pages(page, article)

    async def _join_pages(self, page: Page, article: Article) -> ReadArticle:
        """Follows the links to the next page, up to MAX_ARTICLE_PAGES and MAX_ARTICLE_BYTES."""
        if article.next_page is None:
            return ReadArticle(page=page, article=article)
        joined = await asyncio.to_thread(_JoinedText, article)  # a long text would block the event loop for seconds
        seen = {story_id(page.url)}
        next_url: str | None = article.next_page
        further, size, is_incomplete, is_cut = list[str](), page.size, False, False
        while next_url is not None and story_id(next_url) not in seen and is_later_page(next_url, page.url):
            if len(seen) >= MAX_ARTICLE_PAGES or size >= MAX_ARTICLE_BYTES:
                is_cut = True
                break
            seen.add(story_id(next_url))
            part = await self.read_article(next_url)
            if part is None:
                is_incomplete = True
                break
            part_page, part_article = part
            if not is_page_of(next_url, part_article, page.url, article.title):
                break
            if not await asyncio.to_thread(joined.add, part_article):
                break
            further += [next_url, part_page.url]
            size += part_page.size
            next_url = part_article.next_page
        complete = joined.article()
        if is_incomplete or is_cut:
            complete = replace(complete, flags=(*(flag for flag in complete.flags if flag != "truncated"), "truncated"))
        return ReadArticle(page=page, article=complete, further_ids=_ids(further, page), is_incomplete=is_incomplete)


class _JoinedText:
    """The text of an article's pages, without the paragraphs that a later page repeats (its lead, an appeal)."""

    def __init__(self, first: Article) -> None:
        self._first = first
        self._paragraphs = first.text.split("\n\n")
        self._flags = dict.fromkeys(first.flags)
        self._seen = {comparison_key(paragraph) for paragraph in self._paragraphs}

    def add(self, part: Article) -> bool:
        """Appends the text of the next page; returns False if it has none that is new."""
        new = []
        for paragraph in part.text.split("\n\n"):
            key = comparison_key(paragraph)
            if len(key) < _MIN_COMPARED_CHARACTERS or key not in self._seen:
                new.append(paragraph)
                self._seen.add(key)
        if not any(len(paragraph) >= _MIN_COMPARED_CHARACTERS for paragraph in new):
            return False
        self._paragraphs += new
        self._flags.update(dict.fromkeys(part.flags))
        return True

    def article(self) -> Article:
        return replace(self._first, text="\n\n".join(self._paragraphs), flags=tuple(self._flags))


def _ids(urls: tuple[str, ...] | list[str], page: Page) -> tuple[str, ...]:
    """Returns the distinct story ids of the URLs, without empty ones and that of the page."""
    return tuple({story_id(url) for url in urls if url} - {story_id(page.url)})


def is_page_of(url: str, article: Article, first_url: str, first_title: str) -> bool:
    """Returns True if the page at ``url`` belongs to the article of this title that begins at ``first_url``.

    It has the first page's address with a page number.  Stories are numbered like pages too, so the page must have the
    first one's title unless its address says that the number is that of a page.
    """
    title, first = comparison_key(article.title), comparison_key(first_title)
    is_same_title = bool(title and first) and (title.startswith(first) or first.startswith(title))
    return is_later_page(url, first_url) and (is_same_title or has_page_word(url))


def contains_text_of(complete: Article, part: Article) -> bool:
    """Returns True if the text of ``complete`` is longer and has most paragraphs of ``part``."""
    keys, complete_keys = _paragraph_keys(part), _paragraph_keys(complete)
    return len(complete.text) > len(part.text) and 2 * len(keys & complete_keys) > len(keys)


def _paragraph_keys(article: Article) -> set[str]:
    keys = map(comparison_key, article.text.split("\n\n"))
    return {key for key in keys if len(key) >= _MIN_COMPARED_CHARACTERS}
