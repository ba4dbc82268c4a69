"""One outlet's poll, from its sources to its filed stories and its next date.  It runs under a lease on the outlet.

sources -> candidates -> frontier (in the store) -> pages -> ingest -> schedule and health -> lease given back
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
from monitor.ingest.retry_policy import RETRY_DELAYS
from monitor.models import Disposition, now
from monitor.rendering.auto import EngineMemory

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.sources import SourceResult
    from monitor.discovery.parsed_source import ParsedSource
    from monitor.models import Candidate, FrontierEntry, OutletState, Page
    from monitor.service import Service

log = logging.getLogger(__name__)

MAX_POLL_SECONDS = 600.0  # seconds after which a poll starts no further page: a slow host must not hold its sources up
CONCURRENT_PAGES = 8  # pages of one outlet under way
MAX_HOST_FAILURES = 5  # failures of the host in a row after which its other pages wait for the next poll
_HOST = frozenset({"timeout", "dns", "connection", "tls", "robots-unreachable", "http-403", "http-429"})
_BUSY = frozenset({"http-429", "http-503"})


@dataclass(frozen=True, kw_only=True)
class PollContext:
    """What a poll works with."""

    service: Service
    fetcher: Fetcher
    parse: Callable[[str, Page, Outlet, datetime], ParsedSource]
    stop: asyncio.Event


@dataclass(frozen=True)
class OutletMemory:
    """What the outlet's pages have taught: how to fetch them, and what on them is no story."""

    rendering: EngineMemory
    boilerplate: Boilerplate

    @classmethod
    def of(cls, state: OutletState) -> OutletMemory:
        memory = state.memory
        return cls(EngineMemory(memory.get("rendering")), Boilerplate(memory.get("boilerplate", {})))

    def kept_in(self, state: OutletState) -> OutletState:
        learnt = {"rendering": self.rendering.to_json(), "boilerplate": self.boilerplate.memory}
        return replace(state, memory={**state.memory, **learnt})


