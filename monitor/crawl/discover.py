"""Finds where a site announces its stories, by asking."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from monitor.crawl.sources import Source, SourceResult, read_source
from monitor.discovery import autodiscovery
from monitor.discovery.filter_candidates import filter_candidates
from monitor.errors import FetchError
from monitor.models import from_rfc3339, rfc3339
from monitor.rendering.auto import needs_rendering

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.models import OutletState

DISCOVERY_LIFETIME = timedelta(days=7)
FAILED_DISCOVERY_LIFETIME = timedelta(hours=6)  # a site that moved its feed is looked through again
_DATA = re.compile(r"(?<!xhtml\+)xml|json")  # as a type of content
MAX_TRIED_ADDRESSES = 12  # addresses of one kind
FEEDS, SITEMAPS, SECTIONS = 5, 3, 5  # of an outlet that names none


@dataclass(frozen=True, kw_only=True, slots=True)
class Discovered:
    """What answered as it should.  ``stories`` counts, for each address, the recent own stories it lists."""

    url: str
    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    stories: dict[str, int]

    def chosen(self, outlet: Outlet) -> tuple[Source, ...]:
        """What to poll where the configuration names nothing: feeds and sitemaps, else home page and sections."""
        feeds = [Source("feed", url) for url in self.feeds if self.stories[url]][:FEEDS]
        quiet = [Source("feed", url) for url in self.feeds[:1]]  # it may speak again, or be forgotten: read both
        sitemaps = [Source("sitemap", url) for url in self.sitemaps if self.stories[url]]
        listed = (*feeds, *sitemaps[: SITEMAPS if not feeds else 1])
        pages = dict.fromkeys((outlet.url, *self.sections[:SECTIONS]))
        return listed or (*quiet, *(Source("section", url) for url in pages))


async def discover(outlet: Outlet, fetcher: Fetcher, *, since: datetime) -> Discovered:
    """Asks the home page, robots.txt and, where those announce nothing, the places sites commonly use.

    Raises FetchError where the home page itself cannot be had and nothing else answers.
    """
    problem: FetchError | None = None
    home, itself = autodiscovery.DiscoveryHints(), tuple[str, ...]()
    announced = await fetcher.announced(outlet)
    try:
        fetched = await fetcher.source(outlet, outlet.url)
        if fetched.page is not None:
            if _DATA.search(fetched.page.content_type):  # somebody gave the address of a feed
                itself = (outlet.url,)
            home = await asyncio.to_thread(
                autodiscovery.discovery_hints,
                fetched.page.body,
                url=fetched.page.url,
                outlet=outlet,
                robots=announced,
                charset=fetched.page.encoding,
            )
    except FetchError as error:
        problem, home = error, autodiscovery.DiscoveryHints(sitemaps=announced)
    common = autodiscovery.common_locations(outlet.url)
    tries = partial(_try, outlet=outlet, fetcher=fetcher, since=since)
    # What is announced may be gone: a template outlives its feed.
    feeds = await tries("feed", (*itself, *home.feeds)) or await tries("feed", common.feeds)
    sitemaps = await tries("sitemap", home.sitemaps) or await tries("sitemap", common.sitemaps)
    if problem is not None and not feeds and not sitemaps:
        raise problem
    return Discovered(
        url=outlet.url,
        feeds=tuple(feeds),
        sitemaps=tuple(sitemaps),
        sections=home.sections,
        stories={**feeds, **sitemaps},
    )


async def with_pages(found: Discovered, outlet: Outlet, fetcher: Fetcher, *, since: datetime) -> Discovered:
    """With the stories of the pages that would be polled too, where those can be read."""
    pages = [source.url for source in found.chosen(outlet) if source.kind == "section"]
    return replace(found, stories={**found.stories, **await _try("section", pages, outlet, fetcher, since)})


async def scripted(outlet: Outlet, found: Discovered, fetcher: Fetcher, *, since: datetime) -> str | None:
    """Why the site's stories have to be rendered, going by a story or two (or else its home page); None where not."""
    addresses = [outlet.url]
    for kind, listed in (("feed", found.feeds), ("sitemap", found.sitemaps)):
        best = max(listed, key=lambda address: found.stories.get(address, 0), default=None)
        if best is not None and found.stories.get(best):
            answers = await read_source(Source(kind, best), {}, outlet=outlet, fetcher=fetcher, since=since)
            listings = [answer.parsed for answer in answers if answer.parsed is not None]
            addresses = [candidate.url for listing in listings for candidate in listing.candidates][:2]
            break
    reasons = []
    for address in addresses:
        with suppress(FetchError):
            page = await fetcher.page(outlet.model_copy(update={"render": "none"}), address)
            if page is not None:
                reasons.append(await asyncio.to_thread(needs_rendering, page))
    return reasons[0] if reasons and all(reasons) else None


async def _try(
    kind: str, addresses: Iterable[str], outlet: Outlet, fetcher: Fetcher, since: datetime
) -> dict[str, int]:
    """Those that can be read, with the number of recent own stories each lists."""
    found: dict[str, int] = {}
    for address in list(dict.fromkeys(addresses))[:MAX_TRIED_ADDRESSES]:
        answers = await read_source(Source(kind, address), {}, outlet=outlet, fetcher=fetcher, since=since)
        if answers[0].error is None:
            found[address] = sum(_stories(answer, outlet, since) for answer in answers)
    return found


def _stories(answer: SourceResult, outlet: Outlet, since: datetime) -> int:
    if answer.parsed is None:
        return 0
    feed = answer.source.kind == "feed" or answer.parsed.news
    return len(filter_candidates(answer.parsed.candidates, outlet=outlet, since=since, feed=feed).kept)


def remembered(state: OutletState, *, now: datetime) -> tuple[Source, ...]:
    """What was found at an earlier poll, while it is good."""
    memory = state.memory.get("found") or {}
    if not memory.get("sources"):
        return ()
    life = FAILED_DISCOVERY_LIFETIME if state.failures else DISCOVERY_LIFETIME
    if now - from_rfc3339(memory["at"]) > life:
        return ()
    return tuple(Source(kind, url) for kind, url in memory["sources"])


def remember(state: OutletState, sources: tuple[Source, ...], *, now: datetime) -> OutletState:
    found = {"at": rfc3339(now), "sources": [[source.kind, source.url] for source in sources]}
    return replace(state, memory={**state.memory, "found": found})
