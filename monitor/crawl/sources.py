"""Fetches an outlet's feeds, sitemaps and sections and parses their candidates."""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from monitor.crawl.budgeted_fetch import fetched_source
from monitor.crawl.document_parsers import parse_document
from monitor.crawl.own_faults import is_own_fault, own_fault_message
from monitor.discovery import feed, section, sitemap
from monitor.discovery.document_kind import document_kind
from monitor.discovery.feed_links import absolute_url, links_of_relation
from monitor.discovery.hubs import topic_url
from monitor.discovery.markup import MAX_UNPACKED_BYTES, decompress_gzip
from monitor.discovery.skip_reasons import SkipReason
from monitor.errors import FetchError, drop_frames
from monitor.failures import FailureKind
from monitor.models import SourceState, now
from monitor.retry_policy import OWN_OUTAGE_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher, FetchResult
    from monitor.discovery.parsed_source import ParsedSource
    from monitor.models import Page

    SourceParser = Callable[[str, Page, Outlet, datetime], ParsedSource]

log = logging.getLogger(__name__)

# A source last fetched in full longer ago is requested unconditionally, because some servers send false 304s.
MAX_CONDITIONAL_PERIOD = timedelta(hours=12)
MAX_CHILD_SITEMAPS_PER_LEVEL = 5  # sitemaps read on each level below a sitemap index, in one poll
MAX_SITEMAP_LEVELS = 3  # levels read of nested sitemap indexes, with the first index as level 1


@dataclass(frozen=True, slots=True)
class Source:
    """A feed, sitemap or section page of an outlet."""

    kind: str  # feed, sitemap or section
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceResult:
    """The result of reading one source; ``parsed`` is None if reading failed or the source has not changed (304)."""

    source: Source
    state: SourceState  # the source's validators and failures, for the next poll
    parsed: ParsedSource | None = None
    error: FetchError | None = None
    freshness_lifetime: timedelta = timedelta(0)  # the longer of Cache-Control max-age and the feed's ttl
    moved_to: str = ""  # target URL if all redirects were permanent; else empty
    hub: str = ""  # URL of the WebSub hub that the source names; empty if it names none
    topic: str = ""  # the URL under which the hub knows the source


def configured_sources(outlet: Outlet) -> tuple[Source, ...]:
    """Returns the feeds, sitemaps and sections that monitor.yaml names for the outlet; may be empty."""
    urls_by_kind = (("feed", outlet.feeds), ("sitemap", outlet.sitemaps), ("section", outlet.sections))
    return tuple(Source(kind, url) for kind, urls in urls_by_kind for url in urls)


def parse_source(kind: str, page: Page, outlet: Outlet, since: datetime) -> ParsedSource:
    """Returns the candidates in the page of a source of this kind.  Raises FetchError if the page is not of the kind.

    A feed that is configured as a sitemap is parsed as a feed, and the other way round.  ``since`` is the earliest date
    of entries that the sitemap parser keeps.
    """
    if kind == "section":
        return section.parse_section(page.body, url=page.url, outlet=outlet, charset=page.encoding)
    body = decompress_gzip(page.body)
    if (document_kind(body) or kind) == "feed":
        return feed.parse_feed(
            body, url=page.url, outlet=outlet.name, charset=page.encoding, country=outlet.effective_country
        )
    return sitemap.parse_sitemap(
        body, url=page.url, outlet=outlet.name, since=since, charset=page.encoding, country=outlet.effective_country
    )


