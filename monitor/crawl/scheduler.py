"""Runs the polls of one spider in one process: leases the due outlets, polls them and releases the leases."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right, insort
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from monitor.crawl.document_parsers import parser_pool
from monitor.crawl.fetch import Fetcher
from monitor.crawl.idle_outlets import IdleOutlets
from monitor.crawl.lease import LEASE_TERM, RELEASE_LINGER_SECONDS, LeaseReleases
from monitor.crawl.observer import CrawlObserver
from monitor.crawl.own_faults import is_own_fault, own_fault_message
from monitor.crawl.poll import Poll, PollContext
from monitor.crawl.polling_price import PollingPrice
from monitor.crawl.report import CrawlReport, PollReport
from monitor.crawl.websub.subscriber import Subscriber
from monitor.errors import LeaseLost, MonitorError, StoreError, WorkersUnavailable
from monitor.extract.worker_pool import GIVE_UP_SECONDS
from monitor.failures import FailureKind
from monitor.models import now
from monitor.process_identity import current_process_identity
from monitor.rendering import engines
from monitor.retry_policy import OWN_OUTAGE_PAUSE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
    from datetime import datetime

    from scrapy.crawler import Crawler

    from monitor.config import CrawlSettings, Outlet
    from monitor.crawl.sources import SourceParser
    from monitor.extract.pool import Extractor
    from monitor.extract.worker_pool import WorkerPool
    from monitor.models import OutletState
    from monitor.service import Service

log = logging.getLogger(__name__)

LEASE_SCAN_SECONDS = 5.0  # longest wait between two scans of the store for due outlets
# Shortest waits in continuous mode, because a scan costs time in proportion to the number of outlets; the second one
# is for a scan that left due outlets behind.
MIN_LEASE_SCAN_SECONDS, MIN_BACKLOG_SCAN_SECONDS = 1.0, 0.25
MAX_OUTLETS_LEASED_PER_SCAN = 8  # by one process in continuous mode, so that processes share the due outlets
# After a stop, in sequence; together less than `shutdown.STOP_LIMIT_SECONDS`.
LEASE_CALL_GRACE_SECONDS = 1.0  # for a running lease call to end; then it is cancelled
SHUTDOWN_GRACE_SECONDS = 4.5  # for running polls to end; then they are cancelled
LEASE_RELEASE_GRACE_SECONDS = 1.5  # for leases to be released; an unreleased lease expires by itself
MIN_CLOCK_STEP_BACK = timedelta(minutes=1)  # system clock steps back below this are ignored
DELAY_AFTER_POLL_EXCEPTION = timedelta(hours=1)  # until the next poll, after an unexpected exception


def crawl_settings(crawl: CrawlSettings) -> dict[str, Any]:
    """Returns the Scrapy settings for the ``crawl`` section of monitor.yaml."""
    return {
        "USER_AGENT": crawl.user_agent,
        "DOWNLOAD_TIMEOUT": crawl.timeout.total_seconds(),
        "DOWNLOAD_MAXSIZE": crawl.max_size,
        "MONITOR_CONCURRENCY": crawl.concurrency,
        "MONITOR_OBEY_ROBOTS": crawl.obey_robots,
        **engines.scrapy_settings(crawl),
    }


class OutletScheduler:
    """Polls the outlets in ``names``, which use one spider: each once or, if ``continuous``, whenever it is due.

    ``ignore_schedule`` polls outlets that are not due too.  Setting ``stop`` ends `run`.  ``observer`` gets the
    events.
    """

    def __init__(
        self,
        service: Service,
        names: Sequence[str],
        *,
        ignore_schedule: bool = False,
        continuous: bool = False,
        stop: asyncio.Event | None = None,
        observer: CrawlObserver | None = None,
        resources: ExitStack | None = None,
    ) -> None:
        self.service = service
        self.config = service.config
        self.report = CrawlReport()
        self.stop = stop or asyncio.Event()
        self._outlets = {outlet.name: outlet for outlet in self.config.outlets if outlet.name in set(names)}
        self._ignore_schedule, self._continuous = ignore_schedule, continuous
        self._observer = observer or CrawlObserver()
        self._price = PollingPrice(self.config)
        self._lease_holder = current_process_identity()
        self._leased_states: dict[str, OutletState] = {}
        self._outlets_by_poll_task: dict[asyncio.Task[PollReport], Outlet] = {}
        self._resources = resources or ExitStack()  # resources that `close` closes
        self._subscriber: Subscriber | None = None
        self._has_news = asyncio.Event()
        self._last_scan_at: datetime | None = None
        self._foreign_outlets: set[str] = set()  # stored outlets that this scheduler does not poll
        self._has_more_due = False  # the last scan leased as many outlets as it could
        self._next_poll_times: list[datetime] = []  # sorted: when the outlets that this process polled are due again
        self._polled_in_future: set[str] = set()  # outlets with a last poll in the future: the clock was ahead

    async def run(self, crawler: Crawler, parse: SourceParser) -> AsyncIterator[dict[str, str]]:
        """Polls and yields an item for each page; ends when all outlets are polled or soon after ``stop`` is set.

        Exceptions end the polling, are logged and go into ``report.errors``.
        """
        started_at = monotonic()
        fetcher = Fetcher(crawler, self.config.crawl, self.config.outlets, page_budget=self.service.page_budget)
        if self._continuous and self.config.crawl.callback:
            self._subscriber = Subscriber(self.service, fetcher, self.config.crawl.callback)
        context = PollContext(
            service=self.service,
            fetcher=fetcher,
            parse=parse,
            price=self._price,
            stop=self.stop,
            subscriber=self._subscriber,
            releases=LeaseReleases(self.service, linger_seconds=RELEASE_LINGER_SECONDS if self._continuous else 0.0),
            idle_outlets=IdleOutlets(),
            observer=self._observer,
        )
        remaining = list(self._outlets)
        stopped = asyncio.create_task(self.stop.wait())
        woken = asyncio.create_task(self._has_news.wait())
        try:
            while not self.stop.is_set():
                if woken.done():
                    self._has_news.clear()
                    woken = asyncio.create_task(self._has_news.wait())
                self._require_workers()
                scan_started_at = monotonic()
                leasing = asyncio.create_task(self._lease_outlets(remaining))
                await asyncio.wait({leasing, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not leasing.done():
                    await self._finish_leasing(leasing)
                    break
                for state in leasing.result():
                    if not self._continuous:
                        remaining.remove(state.name)
                    self._start_poll(state, context)
                if not (self._outlets_by_poll_task or self._continuous or self._worker_problem()):
                    break
                async for item in self._items_until_next_scan(crawler, {stopped, woken}, scan_started_at):
                    yield item
            await self._finish_polls()
            await self._release_leases()
            for item in self._collect_items(crawler):
                yield item
            await self._record_unpolled(remaining)
        except Exception as error:  # noqa: BLE001  logged; Scrapy would end as if the crawl had succeeded
            self._stop_on_error(error)
        finally:
            stopped.cancel()
            woken.cancel()
            self.report.seconds = monotonic() - started_at

    async def _items_until_next_scan(
        self, crawler: Crawler, wakers: set[asyncio.Task[Any]], scan_started_at: float
    ) -> AsyncIterator[dict[str, str]]:
        """Yields the items of polls as they end, until the next scan is due or a task of ``wakers`` ends.

        Without ``continuous``, until a poll ends.
        """
        while True:
            await asyncio.wait(
                {*self._outlets_by_poll_task, *wakers},
                timeout=self._seconds_to_next_scan(scan_started_at),
                return_when=asyncio.FIRST_COMPLETED,
            )
            for item in self._collect_items(crawler):
                yield item
            is_over = any(task.done() for task in wakers) or not self._seconds_to_next_scan(scan_started_at)
            if is_over or not self._continuous:
                return

    def _seconds_to_next_scan(self, scan_started_at: float) -> float:
        """Returns how long to wait for the next scan, while polls run: until enough outlets are due.

        A scan with its leases takes three requests to a server, whatever the number of outlets.
        """
        elapsed = monotonic() - scan_started_at
        if self._continuous and self._has_more_due:
            return max(MIN_BACKLOG_SCAN_SECONDS - elapsed, 0.0)
        return max(min(self._seconds_until_due(), LEASE_SCAN_SECONDS - elapsed), MIN_LEASE_SCAN_SECONDS - elapsed, 0.0)

    def _seconds_until_due(self) -> float:
        """Returns the time until as many outlets are due as one scan leases; with fewer known, until the first is."""
        times = self._next_poll_times
        if self._last_scan_at:
            del times[: bisect_right(times, self._last_scan_at)]  # the last scan has leased these outlets, if it could
        if not times:
            return LEASE_SCAN_SECONDS
        awaited = times[0] if len(times) < MAX_OUTLETS_LEASED_PER_SCAN else times[MAX_OUTLETS_LEASED_PER_SCAN - 1]
        return (awaited - now()).total_seconds()

    def _collect_items(self, crawler: Crawler) -> Iterator[dict[str, str]]:
        """Yields the items of the polls that have ended since the last call."""
        for report in self._collect_reports(crawler):
            yield from report.items

    def wake(self) -> None:
        """Makes `run` look for due outlets at once."""
        self._has_news.set()

    async def close(self) -> None:
        """Cancels the running polls, releases all leases and closes the resources; Scrapy calls it after the spider."""
        await _cancel_all(self._outlets_by_poll_task)
        if self._subscriber is not None:
            await self._subscriber.close()
        await self._release_leases()
        self._resources.close()

    # ---- leases

    async def _release_leases(self) -> None:
        """Releases the leases of polls that did not end; waits for LEASE_RELEASE_GRACE_SECONDS at most."""
        if self._leased_states and not self.service.is_store_unavailable:  # an unreleased lease expires by itself
            releases = {asyncio.create_task(self._release_lease(state)) for state in self._leased_states.values()}
            await asyncio.wait(releases, timeout=LEASE_RELEASE_GRACE_SECONDS)
        self._leased_states.clear()

    async def _release_lease(self, state: OutletState) -> None:
        """Ends the lease of an outlet whose poll did not end, and makes the outlet due now."""
        with suppress(LeaseLost, StoreError):  # an unreleased lease expires by itself
            await asyncio.to_thread(self.service.store.release, replace(state, next_poll_at=now()))

    async def _finish_leasing(self, leasing: asyncio.Task[list[OutletState]]) -> None:
        """Waits for a lease call that runs at the stop and keeps its leases, so that `close` releases them.

        Cancels the call after LEASE_CALL_GRACE_SECONDS, because the store may be unavailable for longer.
        """
        await asyncio.wait({leasing}, timeout=LEASE_CALL_GRACE_SECONDS)
        if leasing.done():
            self._leased_states.update((state.name, state) for state in leasing.result())
        else:
            leasing.cancel()

    async def _lease_outlets(self, names: Sequence[str]) -> list[OutletState]:
        """Leases outlets of ``names`` that are due, as many as may be polled at a time; returns their states.

        Leases none while no worker runs that extracts or parses, so that other processes get the outlets.
        """
        if self._worker_problem():
            return []
        free_slots = self.config.crawl.concurrency - len(self._outlets_by_poll_task)
        # Without the outlets that this process polls: their leases may have expired, so the store may offer them.
        names = [name for name in names if name not in self._leased_states]
        if free_slots <= 0 or not names:
            return []
        await self._price.refresh_if_due(self.service)
        limit = min(free_slots, MAX_OUTLETS_LEASED_PER_SCAN) if self._continuous else free_slots
        states = await self.service.call(self._lease_from_store, names, limit)
        self._has_more_due = len(states) == limit
        return states

    def _lease_from_store(self, names: Sequence[str], limit: int) -> list[OutletState]:
        """Leases up to ``limit`` outlets; ignores the schedule of those with a last poll in the future.  Blocks."""
        # The clock is read at each call: the store may have been unavailable for longer than LEASE_TERM.
        scan_at = now()
        if self._last_scan_at is None or scan_at < self._last_scan_at - MIN_CLOCK_STEP_BACK:
            states = self.service.store.outlets()
            stored = {state.name for state in states}
            self._foreign_outlets = stored - self._outlets.keys()
            self.service.store.add_outlets([name for name in self._outlets if name not in stored], now=scan_at)
            self._polled_in_future = {
                state.name
                for state in states
                if state.last_poll_at and state.last_poll_at > scan_at + MIN_CLOCK_STEP_BACK
            }
        self._last_scan_at = scan_at
        lease = partial(self.service.store.lease, holder=self._lease_holder, now=scan_at, term=LEASE_TERM)
        # Outlets that a wrong clock scheduled are leased now: their next poll may be years away.
        polled_in_future = [name for name in names if name in self._polled_in_future] if self._polled_in_future else []
        states = lease(polled_in_future, limit=limit, due_only=False) if polled_in_future else []
        self._polled_in_future.difference_update(state.name for state in states)
        if len(states) == limit:
            return states
        if self._continuous and len(self._foreign_outlets) + len(self._leased_states) < len(self._outlets):
            return states + self._lease_due(scan_at, limit=limit - len(states))
        scheduled = [name for name in names if name not in polled_in_future]
        if scheduled:
            states += lease(scheduled, limit=limit - len(states), due_only=not self._ignore_schedule)
        return states

    def _lease_due(self, scan_at: datetime, *, limit: int) -> list[OutletState]:
        """Leases due outlets without naming all; gives back those of another configuration.  Blocks."""
        excluded = [*self._foreign_outlets, *self._leased_states]
        states = self.service.store.lease_due(
            excluded=excluded, holder=self._lease_holder, now=scan_at, term=LEASE_TERM, limit=limit
        )
        foreign = [state for state in states if state.name not in self._outlets]
        if foreign:
            self._foreign_outlets.update(state.name for state in foreign)
            self.service.store.release_all(foreign)
        return [state for state in states if state.name in self._outlets]

    # ---- polls

    def _start_poll(self, state: OutletState, context: PollContext) -> None:
        """Starts the poll of a leased outlet as a task."""
        outlet = self._outlets[state.name]
        self._leased_states[outlet.name] = state
        self._outlets_by_poll_task[asyncio.create_task(self._run_poll(outlet, state, context))] = outlet

    async def _run_poll(self, outlet: Outlet, state: OutletState, context: PollContext) -> PollReport:
        """Polls a leased outlet and returns the report.  Raises StoreError; other exceptions become a failed report."""
        try:
            report = await Poll(outlet, state, context).run()
        except StoreError:
            raise
        except Exception as error:  # one outlet's bug must not stop the polls of others
            if is_own_fault(error):
                report = await self._release_after_own_fault(state, error)
                self._leased_states.pop(outlet.name, None)
                return report
            log.exception("%s: the poll failed", outlet.name)
            reason = f"the poll failed: {error!r}"
            report = PollReport(outlet=outlet.name, has_failed=True, failures=[reason])
            failed_state = replace(
                state, failures=state.failures + 1, error=reason[:500], next_poll_at=now() + DELAY_AFTER_POLL_EXCEPTION
            )
            with suppress(LeaseLost):
                await self.service.call(self.service.store.release, failed_state)
        self._leased_states.pop(outlet.name, None)
        return report

    async def _release_after_own_fault(self, state: OutletState, error: Exception) -> PollReport:
        """Releases an outlet with its stored state, due after OWN_OUTAGE_PAUSE; returns the report of its poll."""
        with suppress(LeaseLost):
            due_state = replace(state, next_poll_at=now() + OWN_OUTAGE_PAUSE)
            await self.service.call(self.service.store.release, due_state)
        return PollReport(
            outlet=state.name,
            has_failed=True,
            own_outage=own_fault_message(error),
            own_outage_kind=FailureKind.NO_RESOURCES,
        )

    def _require_workers(self) -> None:
        """Starts the extraction workers at the first call.  Raises WorkersUnavailable if a pool cannot start its own.

        The process should then end, because its supervisor may start it anew with success.
        """
        self.service.extractor.start()  # the processes start while sources are read
        for kind, pool in self._worker_pools():
            if pool.has_given_up:
                raise WorkersUnavailable(
                    f"no {kind} worker could be started for {GIVE_UP_SECONDS:g} s: {pool.problem}",
                    hint="free memory, or raise the limits on memory, open files and processes",
                )

    def _worker_problem(self) -> str:
        """Returns the reason why pages cannot be extracted or documents not be parsed at present; empty without one."""
        return next((pool.problem for _, pool in self._worker_pools() if pool.problem), "")

    def _worker_pools(self) -> Iterator[tuple[str, Extractor | WorkerPool]]:
        """Yields the pools of worker processes that this process has started, each with what they do."""
        yield "extraction", self.service.extractor
        if (parsers := parser_pool()) is not None:
            yield "parser", parsers

    def _collect_reports(self, crawler: Crawler) -> list[PollReport]:
        """Removes the polls that have ended, adds their reports to the crawl's report, and returns them.

        A poll that raised an exception stops the crawl and has no report.
        """
        reports = []
        for task in [task for task in self._outlets_by_poll_task if task.done()]:
            del self._outlets_by_poll_task[task]
            if task.cancelled():
                continue
            error = task.exception()
            if error is not None:
                self._stop_on_error(error)
                continue
            report = task.result()
            _update_scrapy_stats(crawler, report)
            self.report.add_poll(report)
            reports.append(report)
            if self._continuous and report.next_poll_at is not None:
                insort(self._next_poll_times, report.next_poll_at)
            self._observer.poll_ended(report)
        return reports

    async def _finish_polls(self) -> None:
        """Waits for the running polls and cancels those that take longer than SHUTDOWN_GRACE_SECONDS."""
        if self._outlets_by_poll_task:
            _, pending = await asyncio.wait(set(self._outlets_by_poll_task), timeout=SHUTDOWN_GRACE_SECONDS)
            await _cancel_all(pending)

    async def _record_unpolled(self, names: Sequence[str]) -> None:
        """Sets the crawl report's lists of outlets that were not polled; no effect in continuous mode.

        ``names`` are the outlets that could not be leased.
        """
        if self._continuous:
            return
        if self.stop.is_set():
            polled = {poll.outlet for poll in self.report.polls}
            self.report.outlets_not_finished = tuple(name for name in self._outlets if name not in polled)
            return
        if not names:
            return
        states = {state.name: state for state in await self.service.call(self.service.store.outlets)}
        time = now()
        leased = {name for name in names if (s := states.get(name)) and s.holder_at(time)}
        self.report.outlets_leased_elsewhere = tuple(name for name in names if name in leased)
        self.report.outlets_not_due = tuple(name for name in names if name not in leased)

    def _stop_on_error(self, error: BaseException) -> None:
        """Logs the error once, adds it to the crawl's report and sets ``stop``."""
        if isinstance(error, MonitorError):
            text = str(error)
        elif is_own_fault(error):
            text = own_fault_message(error)
        else:
            text = repr(error)
            log.error("the crawl failed", exc_info=error)
        if text not in self.report.errors:
            log.error("the crawl stops: %s", text)
            self.report.errors.append(text)
        self.stop.set()


async def _cancel_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels the tasks and waits until they have ended."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _update_scrapy_stats(crawler: Crawler, report: PollReport) -> None:
    """Adds the counts of one poll to Scrapy's statistics, which Scrapy's exporters and extensions read."""
    stats = crawler.stats
    stats.inc_value("monitor/polls")
    stats.inc_value("monitor/polls/failed", int(report.has_failed))
    stats.inc_value("monitor/sources", report.source_count)
    stats.inc_value("monitor/sources/unchanged", report.unchanged_source_count)
    stats.inc_value("monitor/candidates", report.candidate_count)
    stats.inc_value("monitor/candidates/new", report.new_candidate_count)
    for (disposition, kind), number in report.outcomes.items():
        stats.inc_value(f"monitor/disposition/{disposition.value}", number)
        if kind:
            stats.inc_value(f"monitor/disposition/{disposition.value}/{kind}", number)
