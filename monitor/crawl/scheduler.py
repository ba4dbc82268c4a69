"""One spider's work in one process: lease what is due, poll it, give it back."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from monitor.crawl.fetch import Fetcher
from monitor.crawl.lease import LEASE_TERM, reclaim
from monitor.crawl.poll import PollContext, poll
from monitor.crawl.report import CrawlReport, PollReport
from monitor.errors import ConfigError, LeaseLost, MonitorError, StoreError
from monitor.models import now
from monitor.process_identity import this_process
from monitor.rendering import engines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime
    from typing import Self

    from scrapy.crawler import Crawler

    from monitor.config import CrawlSettings, Outlet
    from monitor.crawl.sources import Parse
    from monitor.models import OutletState
    from monitor.service import Service

log = logging.getLogger(__name__)

LEASE_SCAN_SECONDS = 5.0  # seconds between two looks at what is due
SLOTS_PER_POLL = 8  # outlets that one look takes, so that what is due at once is shared among processes that look
SHUTDOWN_GRACE_SECONDS = 45.0  # seconds that pages under way have to end in when the process is told to stop
RELEASE_TIMEOUT_SECONDS = 5.0  # seconds that a lease under way then has
MIN_CLOCK_STEP = timedelta(minutes=1)  # by which a clock must have been set back to be noticed
BROKEN_POLL_DELAY = timedelta(hours=1)  # until an outlet whose poll broke is tried again


def crawl_settings(crawl: CrawlSettings) -> dict[str, Any]:
    """Scrapy's settings that monitor.yaml decides."""
    return {
        "USER_AGENT": crawl.user_agent,
        "DOWNLOAD_TIMEOUT": crawl.timeout.total_seconds(),
        "DOWNLOAD_MAXSIZE": crawl.max_size,
        "MONITOR_CONCURRENCY": crawl.concurrency,
        "MONITOR_OBEY_ROBOTS": crawl.obey_robots,
        **engines.settings(crawl),
    }


