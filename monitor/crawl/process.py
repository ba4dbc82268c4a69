"""A crawling process: `crawl` makes one pass, `run` goes on until it is told to stop.

The first SIGTERM or SIGINT ends it cleanly: pages under way are filed, no further one is fetched, leases are given
back.  The second one kills.  A process runs one of these functions once: Twisted's reactor cannot start again.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from scrapy.settings import Settings

from monitor.crawl.lease import reclaim
from monitor.crawl.report import CrawlReport
from monitor.errors import ConfigError, MonitorError, StoreError
from monitor.models import now
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from scrapy.crawler import AsyncCrawlerProcess

    from monitor.config import Config, CrawlSettings
    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.report import PollReport
    from monitor.notify.dispatcher import Dispatcher
    from monitor.service import Service

    T = TypeVar("T")
else:
    T = TypeVar("T")

log = logging.getLogger(__name__)

MAIL_INTERVAL_SECONDS = 10.0  # seconds between two looks into the outbox


def crawl(
    config: Config,
    base: Path,
    *,
    names: Sequence[str] = (),
    ignore_schedule: bool = False,
    on_poll: Callable[[PollReport], None] | None = None,
) -> CrawlReport:
    """Polls each outlet that is due once (``everything``: due or not; ``names``: only these) and says how it went.

    ``told`` is called with each poll's report as it ends.  Raises StoreUnavailable, StoreRefused or ConfigError before
    anything is fetched; what fails later is in the report.
    """
    from monitor.service import STORE_RETRY_TIMEOUT, open_service

    with open_service(config, base, store_retry_timeout=STORE_RETRY_TIMEOUT) as service:
        return _work(service, names=names, ignore_schedule=ignore_schedule, continuous=False, on_poll=on_poll)


def run(config: Config, base: Path, *, on_poll: Callable[[PollReport], None] | None = None) -> CrawlReport:
    """Polls the outlets whenever they are due and sends mail as it gets due, until SIGTERM or SIGINT."""
    from monitor.service import open_service

    with open_service(config, base) as service:
        return _work(service, names=(), ignore_schedule=False, continuous=True, on_poll=on_poll)


def run_one_off(settings: CrawlSettings, do: Callable[[Fetcher], Awaitable[T]]) -> T:
    """Runs one coroutine with a fetcher, robots.txt, guard and limits as in a crawl; for `discover` and `extract`."""
    from monitor.crawl.one_off import OneOffSpider

    process = _process()
    kept: list[T] = []
    task = process.crawl(OneOffSpider, settings=settings, do=do, keep=kept.append)
    received = _cancel_when_told(process)
    process.start(install_signal_handlers=False)
    if received:
        raise KeyboardInterrupt
    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
        raise error
    if not kept:
        raise MonitorError("interrupted")
    if isinstance(kept[0], BaseException):
        raise kept[0]
    return kept[0]


# ---- the steps


def _work(
    service: Service, *, continuous: bool, names: Sequence[str], ignore_schedule: bool, on_poll: Any
) -> CrawlReport:
    from monitor.crawl.scheduler import OutletScheduler

    process = _process()
    outlets = [outlet for outlet in service.config.outlets if not names or outlet.name in set(names)]
    by_spider: dict[str, list[str]] = defaultdict(list)
    for outlet in outlets:
        by_spider[outlet.spider].append(outlet.name)
    known = process.spider_loader.list()
    if unknown := [outlet for outlet in outlets if outlet.spider not in known]:
        raise ConfigError(
            [f"outlet {o.name!r}: there is no spider {o.spider!r}; known are {', '.join(known)}" for o in unknown]
        )
    if freed := reclaim(service.store, now=now()):
        log.info("taken over from a process that died: %s", ", ".join(freed))
    stopping = asyncio.Event()
    shifts, tasks = [], []
    for spider, own in by_spider.items():
        shift = OutletScheduler(
            service, own, ignore_schedule=ignore_schedule, continuous=continuous, stop=stopping, on_poll=on_poll
        )
        shifts.append(shift)
        tasks.append(process.crawl(spider, scheduler=shift))
    received: list[signal.Signals] = []
    if tasks:
        _listen(stopping, received)
        if continuous:
            _send_mail_beside(service, stopping)
        process.start(install_signal_handlers=False)
    report = _summed([shift.report for shift in shifts], tasks)
    return replace(report, interrupted=received[0]) if received else report


def _process() -> AsyncCrawlerProcess:
    from scrapy.crawler import AsyncCrawlerProcess

    settings = Settings()
    settings.setmodule("monitor.crawl.settings", priority="project")
    settings.set("LOG_INSTALL_ROOT_HANDLER", False, priority="cmdline")
    logging.disable(logging.INFO)  # Scrapy lists its parts and their versions
    try:
        process = AsyncCrawlerProcess(settings)
    finally:
        logging.disable(logging.NOTSET)
    logging.getLogger("scrapy").setLevel(logging.ERROR)  # our own lines tell what happens
    return process


def _listen(stopping: asyncio.Event, received: list[signal.Signals]) -> None:
    loop = asyncio.get_event_loop()

    def stop(number: signal.Signals) -> None:
        log.warning("%s: finishing the pages under way; once more to quit at once", number.name)
        received.append(number)
        stopping.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop, each)


def _cancel_when_told(process: AsyncCrawlerProcess) -> list[signal.Signals]:
    """Nothing is kept of an errand, so the first signal ends it: what is under way is not waited for."""
    from monitor.crawl.one_off import OneOffSpider

    loop, received = asyncio.get_event_loop(), list[signal.Signals]()

    def stop(number: signal.Signals) -> None:
        received.append(number)
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        for crawler in process.crawlers:
            if isinstance(crawler.spider, OneOffSpider):
                crawler.spider.cancel()

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop, each)
    return received


async def _send_mail(service: Service, stopping: asyncio.Event) -> None:
    """Looks into the outbox again and again."""
    from monitor.delivery import open_dispatcher

    with open_dispatcher(service.store, service.config) as dispatcher:
        while not stopping.is_set():
            await _deliver(dispatcher, stopping)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), MAIL_INTERVAL_SECONDS)


async def _deliver(dispatcher: Dispatcher, stopping: asyncio.Event) -> None:
    try:
        report = await asyncio.to_thread(dispatcher.deliver, stop=stopping.is_set)
    except StoreError as error:
        log.warning("no mail is sent for now: %s", error)
    except Exception:  # one round's fault must not end the mail of a process that runs for months
        log.exception("a round of mail broke")
    else:
        for line in report.errors:
            log.error("mail: %s", line)
        if report.mails:
            log.info("%s sent", plural(report.mails, "mail"))


def _send_mail_beside(service: Service, stopping: asyncio.Event) -> None:
    """Keeps sending mail; the process ends as soon as the mail under way is sent and marked."""
    from scrapy.utils.defer import deferred_from_coro
    from twisted.internet import reactor

    task = asyncio.get_event_loop().create_task(_send_mail(service, stopping))

    async def end() -> None:
        stopping.set()
        await asyncio.gather(task, return_exceptions=True)

    reactor.addSystemEventTrigger("before", "shutdown", lambda: deferred_from_coro(end()))  # type: ignore[arg-type]  # as documented: phase, event, callable


def _summed(reports: Sequence[CrawlReport], tasks: Sequence[asyncio.Task[None]]) -> CrawlReport:
    errors = dict.fromkeys(error for report in reports for error in report.errors)
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            errors[str(error) or repr(error)] = None
    return CrawlReport(
        polled=sum(report.polled for report in reports),
        outcomes=sum((report.outcomes for report in reports), Counter()),
        polls=[poll for report in reports for poll in report.polls],
        held=tuple(name for report in reports for name in report.held),
        not_due=tuple(name for report in reports for name in report.not_due),
        unpolled=tuple(name for report in reports for name in report.unpolled),
        errors=list(errors),
        seconds=max((report.seconds for report in reports), default=0.0),
    )
