"""An outlet's feeds, sitemaps and sections: which there are, and what each offers now."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.discovery import feed, section, sitemap
from monitor.errors import FetchError
from monitor.models import SourceState, now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.discovery.parsed_source import ParsedSource
    from monitor.models import Page

    Parse = Callable[[str, Page, Outlet, datetime], ParsedSource]

log = logging.getLogger(__name__)

UNCONDITIONAL_AFTER = timedelta(hours=12)  # a source is fetched whole at least so often: some servers answer false 304s
MAX_CHILD_SITEMAPS = 5  # sitemaps of an index that are read in one poll, the freshest
MAX_SITEMAP_DEPTH = 3  # of indices that name indices


@dataclass(frozen=True, slots=True)
class Source:
    kind: str  # feed, sitemap or section
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceResult:
    """What one source answered: ``listing`` is None where it failed or has not changed."""

    source: Source
    state: SourceState
    parsed: ParsedSource | None = None
    error: FetchError | None = None
    fresh_for: timedelta = timedelta(0)
    moved: str = ""  # the source's new address, where its server says that it is for good


def configured(outlet: Outlet) -> tuple[Source, ...]:
    """The sources that monitor.yaml names."""
    named = (("feed", outlet.feeds), ("sitemap", outlet.sitemaps), ("section", outlet.sections))
    return tuple(Source(kind, url) for kind, urls in named for url in urls)


def parse_source(kind: str, page: Page, outlet: Outlet, since: datetime) -> ParsedSource:
    """The candidates on a source's page.  Raises FetchError where it is not what it should be."""
    if kind == "feed":
        return feed.parse_feed(page.body, url=page.url, outlet=outlet.name, charset=page.encoding)
    if kind == "sitemap":
        return sitemap.parse_sitemap(page.body, url=page.url, outlet=outlet.name, since=since, charset=page.encoding)
    return section.parse_section(page.body, url=page.url, outlet=outlet, charset=page.encoding)


async def read_source(
    source: Source,
    known: Mapping[str, SourceState],
    *,
    outlet: Outlet,
    fetcher: Fetcher,
    since: datetime,
    parse: Parse = parse_source,
) -> list[SourceResult]:
    """Asks a source and the sitemaps it names if it is an index of them, conditionally where they answered before.

    ``known`` is what they answered, by their addresses.
    """

    async def ask(source: Source) -> SourceResult:
        before = known.get(source.url) or SourceState(kind=source.kind)
        stale = before.fetched_at is None or now() - before.fetched_at > UNCONDITIONAL_AFTER
        engine = outlet.render if source.kind == "section" and outlet.render != "auto" else "none"
        whole = stale or before.failures or engine != "none"
        etag, last_modified = (None, None) if whole else (before.etag, before.last_modified)
        try:
            fetched = await fetcher.source(
                outlet,
                source.url,
                etag=etag,
                last_modified=last_modified,
                engine=engine,
                sitemap=source.kind == "sitemap",
            )
            page = fetched.page
            if page is None:
                return SourceResult(source=source, state=before, fresh_for=fetched.fresh_for)
            found = await parsed(source, page)
            if source.kind == "section" and outlet.render == "auto" and not found.candidates:
                page, found = await rendered(source, page, found)
        except FetchError as error:
            failed = replace(before, failures=before.failures + 1, error=error.message, etag=None, last_modified=None)
            return SourceResult(source=source, state=failed, error=error)
        state = SourceState(
            kind=source.kind, etag=page.etag, last_modified=page.last_modified, fetched_at=page.fetched_at
        )
        fresh_for = max(fetched.fresh_for, found.ttl or timedelta(0))
        return SourceResult(source=source, state=state, parsed=found, fresh_for=fresh_for, moved=fetched.moved)

    async def rendered(source: Source, page: Page, found: ParsedSource) -> tuple[Page, ParsedSource]:
        """The section by the first engine that finds stories in it, as it was where none does."""
        for engine in fetcher.engines():
            fetched = await fetcher.source(outlet, source.url, engine=engine)
            if fetched.page is None:
                continue
            again = await parsed(source, fetched.page)
            if again.candidates:
                return replace(fetched.page, etag=None, last_modified=None), again
        return page, found

    async def parsed(source: Source, page: Page) -> ParsedSource:
        try:
            return await asyncio.to_thread(parse, source.kind, page, outlet, since)
        except FetchError:
            raise
        except Exception as error:  # a fault in reading one source must not cost the outlet's others
            log.exception("%s: %s %s cannot be read", outlet.name, source.kind, source.url)
            raise FetchError(f"reading it broke: {error!r}", kind="malformed") from error

    level, answers, asked = [source], list[SourceResult](), set[str]()
    for _ in range(MAX_SITEMAP_DEPTH):
        replies = [await ask(each) for each in level]
        asked.update(each.url for each in level)
        answers += [_always(reply) for reply in replies]
        children = [child for reply in replies if reply.parsed for child in reply.parsed.children if child.fresh]
        named = dict.fromkeys(child.url for child in children if child.url not in asked)
        level = [Source("sitemap", url) for url in named][:MAX_CHILD_SITEMAPS]
    return answers


def _always(answer: SourceResult) -> SourceResult:
    """An index may stay the same while its sitemaps change: it is always read."""
    if answer.parsed is None or not answer.parsed.children:
        return answer
    return replace(answer, state=replace(answer.state, etag=None, last_modified=None))