class OutletScheduler:
    """Polls the outlets ``names`` (of one spider), once each or, ``forever``, whenever they are due."""

    def __init__(
        self,
        service: Service,
        names: Sequence[str],
        *,
        ignore_schedule: bool = False,
        continuous: bool = False,
        stop: asyncio.Event | None = None,
        on_poll: Callable[[PollReport], None] | None = None,
    ) -> None:
        self.service = service
        self.config = service.config
        self.report = CrawlReport()
        self.stopping = stop or asyncio.Event()
        self._outlets = {outlet.name: outlet for outlet in self.config.outlets if outlet.name in set(names)}
        self._everything, self._forever, self._told = ignore_schedule, continuous, on_poll
        self._holder = this_process()
        self._held: dict[str, OutletState] = {}
        self._polls: dict[asyncio.Task[PollReport], Outlet] = {}
        self._own = ExitStack()
        self._looked_at: datetime | None = None
        self._ahead: set[str] = set()  # outlets polled at a time that is still to come, when the clock was wrong
        self._warmed: asyncio.Task[None] | None = None  # extraction starts while the first sources are read

    @classmethod
    def from_arguments(cls, spider: str, *, config: str, outlets: str, everything: str) -> Self:
        """For `scrapy crawl`: opens a service of its own, which `finish` closes."""
        from monitor.cli.context import unknown_name
        from monitor.config import load
        from monitor.service import STORE_RETRY_TIMEOUT, open_service

        path = Path(config)
        loaded, opened = load(path, os.environ), ExitStack()
        wanted = {name.strip() for name in outlets.split(",") if name.strip()}
        own = [outlet.name for outlet in loaded.outlets if outlet.spider == spider]
        if strange := sorted(wanted.difference(own)):
            raise ConfigError([unknown_name("outlet", name, own) for name in strange])
        service = opened.enter_context(
            open_service(loaded, path.absolute().parent, store_retry_timeout=STORE_RETRY_TIMEOUT)
        )
        reclaim(service.store, now=now())
        names = [name for name in own if not wanted or name in wanted]
        shift = cls(service, names, ignore_schedule=bool(everything) and everything != "0")
        shift._own = opened
        return shift

    async def work(self, crawler: Crawler, parse: Parse) -> AsyncIterator[dict[str, str]]:
        """Yields an item for each page; ends when all is polled, or soon after ``stop`` is set."""
        began = monotonic()
        fetcher = Fetcher(crawler, self.config.crawl)
        desk = PollContext(service=self.service, fetcher=fetcher, parse=parse, stop=self.stopping)
        remaining = list(self._outlets)
        stop = asyncio.create_task(self.stopping.wait())
        try:
            while not self.stopping.is_set():
                leasing = asyncio.create_task(self._lease(remaining))
                await asyncio.wait({leasing, stop}, return_when=asyncio.FIRST_COMPLETED)
                if not leasing.done():
                    await self._let_go(leasing)
                    break
                for state in leasing.result():
                    if not self._forever:
                        remaining.remove(state.name)
                    self._start(state, desk)
                if not self._polls and not self._forever:
                    break
                await asyncio.wait(
                    {*self._polls, stop}, timeout=LEASE_SCAN_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                for report in self._ended(crawler):
                    for item in report.items:
                        yield item
            await self._wind_up()
            for report in self._ended(crawler):
                for item in report.items:
                    yield item
            await self._left_out(remaining)
        except StoreError as error:
            self._stop(error)
        except Exception as error:  # else Scrapy logs it and ends as if all had gone well
            log.exception("crawling broke")
            self._stop(error)
        finally:
            stop.cancel()
            self.report.seconds = monotonic() - began

    async def finish(self) -> None:
        """Gives back what is still held: the spider is closed, whoever told it to."""
        tasks = [*self._polls, *filter(None, [self._warmed])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self.service.away:  # else the leases run out by themselves
            await asyncio.gather(*map(self._release, self._held.values()))
        self._held.clear()
        self._own.close()

    # ---- the steps

    async def _release(self, state: OutletState) -> None:
        with suppress(LeaseLost, StoreError):  # then its lease runs out by itself
            await asyncio.to_thread(self.service.store.release, replace(state, next_poll_at=now()))

    async def _let_go(self, leasing: asyncio.Task[list[OutletState]]) -> None:
        """Told to stop amid a lease: keeps what it brings for `finish` to give back.

        The store may be away for long: nobody waits for that.
        """
        await asyncio.wait({leasing}, timeout=RELEASE_TIMEOUT_SECONDS)
        if leasing.done():
            self._held.update((state.name, state) for state in leasing.result())
        else:
            leasing.cancel()

    async def _lease(self, names: Sequence[str]) -> list[OutletState]:
        room = self.config.crawl.concurrency - len(self._polls)
        names = [name for name in names if name not in self._held]  # not from ourselves, however late a renewal is
        if room <= 0 or not names:
            return []
        return await self.service.call(self._take, names, min(room, SLOTS_PER_POLL) if self._forever else room)

    def _take(self, names: Sequence[str], limit: int) -> list[OutletState]:
        """From the moment the store is asked: it may have been away for longer than the term."""
        moment = now()
        if self._looked_at is None or moment < self._looked_at - MIN_CLOCK_STEP:
            states = self.service.store.outlets()
            self._ahead = {
                state.name for state in states if state.last_poll_at and state.last_poll_at > moment + MIN_CLOCK_STEP
            }
        self._looked_at = moment
        lease = partial(self.service.store.lease, holder=self._holder, now=moment, term=LEASE_TERM)
        ahead = [name for name in names if name in self._ahead]  # their next poll may be years away
        taken = lease(ahead, limit=limit, due_only=False) if ahead else []
        self._ahead.difference_update(state.name for state in taken)
        others = [name for name in names if name not in ahead]
        if others and len(taken) < limit:
            taken += lease(others, limit=limit - len(taken), due_only=not self._everything)
        return taken

    def _start(self, state: OutletState, desk: PollContext) -> None:
        outlet = self._outlets[state.name]
        if self._warmed is None:
            self._warmed = asyncio.create_task(asyncio.to_thread(self.service.extractor.start))
        self._held[outlet.name] = state
        self._polls[asyncio.create_task(self._poll(outlet, state, desk))] = outlet

    async def _poll(self, outlet: Outlet, state: OutletState, desk: PollContext) -> PollReport:
        try:
            report = await poll(outlet, state, desk)
        except StoreError:
            raise
        except Exception as error:  # one outlet's fault must not end the others' polls; it is told in the summary
            log.exception("%s: the poll broke", outlet.name)
            reason = f"the poll broke: {error!r}"
            report = PollReport(outlet=outlet.name, failed=True, failures=[reason])
            broken = replace(
                state, failures=state.failures + 1, error=reason[:500], next_poll_at=now() + BROKEN_POLL_DELAY
            )
            with suppress(LeaseLost):
                await self.service.call(self.service.store.release, broken)
        self._held.pop(outlet.name, None)
        return report

    def _ended(self, crawler: Crawler) -> list[PollReport]:
        reports = []
        for task in [task for task in self._polls if task.done()]:
            del self._polls[task]
            if task.cancelled():
                continue
            error = task.exception()
            if error is not None:
                self._stop(error)
                continue
            report = task.result()
            _count(crawler, report)
            self.report.add(report)
            reports.append(report)
            if self._told:
                self._told(report)
        return reports

    async def _wind_up(self) -> None:
        """Waits for the pages under way, not for ever."""
        if self._polls:
            _, late = await asyncio.wait(set(self._polls), timeout=SHUTDOWN_GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _left_out(self, names: Sequence[str]) -> None:
        if self._forever:
            return
        if self.stopping.is_set():
            polled = {poll.outlet for poll in self.report.polls}
            self.report.unpolled = tuple(name for name in self._outlets if name not in polled)
            return
        if not names:
            return
        states = {state.name: state for state in await self.service.call(self.service.store.outlets)}
        moment = now()
        held = {name for name in names if (s := states.get(name)) and s.lease_until and s.lease_until > moment}
        self.report.held = tuple(name for name in names if name in held)
        self.report.not_due = tuple(name for name in names if name not in held)

    def _stop(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, MonitorError) else repr(error)
        if text not in self.report.errors:
            log.error("crawling stops: %s", text)
            self.report.errors.append(text)
        self.stopping.set()


def _count(crawler: Crawler, report: PollReport) -> None:
    """Scrapy's statistics, for its exporters and extensions."""
    stats = crawler.stats
    stats.inc_value("monitor/polls")
    stats.inc_value("monitor/polls/failed", int(report.failed))
    stats.inc_value("monitor/sources", report.sources)
    stats.inc_value("monitor/sources/unchanged", report.unchanged)
    stats.inc_value("monitor/candidates", report.candidates)
    stats.inc_value("monitor/candidates/new", report.new)
    for (disposition, kind), number in report.outcomes.items():
        stats.inc_value(f"monitor/disposition/{disposition.value}", number)
        if kind:
            stats.inc_value(f"monitor/disposition/{disposition.value}/{kind}", number)