async def read_source(
    source: Source,
    states: Mapping[str, SourceState],
    *,
    outlet: Outlet,
    fetcher: Fetcher,
    since: datetime,
    parse: SourceParser = parse_source,
    deadline: float = math.inf,
) -> list[SourceResult]:
    """Fetches and parses a source; for a sitemap index also the sitemaps in it.  Returns a result for each.

    Past ``deadline``, a time of `time.monotonic`, starts no request for a sitemap that an index names.
    ``states`` maps source URLs to their states of earlier polls, whose validators make requests conditional.  The
    result of a source that cannot be read has ``error`` set.
    """

    async def read(source: Source) -> SourceResult:
        """Fetches and parses one source, without the sitemaps that it names."""
        state = states.get(source.url) or SourceState(kind=source.kind)
        engine = outlet.render if source.kind == "section" and outlet.render != "auto" else "none"
        etag, last_modified = _validators(state) if engine == "none" else (None, None)
        try:
            result, parsed = await fetch_and_parse(source, engine, etag=etag, last_modified=last_modified)
            if parsed is None:
                return SourceResult(source=source, state=state, freshness_lifetime=result.freshness_lifetime)
            if source.kind == "section" and outlet.render == "auto" and not parsed.candidates:
                result, parsed = await render_section(source, result, parsed)
        except FetchError as error:
            drop_frames(error)
            if error.kind in OWN_OUTAGE_KINDS:
                return SourceResult(source=source, state=state, error=error)
            failed_state = replace(
                state, failures=state.failures + 1, error=error.message, etag=None, last_modified=None
            )
            return SourceResult(source=source, state=failed_state, error=error)
        page = result.page
        assert page is not None, "it is parsed"
        if page.is_truncated:
            parsed = replace(parsed, is_complete=False)
        read_state = SourceState(
            kind=source.kind,
            etag=page.etag,
            last_modified=page.last_modified,
            fetched_at=page.fetched_at,
            error=parsed.losses,
            entry_count=parsed.offered,
            skipped={reason.value: number for reason, number in parsed.skipped.items() if number},
        )
        if not parsed.is_complete:  # a conditional request would be answered with 304 and never show the rest
            read_state = replace(read_state, etag=None, last_modified=None)
        return SourceResult(
            source=source,
            state=read_state,
            parsed=parsed,
            hub=_first_hub(result.link_headers, parsed, page.url),
            topic=_topic(result.link_headers, parsed, page.url),
            freshness_lifetime=max(result.freshness_lifetime, parsed.ttl or timedelta(0)),
            moved_to=result.moved_to,
        )

    async def fetch_and_parse(
        source: Source, engine: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> tuple[FetchResult, ParsedSource | None]:
        """Returns the source, without its body, and what it lists; None after 304 Not Modified."""
        largest = MAX_UNPACKED_BYTES if source.kind == "sitemap" else 0
        async with fetched_source(
            fetcher, outlet, source.url, etag=etag, last_modified=last_modified, engine=engine, largest=largest
        ) as result:
            if result.page is None:
                return result, None
            parsed = await _parse_page(parse, source, result.page, outlet=outlet, since=since)
            return replace(result, page=replace(result.page, body=b"")), parsed

    async def render_section(
        source: Source, plain: FetchResult, plain_parsed: ParsedSource
    ) -> tuple[FetchResult, ParsedSource]:
        """Returns the section as rendered by the first engine that yields candidates, else the unrendered one."""
        for engine in fetcher.available_engines():
            rendered, parsed = await fetch_and_parse(source, engine)
            if parsed is not None and parsed.candidates:
                return replace(plain, page=rendered.page), parsed
        return plain, plain_parsed

    level, results, requested = [source], list[SourceResult](), set[str]()
    for _ in range(MAX_SITEMAP_LEVELS):
        level_results = []
        for level_source in level:
            if level_source is not source and monotonic() >= deadline:
                break
            requested.add(level_source.url)
            level_results.append(await read(level_source))
        children = [child for result in level_results if result.parsed for child in result.parsed.child_sitemaps]
        child_urls = dict.fromkeys(child.url for child in children if child.is_fresh and child.url not in requested)
        level = [Source("sitemap", url) for url in child_urls][:MAX_CHILD_SITEMAPS_PER_LEVEL]
        results += level_results
    return [_index_result(result, requested) for result in results]


def _first_hub(link_headers: Iterable[str], parsed: ParsedSource, url: str) -> str:
    """Returns the URL of the first hub that the source at ``url`` names; Link headers precede the document.

    All hubs of a feed send the same pushes.
    """
    header_hubs = (absolute_url(url, link) for link in links_of_relation(link_headers, "hub"))
    return next(filter(None, (*header_hubs, *parsed.hubs)), "")


def _topic(link_headers: Iterable[str], parsed: ParsedSource, url: str) -> str:
    """Returns the URL that the source at ``url`` gives itself; Link headers precede the document."""
    header_topics = (topic_url(url, link) for link in links_of_relation(link_headers, "self"))
    return next(filter(None, (*header_topics, parsed.self_url)), url)


def _validators(state: SourceState) -> tuple[str | None, str | None]:
    """Returns the ETag and Last-Modified for a conditional request; None for both if it must be unconditional."""
    is_stale = state.fetched_at is None or now() - state.fetched_at > MAX_CONDITIONAL_PERIOD
    return (None, None) if is_stale or state.failures else (state.etag, state.last_modified)


async def _parse_page(
    parse: SourceParser, source: Source, page: Page, *, outlet: Outlet, since: datetime
) -> ParsedSource:
    """Parses a source's page in a process.  Raises FetchError for any failure."""
    try:
        # A method of a spider cannot be sent to a process; it runs in a thread.
        if getattr(parse, "__func__", None) is not None:
            return await asyncio.to_thread(parse, source.kind, page, outlet, since)
        return await parse_document(outlet.name, parse, source.kind, page, outlet, since)
    except FetchError:
        raise
    except Exception as error:  # a parser bug must not stop the outlet's other sources
        if isinstance(error, RuntimeError) and is_own_fault(error):  # no thread can be started
            raise FetchError(own_fault_message(error), kind=FailureKind.NO_RESOURCES) from error
        log.exception("%s: %s %s cannot be parsed", outlet.name, source.kind, source.url)
        raise FetchError(f"parsing it failed: {error!r}", kind=FailureKind.MALFORMED) from error


def _index_result(result: SourceResult, requested: Collection[str]) -> SourceResult:
    """Returns the result of a sitemap index without validators, and with the number of sitemaps that are not read.

    A sitemap index may stay the same while its sitemaps change, so it is never requested conditionally.  Returns any
    other result unchanged.
    """
    if result.parsed is None or not result.parsed.child_sitemaps:
        return result
    reason = SkipReason.SITEMAP_NOT_READ.value
    unread = sum(child.url not in requested for child in result.parsed.child_sitemaps)
    unread += result.state.skipped.get(reason, 0)
    skipped = {**result.state.skipped, **({reason: unread} if unread else {})}
    return replace(result, state=replace(result.state, etag=None, last_modified=None, skipped=skipped))
