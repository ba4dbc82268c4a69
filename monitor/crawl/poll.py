"""Polls one leased outlet: reads its sources, stores its new stories and sets the time of its next poll.

sources -> candidates -> frontier (in the store) -> pages -> ingest -> schedule and health -> lease released
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from monitor.config.warnings import expired_cookies_message
from monitor.crawl import discover, health, sources
from monitor.crawl.admission import MAX_NEW_URLS_PER_DAY, AdmittedUrls, admit
from monitor.crawl.habits import Habits
from monitor.crawl.lease import Lease
from monitor.crawl.observer import CrawlObserver
from monitor.crawl.pages import DuePages, LearnedPageTraits
from monitor.crawl.report import PollReport
from monitor.crawl.websub.schedule import pause_with_pushes
from monitor.crawl.websub.subscriber import PollOfSources
from monitor.discovery.drop_reasons import DropReason
from monitor.discovery.filter_candidates import filter_candidates
from monitor.errors import FetchError, LeaseLost
from monitor.failures import FailureKind
from monitor.models import Disposition, Outcome, now
from monitor.plural import plural
from monitor.polling.next_poll import NextPollPlan, PollSummary, plan_next_poll, random_spread
from monitor.polling.publishing_rate import PublishingRate, rate_after_poll
from monitor.retry_policy import OWN_OUTAGE_KINDS
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.idle_outlets import IdleOutlets
    from monitor.crawl.lease import LeaseReleases
    from monitor.crawl.polling_price import PollingPrice
    from monitor.crawl.sources import Source, SourceParser, SourceResult
    from monitor.crawl.websub.subscriber import Subscriber
    from monitor.models import Candidate, FrontierEntry, OutletState
    from monitor.service import Service

log = logging.getLogger(__name__)

# After this time a poll requests no further source, so that slow sitemaps or a discovery leave time for pages.
SOURCE_START_DEADLINE_SECONDS = 240.0
# After this time a poll is cancelled; its pages stay due.  More than `pages.PAGE_START_DEADLINE_SECONDS`.
POLL_TIME_LIMIT_SECONDS = 900.0


@dataclass(frozen=True, kw_only=True)
class PollContext:
    """The store and service, fetcher, source parser, price and stop signal that all polls of one spider share."""

    service: Service
    fetcher: Fetcher
    parse: SourceParser
    price: PollingPrice
    stop: asyncio.Event  # when it is set, polls start no further page
    releases: LeaseReleases
    idle_outlets: IdleOutlets
    observer: CrawlObserver = field(default_factory=CrawlObserver)
    subscriber: Subscriber | None = None  # None if no hub can push to this process


class Poll:
    """One poll of a leased outlet; call `run` once."""

    def __init__(self, outlet: Outlet, state: OutletState, context: PollContext) -> None:
        self.report = PollReport(outlet=outlet.name)
        self._outlet = outlet
        self._state = state  # the outlet's stored state, updated during this poll
        self._context = context
        self._lease = Lease(context.service, state, context.releases)
        self._source_deadline = monotonic() + SOURCE_START_DEADLINE_SECONDS
        # Candidates dated before this time are dropped.
        self._since = now() - (outlet.max_age or context.service.config.crawl.max_age)

    async def run(self) -> PollReport:
        """Polls the outlet while renewing its lease; returns the report.

        If another process takes the lease, stops without writing more; the report has a note.  Ends a poll that takes
        longer than POLL_TIME_LIMIT_SECONDS as failed.  Raises StoreUnavailable or StoreRefused when the store does not
        recover.
        """
        started_at = monotonic()
        renewal = asyncio.create_task(self._lease.keep_renewed())
        work = asyncio.create_task(self._poll_outlet())
        try:
            done, _ = await asyncio.wait(
                {renewal, work}, timeout=POLL_TIME_LIMIT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                await self._release_late_outlet()
            elif not work.done():  # the renewal has failed; awaiting it raises its exception
                await renewal
            else:
                await work
        except LeaseLost:
            self.report.notes.append("another process took the outlet over")
            log.warning("%s: another process took the outlet over", self._outlet.name)
        finally:
            renewal.cancel()
            work.cancel()
            await asyncio.gather(renewal, work, return_exceptions=True)
            self.report.seconds = monotonic() - started_at
        return self.report

    async def _release_late_outlet(self) -> None:
        """Releases the lease with the failure of a poll that took too long."""
        self.report.has_failed = True
        error = f"the poll was ended after {POLL_TIME_LIMIT_SECONDS:g} s; the pages that are left stay due"
        self.report.failures.append(error)
        plan = self._plan(PollSummary(failure=FailureKind.TIMEOUT))
        failed_state = replace(
            self._state,
            failures=plan.weighted_failures,
            error=error,
            last_poll_at=now(),
            next_poll_at=now() + plan.pause,
        )
        await self._release(failed_state)

    async def _poll_outlet(self) -> None:
        """Reads sources, queues candidates, processes due pages, stores the outlet's state and releases the lease."""
        service = self._context.service
        self._context.fetcher.start_poll(self._outlet)
        if message := expired_cookies_message(self._outlet):
            self.report.notes.append(message)
        began_at = now()
        results = await self._read_sources(await self._select_sources())
        # In a thread, because filtering thousands of candidates would block the event loop.
        candidates, dropped = await asyncio.to_thread(self._filter_candidates_of_sources, results)
        admitted = await self._admit(candidates, dropped)

        new_entries = await service.call(service.store.enqueue, admitted.candidates, now=now())
        self.report.new_dropped_count = await service.call(service.store.record_dropped, admitted.dropped, now=now())
        await service.ingest.take_over(self._outlet, admitted.candidates)
        self.report.candidate_count = len({candidate.url for candidate in candidates})
        self.report.new_candidate_count = len(new_entries)
        has_news = any(result.parsed for result in results)
        if has_news:
            self._learn_rate(candidates, new_entries)
            # The pages may take minutes, for which many polls would hold megabytes of summaries.
            results, new_entries = await asyncio.to_thread(_without_texts, results, new_entries)
        del candidates, dropped, admitted

        traits = LearnedPageTraits.from_state(self._state)
        pages = DuePages(self._outlet, self._context, self.report, traits)
        is_idle = not has_news and self._context.idle_outlets.has_no_due_page(self._state, now())
        if not is_idle:
            await pages.process()
        self._state = traits.saved_in(self._state)

        plan = self._plan_next_poll(results, pages)
        plan = await self._plan_with_pushes(
            plan,
            PollOfSources(
                began_at=began_at,
                results=results,
                new_entries=new_entries,
                least_pause=plan.least_pause,
            ),
            pages,
        )
        polled_at = now()
        if is_idle:
            self._context.idle_outlets.record_idle_poll(self._outlet.name, polled_at=polled_at)
        else:
            await self._record_pages_left(pages, polled_at)
        await self._release(health.state_after_poll(self._state, self.report, results, plan, now=polled_at))

    async def _record_pages_left(self, pages: DuePages, polled_at: datetime) -> None:
        """Records when the outlet's next page is due, if none is due now."""
        if pages.has_left_pages:
            self._context.idle_outlets.forget(self._outlet.name)
            return
        service = self._context.service
        next_page_at = await service.call(service.store.next_fetch_at, self._outlet.name, now=polled_at)
        self._context.idle_outlets.record(self._outlet.name, next_page_at=next_page_at, polled_at=polled_at)

    async def _release(self, state: OutletState) -> None:
        """Ends the lease with the outlet's state after the poll."""
        await self._lease.release(state)
        self.report.next_poll_at = state.next_poll_at

    async def _admit(
        self, candidates: Sequence[Candidate], dropped: Sequence[tuple[Candidate, Outcome]]
    ) -> AdmittedUrls:
        """Returns the URLs that may enter the frontier today; the report counts the others."""
        service = self._context.service
        allowance = MAX_NEW_URLS_PER_DAY - Habits.of_outlet(self._state).new_urls_on(now().date())
        if len(candidates) + len(dropped) <= allowance:
            return AdmittedUrls(candidates=list(candidates), dropped=list(dropped), ignored=0)
        ids = {story_id(candidate.url) for candidate in (*candidates, *(candidate for candidate, _ in dropped))}
        stored = await service.call(service.store.entries, sorted(ids))
        admitted = await asyncio.to_thread(admit, candidates, dropped, stored_ids=stored.keys(), allowance=allowance)
        self.report.ignored_url_count = admitted.ignored
        if admitted.ignored:
            ignored = plural(admitted.ignored, "new URL")
            self.report.notes.append(f"{ignored} ignored: the outlet listed more than {MAX_NEW_URLS_PER_DAY:,} today")
        return admitted

    async def _select_sources(self) -> tuple[Source, ...]:
        """Returns the outlet's configured sources; without any, the sources that this or an earlier poll discovered."""
        if configured := sources.configured_sources(self._outlet):
            return configured
        if remembered := discover.remembered_sources(self._state, now=now()):
            return remembered
        try:
            discovered = await discover.discover_sources(
                self._outlet, self._context.fetcher, since=self._since, deadline=self._source_deadline
            )
        except FetchError:  # reading the home page as a section fails again, and the outlet's state stores the error
            return (sources.Source("section", self._outlet.url),)
        chosen = discovered.sources_to_poll(self._outlet)
        self._state = discover.remember_sources(self._state, chosen, now=now())
        return chosen

    async def _read_sources(self, outlet_sources: Sequence[Source]) -> list[SourceResult]:
        """Fetches and parses all sources concurrently; a sitemap index gives a result for each sitemap read too."""
        reads = [
            sources.read_source(
                source,
                self._state.sources,
                outlet=self._outlet,
                fetcher=self._context.fetcher,
                since=self._since,
                parse=self._context.parse,
                deadline=self._source_deadline,
            )
            for source in outlet_sources
        ]
        return [result for results in await asyncio.gather(*reads) for result in results]

    def _filter_candidates_of_sources(
        self, results: Sequence[SourceResult]
    ) -> tuple[list[Candidate], list[tuple[Candidate, Outcome]]]:
        """Returns the candidates to fetch and the dropped ones; counts sources and dropped candidates in the report.

        A URL that several sources list has a candidate for each of them.
        """
        report = self.report
        candidates: list[Candidate] = []
        dropped: list[tuple[Candidate, Outcome]] = []
        for result in results:
            report.source_count += 1
            if result.error is not None:
                report.failures.append(f"{result.source.kind} {result.source.url}: {result.error.message}")
            elif result.parsed is None:
                report.unchanged_source_count += 1
            else:
                report.listed_entry_count += result.parsed.offered
                remarks = filter(None, (result.parsed.note, result.parsed.losses))
                report.notes += [f"{result.source.url}: {remark}" for remark in remarks]
                lists_stories = result.parsed.lists_stories(result.source.kind)
                filtered = filter_candidates(
                    result.parsed.candidates,
                    outlet=self._outlet,
                    since=self._since,
                    from_feed=lists_stories,
                    publishers=self._context.fetcher.publishers,
                )
                report.dropped_candidates.update(reason.value for _, reason in filtered.dropped)
                candidates += filtered.kept
                dropped += (
                    (candidate, Outcome(disposition=Disposition.DROPPED, kind=reason.value, detail=reason.meaning))
                    for candidate, reason in filtered.dropped
                )
        if foreign := report.dropped_candidates[DropReason.FOREIGN.value]:
            report.notes.append(
                f"{plural(foreign, 'entry leads', 'entries lead')} to another site (foreign) and cannot be stored as "
                "this outlet's: name the host under `hosts`, or write `hosts: any` for an aggregator"
            )
        return candidates, dropped

    def _learn_rate(self, candidates: Sequence[Candidate], new_entries: Sequence[FrontierEntry]) -> None:
        """Adds the entries that this poll found to the outlet's publishing rate."""
        rate = rate_after_poll(
            PublishingRate.of_outlet(self._state),
            listed=[candidate.published_at for candidate in candidates],
            new=[entry.candidate.published_at for entry in new_entries],
            now=now(),
        )
        self._state = replace(self._state, memory=replace(self._state.memory, publishing=rate.to_json()))

    def _plan_next_poll(self, results: Sequence[SourceResult], pages: DuePages) -> NextPollPlan:
        """Returns the time and interval of the next poll.

        Sets ``has_failed`` of the report if no source was read or pages wait because of a fault of this process.
        """
        failure = FailureKind.NO_RESOURCES if pages.own_fault else health.gravest_failure_kind(results)
        self.report.has_failed = failure is not None
        if failure in OWN_OUTAGE_KINDS:
            source_errors = (result.error.message for result in results if result.error is not None)
            self.report.own_outage = pages.own_fault or next(source_errors)
            self.report.own_outage_kind = failure
        source_pauses = [
            health.source_requested_pause(result, self._outlet, outlet_failed=failure is not None) for result in results
        ]
        plan = self._plan(
            PollSummary(
                request_count=len(results),
                entry_count=sum(result.state.entry_count for result in results),
                failure=failure,
                freshness_lifetime=max((result.freshness_lifetime for result in results), default=timedelta(0)),
                retry_after=max([pages.host_pause, *source_pauses]),
                time_until_retry=pages.next_retry_at - now() if pages.next_retry_at else None,
                has_deferred_pages=self.report.deferred_page_count > 0,
            )
        )
        if (
            self._context.stop.is_set() and not pages.host_pause
        ):  # the next process goes on with the pages that are left
            return replace(plan, pause=timedelta(0))
        return plan

    def _plan(self, summary: PollSummary) -> NextPollPlan:
        return plan_next_poll(
            PublishingRate.of_outlet(self._state).profile(),
            self._state.failures,
            summary,
            every=self._outlet.every,
            request_price=self._context.price.value,
            now=now(),
            spread=random_spread(is_first_poll=self._state.last_poll_at is None),
        )

    async def _plan_with_pushes(self, plan: NextPollPlan, poll: PollOfSources, pages: DuePages) -> NextPollPlan:
        """Keeps the outlet's push subscriptions; returns the plan with the pause that they allow or require."""
        if self._context.subscriber is None or self.report.own_outage or self._context.stop.is_set():
            return plan
        pushes, self.report.is_pushed = await self._context.subscriber.after_poll(self._outlet, poll)
        if pushes is None or not poll.has_read_all or self.report.deferred_page_count or pages.host_pause:
            return plan
        pause = pause_with_pushes(
            plan.pause,
            pushes,
            now=now(),
            every=self._outlet.every,
            time_until_retry=pages.next_retry_at - now() if pages.next_retry_at else None,
            spread=random_spread(is_first_poll=False),
        )
        return replace(plan, pause=max(pause, plan.least_pause))


def _without_texts(
    results: Sequence[SourceResult], entries: Sequence[FrontierEntry]
) -> tuple[list[SourceResult], list[FrontierEntry]]:
    """Returns the results and entries without the titles and summaries of their candidates."""

    def shortened(candidate: Candidate) -> Candidate:
        return replace(candidate, title="", summary="")

    def shortened_result(result: SourceResult) -> SourceResult:
        if result.parsed is None:
            return result
        candidates = tuple(map(shortened, result.parsed.candidates))
        return replace(result, parsed=replace(result.parsed, candidates=candidates))

    return (
        list(map(shortened_result, results)),
        [replace(entry, candidate=shortened(entry.candidate)) for entry in entries],
    )
