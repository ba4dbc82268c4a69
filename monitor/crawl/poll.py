"""Polls one outlet under a lease, from its sources to its stored stories and the time of its next poll.

sources -> candidates -> frontier (in the store) -> pages -> ingest -> schedule and health -> lease released
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from monitor.crawl import discover, health, sources
from monitor.crawl.lease import Lease
from monitor.crawl.poll_interval import MIN_INTERVAL, PollSummary, next_poll
from monitor.crawl.report import PollReport
from monitor.discovery.filter_candidates import filter_candidates
from monitor.errors import FetchError, LeaseLost, RenderingUnavailable
from monitor.extract.boilerplate import Boilerplate
from monitor.failures import FailureKind, Scope
from monitor.ingest.retry_policy import RETRY_DELAYS, is_first_404
from monitor.models import Disposition, now
from monitor.rendering.auto import EngineMemory

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.sources import SourceParser, SourceResult
    from monitor.models import Candidate, FrontierEntry, OutletState
    from monitor.service import Service

log = logging.getLogger(__name__)

MAX_POLL_SECONDS = 600.0  # then a poll starts no further page, so that a slow host does not delay its sources
CONCURRENT_PAGES = 8  # of one outlet
MAX_HOST_FAILURES = 5  # in a row; then the host's other pages wait for the next poll
DEFAULT_BUSY_PAUSE_SECONDS = 60  # for a busy host that sends no Retry-After
UNCONDITIONAL_RECHECKS = 3  # every third recheck is unconditional: some servers send false 304s
_BUSY_KINDS = frozenset({FailureKind.HTTP_429, FailureKind.HTTP_503})


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
    retry_delays, host_pause = await _process_pages(outlet, context, report, memory)
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
        next_retry=min(retry_delays, default=None),
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
) -> tuple[list[timedelta], timedelta]:
    """Fetches and ingests the pages that are due.

    Returns the delays until failed pages are due again, and the pause that the host needs.
    """
    service, limit = context.service, context.service.config.crawl.pages_per_poll
    entries = await service.call(service.store.due_entries, outlet.name, now=now(), limit=limit)
    deadline, host_failures = monotonic() + MAX_POLL_SECONDS, 0
    remaining, retry_delays, host_pause, resting_pages = iter(entries), list[timedelta](), timedelta(0), 0

    async def work() -> None:
        nonlocal host_failures, host_pause, resting_pages
        while not context.stop.is_set() and monotonic() < deadline and host_failures < MAX_HOST_FAILURES:
            entry = next(remaining, None)
            if entry is None:
                return
            try:
                error = await _process_page(outlet, entry, context, report, memory)
            except RenderingUnavailable as unavailable:  # the entry stays due until an engine is available
                report.rendering_problem = str(unavailable)
                host_failures += 1
                continue
            host_failures = host_failures + 1 if error is not None and error.kind.scope is Scope.HOST else 0
            if (
                error is not None and error.kind is FailureKind.RESTING
            ):  # a request of another outlet got the Retry-After
                host_failures, resting_pages = MAX_HOST_FAILURES, resting_pages + 1
                host_pause = max(host_pause, _retry_after(error))
                continue
            if error is not None and error.kind in _BUSY_KINDS:
                host_failures, host_pause = MAX_HOST_FAILURES, max(host_pause, _retry_after(error))
            is_permanent = error is not None and error.kind.permanent and not is_first_404(error.kind, entry)
            if error is not None and not is_permanent and entry.attempts < len(RETRY_DELAYS):
                retry_delays.append(RETRY_DELAYS[entry.attempts])

    concurrency = max(1, int(CONCURRENT_PAGES / max(context.fetcher.request_delay(outlet), 1)))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(entries))):
                group.create_task(work())
    except BaseExceptionGroup as errors:  # the first one cancelled the other tasks; callers need its type
        raise errors.exceptions[0] from errors
    if report.rendering_problem:
        log.warning("%s: %s", outlet.name, report.rendering_problem)
    else:
        report.deferred_pages = resting_pages + sum(1 for _ in remaining) + (len(entries) == limit)
        if host_failures >= MAX_HOST_FAILURES and not host_pause:  # otherwise the deferred pages are due in a minute
            host_pause = MIN_INTERVAL
    return retry_delays, host_pause


def _retry_after(error: FetchError) -> timedelta:
    return timedelta(seconds=error.retry_after or DEFAULT_BUSY_PAUSE_SECONDS)


async def _process_page(
    outlet: Outlet, entry: FrontierEntry, context: PollContext, report: PollReport, memory: OutletMemory
) -> FetchError | None:
    """Brings one entry to its disposition; returns the error when its page could not be fetched."""
    ingest, url = context.service.ingest, entry.candidate.url
    unconditional = entry.story is None or entry.rechecks % UNCONDITIONAL_RECHECKS == UNCONDITIONAL_RECHECKS - 1
    etag, last_modified = (None, None) if unconditional else (entry.etag, entry.last_modified)
    try:
        page = await context.fetcher.page(outlet, url, etag=etag, last_modified=last_modified, memory=memory.rendering)
    except FetchError as error:
        if error.kind is FailureKind.RESTING:  # no request was sent: the entry stays due
            return error
        report.add(url, await ingest.failed(entry, error))
        return error
    if page is None:
        report.add(url, await ingest.not_modified(entry))
        return None
    outcome = await ingest.page(outlet, entry, page, memory.boilerplate)
    report.engines[page.engine] += 1
    report.add(url, outcome)
    if outcome.disposition in {Disposition.STORED, Disposition.UPDATED}:
        log.info("%s: %s %s", outlet.name, outcome.disposition.value, url)
    return None
