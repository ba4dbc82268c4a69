"""An outlet's feeds, sitemaps and sections: which there are, and what each offers now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.discovery import feed, section, sitemap
from monitor.errors import FetchError
from monitor.models import SourceState, now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.discovery.listing import Listing
    from monitor.models import Page

    Parse = Callable[[str, Page, Outlet, datetime], Listing]

UNCONDITIONAL = timedelta(hours=12)  # a source is fetched whole at least so often: some servers answer false 304s
CHILDREN = 5  # sitemaps of an index that are read in one poll, the freshest


@dataclass(frozen=True, slots=True)
class Source:
    kind: str  # feed, sitemap or section
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one source answered: ``listing`` is None where it failed or has not changed."""

    source: Source
    state: SourceState
    listing: Listing | None = None
    error: FetchError | None = None
    fresh_for: timedelta = timedelta(0)


def configured(outlet: Outlet) -> tuple[Source, ...]:
    """The sources that monitor.yaml names."""
    named = (("feed", outlet.feeds), ("sitemap", outlet.sitemaps), ("section", outlet.sections))
    return tuple(Source(kind, url) for kind, urls in named for url in urls)


def listing(kind: str, page: Page, outlet: Outlet, since: datetime) -> Listing:
    """The candidates on a source's page.  Raises FetchError where it is not what it should be."""
    if kind == "feed":
        return feed.read(page.body, url=page.url, outlet=outlet.name, charset=page.encoding)
    if kind == "sitemap":
        return sitemap.read(page.body, url=page.url, outlet=outlet.name, since=since, charset=page.encoding)
    return section.read(page.body, url=page.url, outlet=outlet, charset=page.encoding)


async def read(
    source: Source,
    known: SourceState | None,
    *,
    outlet: Outlet,
    fetcher: Fetcher,
    since: datetime,
    parse: Parse = listing,
) -> list[Answer]:
    """Asks a source, conditionally where it answered before, and the sitemaps it names if it is an index of them."""

    async def ask(source: Source, known: SourceState) -> Answer:
        stale = known.fetched_at is None or now() - known.fetched_at > UNCONDITIONAL
        engine = outlet.render if source.kind == "section" and outlet.render != "auto" else "none"
        whole = stale or known.failures or engine != "none"
        etag, last_modified = (None, None) if whole else (known.etag, known.last_modified)
        try:
            fetched = await fetcher.source(outlet, source.url, etag=etag, last_modified=last_modified, engine=engine)
            page = fetched.page
            if page is None:
                return Answer(source=source, state=known, fresh_for=fetched.fresh_for)
            found = await asyncio.to_thread(parse, source.kind, page, outlet, since)
            if source.kind == "section" and outlet.render == "auto" and not found.candidates:
                page, found = await rendered(source, page, found)
        except FetchError as error:
            failed = replace(known, failures=known.failures + 1, error=error.message, etag=None, last_modified=None)
            return Answer(source=source, state=failed, error=error)
        state = SourceState(
            kind=source.kind, etag=page.etag, last_modified=page.last_modified, fetched_at=page.fetched_at
        )
        fresh_for = max(fetched.fresh_for, found.ttl or timedelta(0))
        return Answer(source=source, state=state, listing=found, fresh_for=fresh_for)

    async def rendered(source: Source, page: Page, found: Listing) -> tuple[Page, Listing]:
        """The section by the first engine that finds stories in it, as it was where none does."""
        for engine in fetcher.engines():
            fetched = await fetcher.source(outlet, source.url, engine=engine)
            if fetched.page is None:
                continue
            again = await asyncio.to_thread(parse, source.kind, fetched.page, outlet, since)
            if again.candidates:
                return replace(fetched.page, etag=None, last_modified=None), again
        return page, found

    answer = await ask(source, known or SourceState(kind=source.kind))
    if answer.listing is None or not answer.listing.children:
        return [answer]
    # An index may stay the same while its sitemaps change: it is always read.
    index = replace(answer, state=replace(answer.state, etag=None, last_modified=None))
    children = [child for child in answer.listing.children if child.fresh][:CHILDREN]
    return [index, *[await ask(Source("sitemap", child.url), SourceState(kind="sitemap")) for child in children]]
