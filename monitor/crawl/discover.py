"""Discovers a site's feeds, sitemaps and sections from its home page, robots.txt and commonly used URLs."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from monitor.config.access import SITE_RIGHTS
from monitor.crawl.budgeted_fetch import fetched_source
from monitor.crawl.document_parsers import parse_document
from monitor.crawl.sources import Source, SourceResult, read_source
from monitor.discovery import autodiscovery
from monitor.discovery.feed_head import feed_head, is_feed
from monitor.discovery.filter_candidates import filter_candidates
from monitor.egress.own_sites import OwnSites
from monitor.errors import FetchError, drop_frames
from monitor.failures import FailureKind
from monitor.models import Page, SourceDiscovery
from monitor.rendering.auto import reason_to_render
from monitor.retry_policy import OWN_OUTAGE_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.discovery.publishers import Publishers
    from monitor.models import Candidate, OutletState

DISCOVERY_LIFETIME = timedelta(days=7)  # age at which an outlet's discovered sources are discovered again
FAILED_DISCOVERY_LIFETIME = timedelta(hours=6)  # the same age for a failing outlet, which may have moved its feed
MAX_PROBED_URLS_PER_KIND = 12  # URLs requested in one discovery for each source kind
MAX_SAMPLE_PAGES = 2  # stories that are fetched to see how the site's pages are made
MAX_POLLED_FEEDS, MAX_POLLED_SITEMAPS, MAX_POLLED_SECTIONS = 5, 3, 5  # for an outlet that configures no source


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscoveredSources:
    """The feeds and sitemaps of a site that could be read, and the sections that its home page links.

    ``story_counts`` maps the URL of each source that was read to the number of the outlet's recent stories in it.
    """

    url: str
    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    story_counts: dict[str, int]

    def sources_to_poll(self, outlet: Outlet) -> tuple[Source, ...]:
        """Returns the sources to poll for an outlet that configures none.

        These are the feeds and sitemaps with recent stories.  If no feed or sitemap has one, they are the first feed,
        the home page and its sections.
        """
        feeds = [Source("feed", url) for url in self.feeds if self.story_counts[url]][:MAX_POLLED_FEEDS]
        quiet_feeds = [Source("feed", url) for url in self.feeds[:1]]  # a feed without recent stories may publish again
        sitemaps = [Source("sitemap", url) for url in self.sitemaps if self.story_counts[url]]
        active_sources = (*feeds, *sitemaps[: MAX_POLLED_SITEMAPS if not feeds else 1])
        sections = dict.fromkeys((outlet.url, *self.sections[:MAX_POLLED_SECTIONS]))
        return active_sources or (*quiet_feeds, *(Source("section", url) for url in sections))


async def discover_sources(
    outlet: Outlet,
    fetcher: Fetcher,
    *,
    since: datetime,
    known_feeds: tuple[str, ...] = (),
    deadline: float = math.inf,
) -> DiscoveredSources:
    """Returns ``known_feeds`` and the sources that the home page and robots.txt announce, as far as they can be read.

    If no announced feed can be read, requests commonly used feed URLs; likewise for sitemaps.  Past ``deadline``, a
    time of `time.monotonic`, requests no further feed or sitemap.  Raises FetchError when the home page cannot be
    fetched and no feed or sitemap can be read, or the monitor's own network is down.
    """
    home_error: FetchError | None = None
    hints, own_feed = autodiscovery.DiscoveryHints(), known_feeds
    announced_sitemaps = await fetcher.robots_sitemaps(outlet)
    try:
        async with fetched_source(fetcher, outlet, outlet.url) as result:
            if result.page is not None:
                if is_feed(result.page.body):
                    own_feed = (outlet.url,)
                hints = await parse_document(
                    outlet.name,
                    autodiscovery.discovery_hints,
                    result.page.body,
                    url=result.page.url,
                    outlet=outlet,
                    robots=announced_sitemaps,
                    link_headers=result.link_headers,
                    charset=result.page.encoding,
                )
        del result  # its body
    except FetchError as error:
        if error.kind in OWN_OUTAGE_KINDS:
            raise
        drop_frames(error)
        home_error, hints = error, autodiscovery.DiscoveryHints(sitemaps=announced_sitemaps)
    common = autodiscovery.common_source_urls(outlet.url)
    probe = partial(recent_story_counts, outlet=outlet, fetcher=fetcher, since=since, deadline=deadline)
    # Announced URLs may not exist any more: a page template can still name a removed feed.
    feeds = await probe("feed", (*own_feed, *hints.feeds)) or await probe("feed", common.feeds)
    sitemaps = await probe("sitemap", hints.sitemaps) or await probe("sitemap", common.sitemaps)
    if home_error is not None and not feeds and not sitemaps:
        raise home_error
    return DiscoveredSources(
        url=outlet.url,
        feeds=tuple(feeds),
        sitemaps=tuple(sitemaps),
        sections=hints.sections,
        story_counts={**feeds, **sitemaps},
    )


async def resolve_feed_address(outlet: Outlet, fetcher: Fetcher) -> tuple[Outlet, tuple[str, ...]]:
    """Returns the outlet with the address of its site and, if its address is that of a feed, the feed.

    The site of a feed that names none is the root of its host.  One that is not the outlet's own gets none of its
    headers and credentials, which the feed would else lead to any site.  Raises FetchError if there is no such page
    (404, 410).
    """
    try:
        result = await fetcher.fetch_source(outlet, outlet.url)
    except FetchError as error:
        if error.kind in {FailureKind.HTTP_404, FailureKind.HTTP_410}:
            raise
        return outlet, ()
    if result.page is None or not is_feed(result.page.body):
        return outlet, ()
    head = await parse_document(outlet.name, feed_head, result.page.body, url=result.page.url)
    site = outlet.model_copy(update={"url": head.site or urljoin(outlet.url, "/")})
    return (site if site.url in OwnSites.of(outlet) else _without_access(site)), (outlet.url,)


def _without_access(outlet: Outlet) -> Outlet:
    """Returns the outlet without the headers, credentials and rights that are those of another site."""
    fields = type(outlet).model_fields
    return outlet.model_copy(update={key: fields[key].get_default(call_default_factory=True) for key in SITE_RIGHTS})


async def feed_title(outlet: Outlet, discovered: DiscoveredSources, fetcher: Fetcher) -> str:
    """Returns the title of the first feed to poll; empty if there is none, or it is generic, such as "RSS"."""
    feeds = [source.url for source in discovered.sources_to_poll(outlet) if source.kind == "feed"]
    with suppress(FetchError, IndexError):
        result = await fetcher.fetch_source(outlet, feeds[0])
        if result.page is not None:
            return (await parse_document(outlet.name, feed_head, result.page.body, url=result.page.url)).title
    return ""


async def with_section_story_counts(
    discovered: DiscoveredSources, outlet: Outlet, fetcher: Fetcher, *, since: datetime
) -> DiscoveredSources:
    """Returns ``discovered`` with story counts for the sections that would be polled, without unreadable ones."""
    sections = [source.url for source in discovered.sources_to_poll(outlet) if source.kind == "section"]
    section_counts = await recent_story_counts("section", sections, outlet=outlet, fetcher=fetcher, since=since)
    return replace(discovered, story_counts={**discovered.story_counts, **section_counts})


async def listed_stories(
    outlet: Outlet, discovered: DiscoveredSources, fetcher: Fetcher, *, since: datetime
) -> list[Candidate]:
    """Returns the recent stories of the feed with the most of them, else of such a sitemap or section."""
    for kind, urls in (
        ("feed", discovered.feeds),
        ("sitemap", discovered.sitemaps),
        ("section", (outlet.url, *discovered.sections)),
    ):
        best = max(urls, key=lambda url: discovered.story_counts.get(url, 0), default=None)
        if best is not None and discovered.story_counts.get(best):
            results = await read_source(Source(kind, best), {}, outlet=outlet, fetcher=fetcher, since=since)
            return [
                candidate
                for result in results
                for candidate in _recent_candidates(result, outlet, since, fetcher.publishers)
            ]
    return []


async def fetch_samples(
    outlet: Outlet, listed: Sequence[Candidate], fetcher: Fetcher
) -> dict[str, Page | FetchError | None]:
    """Fetches MAX_SAMPLE_PAGES of the listed stories, or the home page if none is listed, without rendering.

    Returns the page or the failure by URL; None if no page arrived.
    """
    plain = outlet.model_copy(update={"render": "none"})
    samples: dict[str, Page | FetchError | None] = {}
    for address in [candidate.url for candidate in listed[:MAX_SAMPLE_PAGES]] or [outlet.url]:
        try:
            samples[address] = await fetcher.fetch_page(plain, address)
        except FetchError as error:
            drop_frames(error)
            samples[address] = error
    return samples


async def rendering_reason(samples: Iterable[Page | FetchError | None]) -> str | None:
    """Returns why all sample pages need a rendering engine; None if one does not or none was fetched."""
    reasons = [await asyncio.to_thread(reason_to_render, page) for page in samples if isinstance(page, Page)]
    return reasons[0] if reasons and all(reasons) else None


async def recent_story_counts(
    kind: str,
    addresses: Iterable[str],
    *,
    outlet: Outlet,
    fetcher: Fetcher,
    since: datetime,
    deadline: float = math.inf,
) -> dict[str, int]:
    """Returns the URL of each source that can be read, with the number of the outlet's recent stories in it.

    Requests the first MAX_PROBED_URLS_PER_KIND of ``addresses``, and none past ``deadline``.
    """
    story_counts: dict[str, int] = {}
    for address in list(dict.fromkeys(addresses))[:MAX_PROBED_URLS_PER_KIND]:
        if monotonic() >= deadline:
            break
        results = await read_source(
            Source(kind, address), {}, outlet=outlet, fetcher=fetcher, since=since, deadline=deadline
        )
        if results[0].error is None:
            story_counts[address] = sum(
                len(_recent_candidates(result, outlet, since, fetcher.publishers)) for result in results
            )
    return story_counts


def _recent_candidates(
    result: SourceResult, outlet: Outlet, since: datetime, publishers: Publishers
) -> Sequence[Candidate]:
    """Returns the candidates that a poll would keep from the source; none if it was not parsed."""
    if result.parsed is None:
        return ()
    lists_stories = result.parsed.lists_stories(result.source.kind)
    filtered = filter_candidates(
        result.parsed.candidates, outlet=outlet, since=since, from_feed=lists_stories, publishers=publishers
    )
    return filtered.kept


def remembered_sources(state: OutletState, *, now: datetime) -> tuple[Source, ...]:
    """Returns the sources that an earlier poll discovered; empty if the state has none or they have expired."""
    discovery = state.memory.discovery
    lifetime = FAILED_DISCOVERY_LIFETIME if state.failures else DISCOVERY_LIFETIME
    if discovery is None or now - discovery.at > lifetime:
        return ()
    return tuple(Source(kind, url) for kind, url in discovery.sources)


def remember_sources(state: OutletState, sources: tuple[Source, ...], *, now: datetime) -> OutletState:
    """Returns a copy of the outlet's state that stores the discovered sources with the time of discovery, ``now``."""
    discovery = SourceDiscovery(at=now, sources=tuple((source.kind, source.url) for source in sources))
    return replace(state, memory=replace(state.memory, discovery=discovery))
