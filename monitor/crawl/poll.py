"""Polls one outlet under a lease, from its sources to its stored stories and the time of its next poll.

sources -> candidates -> frontier (in the store) -> pages -> ingest -> schedule and health -> lease released
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

from monitor.crawl import discover, health, sources
from monitor.crawl.lease import Lease
from monitor.crawl.poll_interval import PollSummary, next_poll
from monitor.crawl.report import PollReport
from monitor.discovery.filter_candidates import filter_candidates
from monitor.errors import FetchError, LeaseLost, RenderingUnavailable
from monitor.extract.boilerplate import Boilerplate
from monitor.failures import FailureKind
from monitor.models import Disposition, now
from monitor.rendering.auto import EngineMemory
from monitor.retry_policy import HostBackoff

if TYPE_CHECKING:
    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.sources import SourceParser, SourceResult
    from monitor.models import Candidate, FrontierEntry, Outcome, OutletState
    from monitor.service import Service

log = logging.getLogger(__name__)

MAX_POLL_SECONDS = 600.0  # then a poll starts no further page, so that a slow host does not delay its sources
CONCURRENT_PAGES = 8  # of one outlet
UNCONDITIONAL_RECHECKS = 3  # every third recheck is unconditional: some servers send false 304s


@dataclass(frozen=True, kw_only=True)
class PollContext:
    """The services that a poll uses."""

    service: Service
    fetcher: Fetcher
    parse: SourceParser
    stop: asyncio.Event  # set: fetch no further page


@dataclass(frozen=True)
class OutletMemory:
    """What earlier polls learned about the outlet's pages: how to render them, and which text is boilerplate."""

    rendering: EngineMemory
    boilerplate: Boilerplate

    @classmethod
    def from_state(cls, state: OutletState) -> OutletMemory:
        memory = state.memory
        return cls(EngineMemory(memory.get("rendering")), Boilerplate(memory.get("boilerplate", {})))

    def saved_in(self, state: OutletState) -> OutletState:
        """Returns the state with this memory in it."""
        learned = {"rendering": self.rendering.to_json(), "boilerplate": self.boilerplate.memory}
        return replace(state, memory={**state.memory, **learned})