async def poll(outlet: Outlet, state: OutletState, desk: PollContext) -> PollReport:
    """Polls a leased outlet once.  Raises StoreUnavailable or StoreRefused where its store fails for good.

    Where the lease is lost meanwhile the poll stops: what it did not write is the new holder's work.
    """
    report = PollReport(outlet=outlet.name)
    began = monotonic()
    desk.fetcher.forget(outlet)
    lease = Lease(desk.service, state)
    keeper = asyncio.create_task(lease.keep())
    work = asyncio.create_task(_poll(outlet, state, desk, report, lease))
    try:
        await asyncio.wait({keeper, work}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():  # then the keeper ended, and it ends by an error only
            await keeper
        await work
    except LeaseLost:
        report.notes.append("another process took the outlet over")
        log.warning("%s: another process took the outlet over", outlet.name)
    finally:
        keeper.cancel()
        work.cancel()
        await asyncio.gather(keeper, work, return_exceptions=True)
        report.seconds = monotonic() - began
    return report


async def _poll(outlet: Outlet, state: OutletState, desk: PollContext, report: PollReport, lease: Lease) -> None:
    since = now() - (outlet.max_age or desk.service.config.crawl.max_age)
    listed, state = await _sources(outlet, state, desk, since)
    answers = await _read(listed, outlet, state, desk, since)
    candidates = await asyncio.to_thread(_candidates, answers, outlet, since, report)  # there may be thousands

    new = await desk.service.call(desk.service.store.enqueue, candidates, now=now())
    report.candidates, report.new = len(candidates), len(new)
    learnt = OutletMemory.of(state)
    retries, rest = await _pages(outlet, desk, report, learnt)
    state = learnt.kept_in(state)

    failure = health.failure(answers)
    report.failed = failure is not None
    seen = PollSummary(
        listed=len(candidates),
        new=len(new),
        failure=failure,
        fresh_for=max((answer.fresh_for for answer in answers), default=timedelta(0)),
        rest=max([rest, *(health.rest(answer, outlet, alone=failure is not None) for answer in answers)]),
        waiting=min(retries, default=None),
        unfinished=report.left > 0 or desk.stop.is_set(),
    )
    next_plan = next_poll(state.interval, state.failures, seen, every=outlet.every)
    await lease.give_back(health.after(state, report, answers, next_plan, now=now()))


async def _sources(
    outlet: Outlet, state: OutletState, desk: PollContext, since: datetime
) -> tuple[tuple[sources.Source, ...], OutletState]:
    """The sources configured, or else found by the site itself and remembered."""
    if named := sources.configured(outlet):
        return named, state
    if remembered := discover.remembered(state, now=now()):
        return remembered, state
    try:
        site = await discover.discover(outlet, desk.fetcher, since=since)
    except FetchError:  # its home page, asked as a section, will say the same in the outlet's health
        return (sources.Source("section", outlet.url),), state
    return site.chosen(outlet), discover.remember(state, site.chosen(outlet), now=now())


async def _read(
    listed: tuple[sources.Source, ...], outlet: Outlet, state: OutletState, desk: PollContext, since: datetime
) -> list[SourceResult]:
    asked = [
        sources.read_source(
            source,
            state.sources,
            outlet=outlet,
            fetcher=desk.fetcher,
            since=since,
            parse=desk.parse,
        )
        for source in listed
    ]
    return [answer for answers in await asyncio.gather(*asked) for answer in answers]


def _candidates(answers: list[SourceResult], outlet: Outlet, since: datetime, report: PollReport) -> list[Candidate]:
    """What the sources offer and is worth fetching; the first source that lists a story is the one that tells of it."""
    kept: dict[str, Candidate] = {}
    for answer in answers:
        report.sources += 1
        if answer.error is not None:
            report.failures.append(f"{answer.source.kind} {answer.source.url}: {answer.error.message}")
        elif answer.parsed is None:
            report.unchanged += 1
        else:
            report.offered += answer.parsed.offered
            if answer.parsed.note:
                report.notes.append(f"{answer.source.url}: {answer.parsed.note}")
            lists_stories = answer.source.kind == "feed" or answer.parsed.news
            sifted = filter_candidates(answer.parsed.candidates, outlet=outlet, since=since, feed=lists_stories)
            report.dropped.update(sifted.dropped)
            for candidate in sifted.kept:
                kept.setdefault(candidate.url, candidate)
    return list(kept.values())


async def _pages(
    outlet: Outlet, desk: PollContext, report: PollReport, learnt: OutletMemory
) -> tuple[list[timedelta], timedelta]:
    """Fetches and ingests what is due; returns when failed pages are to be tried again, and the rest the host wants."""
    service, limit = desk.service, desk.service.config.crawl.pages_per_poll
    visits = await service.call(service.store.due_entries, outlet.name, now=now(), limit=limit)
    deadline, trouble = monotonic() + MAX_POLL_SECONDS, 0
    left, retries, rest, unasked = iter(visits), list[timedelta](), timedelta(0), 0

    async def work() -> None:
        nonlocal trouble, rest, unasked
        while not desk.stop.is_set() and monotonic() < deadline and trouble < MAX_HOST_FAILURES:
            visit = next(left, None)
            if visit is None:
                return
            try:
                error = await _page(outlet, visit, desk, report, learnt)
            except RenderingUnavailable as unavailable:  # the visit goes on waiting, for an engine
                report.rendering = str(unavailable)
                trouble += 1
                continue
            trouble = trouble + 1 if error is not None and _of_host(error.kind) else 0
            if error is not None and error.kind == "resting":  # another outlet of the host was told to wait
                trouble, rest, unasked = (
                    MAX_HOST_FAILURES,
                    max(rest, timedelta(seconds=error.retry_after or 60)),
                    unasked + 1,
                )
                continue
            if error is not None and error.kind in _BUSY:
                trouble, rest = MAX_HOST_FAILURES, max(rest, timedelta(seconds=error.retry_after or 60))
            if error is not None and not error.permanent and visit.attempts < len(RETRY_DELAYS):
                retries.append(RETRY_DELAYS[visit.attempts])

    at_once = max(1, int(CONCURRENT_PAGES / max(desk.fetcher.delay(outlet), 1)))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(visits))):
                group.create_task(work())
    except BaseExceptionGroup as errors:  # the first one ended the others; callers tell a store's failure from a bug
        raise errors.exceptions[0] from errors
    if report.rendering:
        log.warning("%s: %s", outlet.name, report.rendering)
    else:
        report.left = unasked + sum(1 for _ in left) + (len(visits) == limit)
        if trouble >= MAX_HOST_FAILURES and not rest:  # it is not asked for the others within the minute
            rest = MIN_INTERVAL
    return retries, rest


def _of_host(kind: str) -> bool:
    """Whether the failure is the host's rather than the page's: a server that is down, or a wall against programs."""
    return kind in _HOST or kind.startswith("http-5")


async def _page(
    outlet: Outlet, visit: FrontierEntry, desk: PollContext, report: PollReport, learnt: OutletMemory
) -> FetchError | None:
    """Takes one visit to its disposition; returns what kept its page from being fetched, if anything did."""
    ingest = desk.service.ingest
    ask_whole = visit.story is None or visit.rechecks % 3 == 2  # some servers answer false 304s
    etag, last_modified = (None, None) if ask_whole else (visit.etag, visit.last_modified)
    try:
        page = await desk.fetcher.page(
            outlet, visit.candidate.url, etag=etag, last_modified=last_modified, memory=learnt.rendering
        )
    except FetchError as error:
        if error.kind == "resting":  # it was not asked for, and goes on waiting
            return error
        if error.kind == "http-404" and visit.attempts == 0:  # some outlets announce a story before they show it
            error = FetchError(error.message, kind=error.kind)
        report.add(visit.candidate.url, await ingest.failed(visit, error))
        return error
    if page is None:
        report.add(visit.candidate.url, await ingest.not_modified(visit))
        return None
    outcome = await ingest.page(outlet, visit, page, learnt.boilerplate)
    report.engines[page.engine] += 1
    report.add(visit.candidate.url, outcome)
    if outcome.disposition in {Disposition.STORED, Disposition.UPDATED}:
        log.info("%s: %s %s", outlet.name, outcome.disposition.value, visit.candidate.url)
    return None
