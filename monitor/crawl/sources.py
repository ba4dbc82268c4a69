"""Fetches an outlet's feeds, sitemaps and sections and parses their candidates."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.discovery import feed, section, sitemap
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import SourceState, now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.discovery.parsed_source import ParsedSource
    from monitor.models import Page

    SourceParser = Callable[[str, Page, Outlet, datetime], ParsedSource]

log = logging.getLogger(__name__)

MAX_CONDITIONAL_PERIOD = timedelta(
    hours=12
)  # then a source is requested without validators: some servers send false 304s
MAX_CHILD_SITEMAPS_PER_LEVEL = 5  # of one sitemap index in one poll
MAX_SITEMAP_LEVELS = 3  # of sitemap indexes that name other indexes


@dataclass(frozen=True, slots=True)
class Source:
    kind: str  # feed, sitemap or section
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceResult:
    """The result of reading one source; ``parsed`` is None when it failed or has not changed."""

    source: Source
    state: SourceState  # for the next poll
    parsed: ParsedSource | None = None
    error: FetchError | None = None
    freshness_lifetime: timedelta = timedelta(0)
    moved_to: str = ""  # the target of a permanent redirect


def configured_sources(outlet: Outlet) -> tuple[Source, ...]:
    """Returns the sources that monitor.yaml names."""
    urls_by_kind = (("feed", outlet.feeds), ("sitemap", outlet.sitemaps), ("section", outlet.sections))
    return tuple(Source(kind, url) for kind, urls in urls_by_kind for url in urls)


def parse_source(kind: str, page: Page, outlet: Outlet, since: datetime) -> ParsedSource:
    """Returns the candidates on a source's page.  Raises FetchError when the page is not of that kind."""
    if kind == "feed":
        return feed.parse_feed(page.body, url=page.url, outlet=outlet.name, charset=page.encoding)
    if kind == "sitemap":
        return sitemap.parse_sitemap(page.body, url=page.url, outlet=outlet.name, since=since, charset=page.encoding)
    return section.parse_section(page.body, url=page.url, outlet=outlet, charset=page.encoding)


async def read_source(
    source: Source,
    states: Mapping[str, SourceState],
    *,
    outlet: Outlet,
    fetcher: Fetcher,
    since: datetime,
    parse: SourceParser = parse_source,
) -> list[SourceResult]:
    """Fetches and parses a source, and for a sitemap index the sitemaps it names.

    ``states`` maps addresses to the states of earlier polls; their validators make the requests conditional.
    """

    async def read(source: Source) -> SourceResult:
        state = states.get(source.url) or SourceState(kind=source.kind)
        stale = state.fetched_at is None or now() - state.fetched_at > MAX_CONDITIONAL_PERIOD
        engine = outlet.render if source.kind == "section" and outlet.render != "auto" else "none"
        unconditional = stale or state.failures or engine != "none"
        etag, last_modified = (None, None) if unconditional else (state.etag, state.last_modified)
        try:
            result = await fetcher.fetch_source(
                outlet,
                source.url,
                etag=etag,
                last_modified=last_modified,
                engine=engine,
                sitemap=source.kind == "sitemap",
            )
            page = result.page
            if page is None:
                return SourceResult(source=source, state=state, freshness_lifetime=result.freshness_lifetime)
            parsed = await parse_page(source, page)
            if source.kind == "section" and outlet.render == "auto" and not parsed.candidates:
                page, parsed = await render_section(source, page, parsed)
        except FetchError as error:
            failed_state = replace(
                state, failures=state.failures + 1, error=error.message, etag=None, last_modified=None
            )
            return SourceResult(source=source, state=failed_state, error=error)
        return SourceResult(
            source=source,
            state=SourceState(
                kind=source.kind, etag=page.etag, last_modified=page.last_modified, fetched_at=page.fetched_at
            ),
            parsed=parsed,
            freshness_lifetime=max(result.freshness_lifetime, parsed.ttl or timedelta(0)),
            moved_to=result.moved_to,
        )

    async def render_section(source: Source, plain_page: Page, plain_parsed: ParsedSource) -> tuple[Page, ParsedSource]:
        """Returns the section from the first engine that finds candidates in it, else the one fetched without."""
        for engine in fetcher.available_engines():
            result = await fetcher.fetch_source(outlet, source.url, engine=engine)
            if result.page is None:
                continue
            parsed = await parse_page(source, result.page)
            if parsed.candidates:
                return replace(result.page, etag=None, last_modified=None), parsed
        return plain_page, plain_parsed

    async def parse_page(source: Source, page: Page) -> ParsedSource:
        try:
            return await asyncio.to_thread(parse, source.kind, page, outlet, since)
        except FetchError:
            raise
        except Exception as error:  # a bug in parsing one source must not stop the outlet's others
            log.exception("%s: %s %s cannot be parsed", outlet.name, source.kind, source.url)
            raise FetchError(f"parsing it failed: {error!r}", kind=FailureKind.MALFORMED) from error

    level, results, requested = [source], list[SourceResult](), set[str]()
    for _ in range(MAX_SITEMAP_LEVELS):
        level_results = [await read(level_source) for level_source in level]
        requested.update(level_source.url for level_source in level)
        results += [_without_index_validators(result) for result in level_results]
        children = [child for result in level_results if result.parsed for child in result.parsed.child_sitemaps]
        child_urls = dict.fromkeys(child.url for child in children if child.is_fresh and child.url not in requested)
        level = [Source("sitemap", url) for url in child_urls][:MAX_CHILD_SITEMAPS_PER_LEVEL]
    return results


def _without_index_validators(result: SourceResult) -> SourceResult:
    """Drops a sitemap index's validators: it may stay the same while its sitemaps change, so it is always fetched."""
    if result.parsed is None or not result.parsed.child_sitemaps:
        return result
    return replace(result, state=replace(result.state, etag=None, last_modified=None))
