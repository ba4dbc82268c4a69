"""A Scrapy engine for tests: the reactor runs in a thread of its own for as long as the tests do."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from scrapy.crawler import AsyncCrawlerRunner
from scrapy.settings import Settings
from scrapy.utils.reactor import install_reactor

from monitor.config.schema import Config, CrawlSettings, Outlet
from monitor.crawl.one_off import OneOffSpider
from monitor.crawl.scheduler import OutletScheduler
from monitor.errors import LeaseLost
from monitor.models import Disposition, FrontierEntry, Outcome, OutletState, now
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.report import CrawlReport
    from monitor.errors import FetchError
    from monitor.models import Candidate, Page

FAST = CrawlSettings(delay=timedelta(0), timeout=timedelta(seconds=2), user_agent="media-monitor/test")


class Engine:
    """The running reactor."""

    def __init__(self) -> None:
        install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor")
        from twisted.internet import reactor

        from monitor.egress.resolver import ExpiringResolver

        self.reactor: Any = reactor
        self.loop: asyncio.AbstractEventLoop = self.reactor._asyncioEventloop
        ExpiringResolver(self.reactor).install_on_reactor()
        threading.Thread(target=self.reactor.run, kwargs={"installSignalHandlers": False}, daemon=True).start()
        self.settings = Settings()
        self.settings.setmodule("monitor.crawl.settings", priority="project")

    def run(self, work: Coroutine[Any, Any, Any], *, timeout: float = 60) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def do(
        self, work: Callable[[Fetcher], Awaitable[Any]], settings: CrawlSettings = FAST, *, timeout: float = 60
    ) -> Any:
        """What the coroutine returns or raises, given a fetcher."""
        kept: list[Any] = []

        async def whole() -> None:
            runner = AsyncCrawlerRunner(self.settings)
            await runner.crawl(OneOffSpider, settings=settings, do=work, keep=kept.append)

        self.run(whole(), timeout=timeout)
        if isinstance(kept[0], BaseException):
            raise kept[0]
        return kept[0]

    def shift(self, service: Any, spider: str = "outlets", **options: Any) -> CrawlReport:
        """The report of a shift over all of the service's outlets."""

        async def whole() -> CrawlReport:
            names = [outlet.name for outlet in service.config.outlets]
            shift = OutletScheduler(service, names, **options)
            await AsyncCrawlerRunner(self.settings).crawl(spider, scheduler=shift)
            return shift.report

        return self.run(whole())


@cache
def shared() -> Engine:
    """The one engine of this process: a reactor starts once."""
    return Engine()


class Memory:
    """As much of a store as a poll needs."""

    def __init__(self) -> None:
        self.visits: dict[str, FrontierEntry] = {}
        self.states: dict[str, OutletState] = {}
        self.lock = threading.Lock()

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        new = []
        for candidate in candidates:
            key = story_id(candidate.url)
            if key not in self.visits:
                self.visits[key] = FrontierEntry(id=key, candidate=candidate, first_seen_at=now, next_at=now)
                new.append(self.visits[key])
        return new

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        due = [v for v in self.visits.values() if v.candidate.outlet == outlet and v.next_at and v.next_at <= now]
        return sorted(due, key=lambda visit: visit.next_at or now)[:limit]

    def lease(
        self, names: Sequence[str], *, holder: str, now: datetime, term: timedelta, limit: int, due_only: bool = True
    ) -> list[OutletState]:
        taken = []
        with self.lock:
            for name in names:
                fresh = OutletState(name=name, next_poll_at=now, interval=timedelta(minutes=15))
                state = self.states.get(name, fresh)
                free = state.lease_until is None or state.lease_until <= now
                if free and (not due_only or state.next_poll_at <= now) and len(taken) < limit:
                    state = replace(state, holder=holder, lease_until=now + term, fencing_token=f"{holder}{now}")
                    self.states[name] = state
                    taken.append(state)
        return taken

    def renew(self, state: OutletState, *, now: datetime, term: timedelta) -> OutletState:
        if self.states[state.name].fencing_token != state.fencing_token:
            raise LeaseLost(state.name)
        return replace(state, lease_until=now + term)

    def release(self, state: OutletState) -> None:
        with self.lock:
            if self.states[state.name].fencing_token != state.fencing_token:
                raise LeaseLost(state.name)
            self.states[state.name] = replace(state, holder=None, lease_until=None, fencing_token="")

    def outlets(self) -> list[OutletState]:
        return list(self.states.values())


@dataclass
class FakeIngest:
    """Stores every page as a story, and remembers what came."""

    memory: Memory
    pages: list[Page] = field(default_factory=list)
    failures: dict[str, FetchError] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    disposition: Disposition = Disposition.STORED
    kind: str = ""
    slow: float = 0.0

    async def page(self, outlet: Outlet, visit: FrontierEntry, page: Page, furniture: object) -> Outcome:
        await asyncio.sleep(self.slow)
        self.pages.append(page)
        settled = replace(visit, next_at=None, story=visit.id, etag=page.etag, last_modified=page.last_modified)
        self.memory.visits[visit.id] = settled
        return Outcome(disposition=self.disposition, kind=self.kind)

    async def not_modified(self, visit: FrontierEntry) -> Outcome:
        self.unchanged.append(visit.candidate.url)
        self.memory.visits[visit.id] = replace(visit, next_at=None)
        return Outcome(disposition=Disposition.UNCHANGED)

    async def failed(self, visit: FrontierEntry, error: FetchError) -> Outcome:
        self.failures[visit.candidate.url] = error
        again = None if error.permanent else now() + timedelta(minutes=5)
        self.memory.visits[visit.id] = replace(visit, next_at=again, attempts=visit.attempts + 1)
        return Outcome(disposition=Disposition.FAILED, kind=error.kind, detail=error.message)


class FakeService:
    """What a shift asks of `monitor.service.Service`."""

    def __init__(self, *outlets: Outlet, crawl: CrawlSettings = FAST) -> None:
        self.config = Config(crawl=crawl, outlets=outlets)
        self.away = False
        self.store = Memory()
        self.ingest = FakeIngest(self.store)
        self.extractor = SimpleNamespace(start=lambda: None)
        self.calls: defaultdict[str, int] = defaultdict(int)

    async def call(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.calls[work.__name__] += 1
        return await asyncio.to_thread(work, *args, **kwargs)