async def poll(outlet: Outlet, state: OutletState, context: PollContext) -> PollReport:
    """Polls a leased outlet once.  Raises StoreUnavailable or StoreRefused when the store fails for good.

    When another process takes the lease over, the poll stops and leaves what it has not written to that process.
    """
    report = PollReport(outlet=outlet.name)
    started_at = monotonic()
    context.fetcher.clear_cookies(outlet)
    lease = Lease(context.service, state)
    renewal = asyncio.create_task(lease.keep_renewed())
    work = asyncio.create_task(_poll(outlet, state, context, report, lease))
    try:
        await asyncio.wait({renewal, work}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():  # the renewal ended first, and it ends only by an exception
            await renewal
        await work
    except LeaseLost:
        report.notes.append("another process took the outlet over")
        log.warning("%s: another process took the outlet over", outlet.name)
    finally:
        renewal.cancel()
        work.cancel()
        await asyncio.gather(renewal, work, return_exceptions=True)
        report.seconds = monotonic() - started_at
    return report


async def _poll(outlet: Outlet, state: OutletState, context: PollContext, report: PollReport, lease: Lease) -> None:
    store = context.service.store
    since = now() - (outlet.max_age or context.service.config.crawl.max_age)
    outlet_sources, state = await _select_sources(outlet, state, context, since)
    results = await _read_sources(outlet_sources, outlet, state, context, since)
    candidates = await asyncio.to_thread(_candidates, results, outlet, since, report)  # there may be thousands

    new_entries = await context.service.call(store.enqueue, candidates, now=now())
    report.candidates, report.new = len(candidates), len(new_entries)
    memory = OutletMemory.from_state(state)
    next_retry_at, host_pause = await _process_pages(outlet, context, report, memory)
    state = memory.saved_in(state)

    failure = health.failure_kind(results)
    report.failed = failure is not None
    source_pauses = [health.requested_pause(result, outlet, outlet_failed=failure is not None) for result in results]
    summary = PollSummary(
        candidates=len(candidates),
        new=len(new_entries),
        failure=failure,
        freshness_lifetime=max((result.freshness_lifetime for result in results), default=timedelta(0)),
        retry_after=max([host_pause, *source_pauses]),
        next_retry=next_retry_at - now() if next_retry_at else None,
        unfinished=report.deferred_pages > 0 or context.stop.is_set(),
    )
    plan = next_poll(state.interval, state.failures, summary, every=outlet.every)
    await lease.release(health.state_after_poll(state, report, results, plan, now=now()))


async def _select_sources(
    outlet: Outlet, state: OutletState, context: PollContext, since: datetime
) -> tuple[tuple[sources.Source, ...], OutletState]:
    """Returns the configured sources, else those discovered on the site, which the returned state remembers."""
    if configured := sources.configured_sources(outlet):
        return configured, state
    if remembered := discover.remembered_sources(state, now=now()):
        return remembered, state
    try:
        discovered = await discover.discover(outlet, context.fetcher, since=since)
    except FetchError:  # the home page, read as a section, fails again and shows up in the outlet's health
        return (sources.Source("section", outlet.url),), state
    chosen = discovered.sources_to_poll(outlet)
    return chosen, discover.remember_sources(state, chosen, now=now())


async def _read_sources(
    outlet_sources: tuple[sources.Source, ...],
    outlet: Outlet,
    state: OutletState,
    context: PollContext,
    since: datetime,
) -> list[SourceResult]:
    reads = [
        sources.read_source(
            source,
            state.sources,
            outlet=outlet,
            fetcher=context.fetcher,
            since=since,
            parse=context.parse,
        )
        for source in outlet_sources
    ]
    return [result for results in await asyncio.gather(*reads) for result in results]


def _candidates(results: list[SourceResult], outlet: Outlet, since: datetime, report: PollReport) -> list[Candidate]:
    """Returns the candidates worth fetching; one that several sources list comes from the first of them."""
    candidates: dict[str, Candidate] = {}
    for result in results:
        report.sources += 1
        if result.error is not None:
            report.failures.append(f"{result.source.kind} {result.source.url}: {result.error.message}")
        elif result.parsed is None:
            report.unchanged_sources += 1
        else:
            report.listed += result.parsed.offered
            if result.parsed.note:
                report.notes.append(f"{result.source.url}: {result.parsed.note}")
            lists_stories = result.source.kind == "feed" or result.parsed.news
            filtered = filter_candidates(result.parsed.candidates, outlet=outlet, since=since, feed=lists_stories)
            report.dropped.update(filtered.dropped)
            for candidate in filtered.kept:
                candidates.setdefault(candidate.url, candidate)
    return list(candidates.values())


async def _process_pages(
    outlet: Outlet, context: PollContext, report: PollReport, memory: OutletMemory
) -> tuple[datetime | None, timedelta]:
    """Fetches and ingests the pages that are due.

    Returns when the first of the failed pages is fetched again, and the pause that the host needs.
    """
    service, limit = context.service, context.service.config.crawl.pages_per_poll
    entries = await service.call(service.store.due_entries, outlet.name, now=now(), limit=limit)
    deadline, backoff = monotonic() + MAX_POLL_SECONDS, HostBackoff()
    remaining, retry_times, resting_pages = iter(entries), list[datetime](), 0

    async def work() -> None:
        nonlocal resting_pages
        while not context.stop.is_set() and monotonic() < deadline and not backoff.is_exhausted:
            entry = next(remaining, None)
            if entry is None:
                return
            try:
                error, outcome = await _process_page(outlet, entry, context, report, memory)
            except RenderingUnavailable as unavailable:  # the entry stays due until an engine is available
                report.rendering_problem = str(unavailable)
                backoff.record_unavailable_engine()
                continue
            backoff.record(error)
            if outcome is None:
                resting_pages += 1
            elif outcome.disposition is Disposition.FAILED and outcome.next_at is not None:
                retry_times.append(outcome.next_at)

    concurrency = max(1, int(CONCURRENT_PAGES / max(context.fetcher.request_delay(outlet), 1)))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(entries))):
                group.create_task(work())
    except BaseExceptionGroup as errors:  # the first one cancelled the other tasks; callers need its type
        raise errors.exceptions[0] from errors
    next_retry_at = min(retry_times, default=None)
    if report.rendering_problem:
        log.warning("%s: %s", outlet.name, report.rendering_problem)
        return next_retry_at, backoff.requested_pause
    report.deferred_pages = resting_pages + sum(1 for _ in remaining) + (len(entries) == limit)
    return next_retry_at, backoff.pause


async def _process_page(
    outlet: Outlet, entry: FrontierEntry, context: PollContext, report: PollReport, memory: OutletMemory
) -> tuple[FetchError | None, Outcome | None]:
    """Brings one entry to its disposition.

    Returns the error of the fetch, if any, and the outcome; no outcome when the host rests, so that nothing was sent.
    """
    ingest, url = context.service.ingest, entry.candidate.url
    unconditional = entry.story is None or entry.rechecks % UNCONDITIONAL_RECHECKS == UNCONDITIONAL_RECHECKS - 1
    etag, last_modified = (None, None) if unconditional else (entry.etag, entry.last_modified)
    try:
        page = await context.fetcher.page(outlet, url, etag=etag, last_modified=last_modified, memory=memory.rendering)
    except FetchError as error:
        if error.kind is FailureKind.RESTING:  # the entry stays due
            return error, None
        outcome = await ingest.failed(entry, error)
        report.add(url, outcome)
        return error, outcome
    if page is None:
        outcome = await ingest.not_modified(entry)
        report.add(url, outcome)
        return None, outcome
    outcome = await ingest.page(outlet, entry, page, memory.boilerplate)
    report.engines[page.engine] += 1
    report.add(url, outcome)
    if outcome.disposition in {Disposition.STORED, Disposition.UPDATED}:
        log.info("%s: %s %s", outlet.name, outcome.disposition.value, url)
    return None, outcome
