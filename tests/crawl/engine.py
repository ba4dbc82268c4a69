"""A Scrapy engine for tests: the reactor runs in a background thread until the tests end."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from scrapy.crawler import AsyncCrawlerRunner
from scrapy.settings import Settings
from scrapy.utils.reactor import install_reactor

from monitor import retry_policy
from monitor.config.schema import Config, CrawlSettings, Outlet
from monitor.crawl.one_off import OneOffSpider
from monitor.crawl.scheduler import OutletScheduler
from monitor.models import Disposition, FrontierEntry, Outcome, now
from monitor.page_budget import PageBudget
from monitor.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.report import CrawlReport
    from monitor.errors import FetchError
    from monitor.failures import FailureKind
    from monitor.models import Page

FAST_SETTINGS = CrawlSettings(delay=timedelta(0), timeout=timedelta(seconds=2), user_agent="media-monitor/test")


class Engine:
    """Runs coroutines, fetchers and crawls on the reactor."""

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

    def run(self, coroutine: Coroutine[Any, Any, Any], *, timeout: float = 60) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def with_fetcher(
        self, work: Callable[[Fetcher], Awaitable[Any]], settings: CrawlSettings = FAST_SETTINGS, *, timeout: float = 60
    ) -> Any:
        """Calls ``work`` with a fetcher; returns its result or raises its exception."""
        results: list[Any] = []

        async def crawl() -> None:
            runner = AsyncCrawlerRunner(self.settings)
            await runner.crawl(OneOffSpider, settings=settings, work=work, on_result=results.append)

        self.run(crawl(), timeout=timeout)
        if isinstance(results[0], BaseException):
            raise results[0]
        return results[0]

    def crawl(self, service: Any, spider: str = "outlets", **options: Any) -> CrawlReport:
        """Runs a scheduler over all of the service's outlets; returns its report."""

        async def crawl() -> CrawlReport:
            names = [outlet.name for outlet in service.config.outlets]
            scheduler = OutletScheduler(service, names, **options)
            await AsyncCrawlerRunner(self.settings).crawl(spider, scheduler=scheduler)
            return scheduler.report

        return self.run(crawl())


@cache
def shared_engine() -> Engine:
    """Returns the one engine of this process: a reactor starts once."""
    return Engine()


@dataclass
class FakeIngest:
    """Stores every page as a story and records the calls."""

    store: MemoryStore
    pages: list[Page] = field(default_factory=list)
    failures: dict[str, FetchError] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    disposition: Disposition = Disposition.STORED
    kind: str = ""
    extraction_failure: FailureKind | None = None
    seconds_per_page: float = 0.0

    async def ingest_page(
        self,
        outlet: Outlet,
        entry: FrontierEntry,
        page: Page,
        boilerplate: object,
        fetch_linked: object,
        *,
        release_body: Callable[[], None],
    ) -> Outcome:
        await asyncio.sleep(self.seconds_per_page)
        self.pages.append(page)
        if self.extraction_failure is not None:
            outcome = Outcome(disposition=Disposition.FAILED, kind=self.extraction_failure.label)
            return self._settle(retry_policy.entry_after_failure(entry, self.extraction_failure, now=now()), outcome)
        stored = replace(entry, story=entry.id, etag=page.etag, last_modified=page.last_modified)
        return self._settle(retry_policy.finished_entry(stored), Outcome(disposition=self.disposition, kind=self.kind))

    async def settle_not_modified(self, entry: FrontierEntry) -> Outcome:
        self.unchanged.append(entry.candidate.url)
        return self._settle(retry_policy.finished_entry(entry), Outcome(disposition=Disposition.UNCHANGED))

    async def settle_fetch_failure(self, outlet: Outlet, entry: FrontierEntry, error: FetchError) -> Outcome:
        self.failures[entry.candidate.url] = error
        retry_after = timedelta(seconds=error.retry_after or 0)
        failed = retry_policy.entry_after_failure(entry, error.kind, now=now(), retry_after=retry_after)
        return self._settle(failed, Outcome(disposition=Disposition.FAILED, kind=error.label, detail=error.message))

    async def take_over(self, outlet: Outlet, candidates: object) -> None:
        pass

    async def store_headline_unread(self, outlet: Outlet, entry: FrontierEntry) -> Outcome | None:
        if entry.story is not None:
            return None
        kept = replace(entry, story=entry.id)
        return self._settle(kept, Outcome(disposition=Disposition.STORED, kind="headline"))

    def _settle(self, entry: FrontierEntry, outcome: Outcome) -> Outcome:
        self.store.state.frontier_entries[entry.id] = entry
        return replace(outcome, next_at=entry.next_at)


class FakeService:
    """The part of `monitor.service.Service` that a scheduler uses."""

    def __init__(self, *outlets: Outlet, crawl: CrawlSettings = FAST_SETTINGS) -> None:
        self.config = Config(crawl=crawl, outlets=outlets)
        self.is_store_unavailable = False
        self.store = MemoryStore()
        self.ingest = FakeIngest(self.store)
        self.page_budget = PageBudget(max_page_bytes=crawl.max_size, concurrency=crawl.concurrency)
        self.extractor = SimpleNamespace(start=lambda: None, problem="", has_given_up=False)
        self.calls: defaultdict[str, int] = defaultdict(int)

    async def call(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.calls[work.__name__] += 1
        return await asyncio.to_thread(work, *args, **kwargs)
