"""Runs crawls in this process: `crawl` polls each due outlet once, `run` polls until a signal stops it.

The first SIGTERM or SIGINT stops a crawl cleanly: it stores the pages being fetched, starts no further page and
releases its leases.  The second signal kills the process.  A process can call `crawl`, `run` or `run_one_off` once,
because Twisted's reactor cannot be restarted.
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

from monitor.crawl.lease import release_dead_leases
from monitor.crawl.report import CrawlReport
from monitor.delivery_text import channel_label, sent_text
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

DELIVERY_INTERVAL_SECONDS = 10.0  # pause of `run` between two deliveries of the outbox


def crawl(
    config: Config,
    base: Path,
    *,
    names: Sequence[str] = (),
    ignore_schedule: bool = False,
    on_poll: Callable[[PollReport], None] | None = None,
) -> CrawlReport:
    """Polls each due outlet once and returns a report; delivers nothing.

    ``names`` limits the crawl to these outlets (empty: all); ``ignore_schedule`` also polls outlets that are not due.
    ``base`` is the directory of relative paths in ``config``.  Calls ``on_poll`` with the report of each poll.  Raises
    StoreUnavailable, StoreRefused or ConfigError before the first fetch; the returned report lists later errors.
    """
    from monitor.service import STORE_RETRY_TIMEOUT, open_service

    with open_service(config, base, store_retry_timeout=STORE_RETRY_TIMEOUT) as service:
        return _crawl_outlets(service, names=names, ignore_schedule=ignore_schedule, continuous=False, on_poll=on_poll)


def run(config: Config, base: Path, *, on_poll: Callable[[PollReport], None] | None = None) -> CrawlReport:
    """Polls outlets and delivers notifications, each when due, until SIGTERM or SIGINT; returns a report as `crawl`."""
    from monitor.service import open_service

    with open_service(config, base) as service:
        return _crawl_outlets(service, names=(), ignore_schedule=False, continuous=True, on_poll=on_poll)


def run_one_off(settings: CrawlSettings, work: Callable[[Fetcher], Awaitable[T]]) -> T:
    """Runs ``work`` with a fetcher that obeys robots.txt, the address guard and all limits of a crawl.

    Returns the result of ``work`` or raises its exception.  Raises KeyboardInterrupt after SIGTERM or SIGINT.
    """
    from monitor.crawl.one_off import OneOffSpider

    process = _new_crawler_process()
    results: list[T] = []
    task = process.crawl(OneOffSpider, settings=settings, work=work, on_result=results.append)
    received = _cancel_one_off_on_signal(process)
    process.start(install_signal_handlers=False)
    if received:
        raise KeyboardInterrupt
    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
        raise error
    if not results:
        raise MonitorError("interrupted")
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


# ---- the crawl of `crawl` and `run`


def _crawl_outlets(
    service: Service, *, continuous: bool, names: Sequence[str], ignore_schedule: bool, on_poll: Any
) -> CrawlReport:
    """Groups the outlets by spider and runs one scheduler for each group until all end; returns the combined report."""
    from monitor.crawl.scheduler import OutletScheduler

    process = _new_crawler_process()
    outlets = [outlet for outlet in service.config.outlets if not names or outlet.name in set(names)]
    names_by_spider: dict[str, list[str]] = defaultdict(list)
    for outlet in outlets:
        names_by_spider[outlet.spider].append(outlet.name)
    spiders = process.spider_loader.list()
    if without_spider := [outlet for outlet in outlets if outlet.spider not in spiders]:
        raise ConfigError(
            [
                f"outlet {outlet.name!r}: there is no spider {outlet.spider!r}; there are {', '.join(spiders)}"
                for outlet in without_spider
            ]
        )
    if released := release_dead_leases(service.store, now=now()):
        log.info("taken over from a process that died: %s", ", ".join(released))
    stop = asyncio.Event()
    schedulers, tasks = [], []
    for spider, spider_outlets in names_by_spider.items():
        scheduler = OutletScheduler(
            service,
            spider_outlets,
            ignore_schedule=ignore_schedule,
            continuous=continuous,
            stop=stop,
            on_poll=on_poll,
        )
        schedulers.append(scheduler)
        tasks.append(process.crawl(spider, scheduler=scheduler))
    received: list[signal.Signals] = []
    if tasks:
        _stop_crawl_on_signal(stop, received)
        if continuous:
            _start_delivery(service, stop)
        process.start(install_signal_handlers=False)
    report = _combine_crawl_reports([scheduler.report for scheduler in schedulers], tasks)
    return replace(report, stop_signal=received[0]) if received else report


def _new_crawler_process() -> AsyncCrawlerProcess:
    """Returns a Scrapy process with the monitor's settings; Scrapy itself logs only errors."""
    from scrapy.crawler import AsyncCrawlerProcess

    settings = Settings()
    settings.setmodule("monitor.crawl.settings", priority="project")
    settings.set("LOG_INSTALL_ROOT_HANDLER", False, priority="cmdline")
    logging.disable(logging.INFO)  # creating the process logs Scrapy's components and versions
    try:
        process = AsyncCrawlerProcess(settings)
    finally:
        logging.disable(logging.NOTSET)
    logging.getLogger("scrapy").setLevel(logging.ERROR)  # the monitor logs polls and failures itself
    return process


def _stop_crawl_on_signal(stop: asyncio.Event, received: list[signal.Signals]) -> None:
    """Makes the first SIGTERM or SIGINT set ``stop`` and append to ``received``, and the second kill the process."""
    loop = asyncio.get_event_loop()

    def on_signal(number: signal.Signals) -> None:
        log.warning("%s: finishing the pages under way; once more to quit at once", number.name)
        received.append(number)
        stop.set()
        _restore_default_signal_handlers(loop)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)


def _cancel_one_off_on_signal(process: AsyncCrawlerProcess) -> list[signal.Signals]:
    """Makes the first SIGTERM or SIGINT cancel the one-off spider; returns a list that then contains the signal."""
    from monitor.crawl.one_off import OneOffSpider

    loop, received = asyncio.get_event_loop(), list[signal.Signals]()

    def on_signal(number: signal.Signals) -> None:
        received.append(number)
        _restore_default_signal_handlers(loop)
        for crawler in process.crawlers:
            if isinstance(crawler.spider, OneOffSpider):
                crawler.spider.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return received


def _restore_default_signal_handlers(loop: asyncio.AbstractEventLoop) -> None:
    """Makes the next SIGTERM or SIGINT kill the process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)


async def _deliver_until_stopped(service: Service, stop: asyncio.Event) -> None:
    """Sends the due notifications every DELIVERY_INTERVAL_SECONDS until ``stop`` is set.

    Logs each channel that has due notifications and is not configured, once.
    """
    from monitor.delivery import configured_dispatcher

    dispatcher = configured_dispatcher(service.store, service.config)
    logged: set[str] = set()
    while not stop.is_set():
        queued = await _deliver_outbox_once(dispatcher, stop)
        for channel in queued.keys() - logged:
            waiting = plural(queued[channel], "notification waits", "notifications wait")
            log.warning("%s in the outbox: the channel %s is not configured", waiting, channel)
            logged.add(channel)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), DELIVERY_INTERVAL_SECONDS)


async def _deliver_outbox_once(dispatcher: Dispatcher, stop: asyncio.Event) -> dict[str, int]:
    """Sends the due notifications; logs each channel's errors and number of messages; raises no Exception.

    Returns the number of due notifications of each channel that is not configured.
    """
    try:
        report = await asyncio.to_thread(dispatcher.deliver, stop=stop.is_set)
    except StoreError as error:
        log.warning("nothing is delivered for now: %s", error)
    except Exception:  # after a failed delivery, the process must still try later ones
        log.exception("a delivery failed")
    else:
        for channel, part in report.by_channel.items():
            for line in part.errors:
                log.error("%s: %s", channel_label(channel), line)
            if part.messages:
                log.info("%s", sent_text(channel, part.messages))
        return report.queued
    return {}


def _start_delivery(service: Service, stop: asyncio.Event) -> None:
    """Starts the delivery of the outbox in the background; at shutdown, Twisted waits until it has ended."""
    from scrapy.utils.defer import deferred_from_coro
    from twisted.internet import reactor

    task = asyncio.get_event_loop().create_task(_deliver_until_stopped(service, stop))

    async def finish() -> None:
        """Stops the delivery and waits for its end."""
        stop.set()
        await asyncio.gather(task, return_exceptions=True)

    reactor.addSystemEventTrigger("before", "shutdown", lambda: deferred_from_coro(finish()))  # type: ignore[arg-type]  # as documented: phase, event, callable


def _combine_crawl_reports(reports: Sequence[CrawlReport], tasks: Sequence[asyncio.Task[None]]) -> CrawlReport:
    """Returns the sum of the schedulers' reports; its errors include the exceptions of the spiders' tasks."""
    errors = dict.fromkeys(error for report in reports for error in report.errors)
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            errors[str(error) or repr(error)] = None
    return CrawlReport(
        poll_count=sum(report.poll_count for report in reports),
        outcomes=sum((report.outcomes for report in reports), Counter()),
        polls=[poll for report in reports for poll in report.polls],
        outlets_leased_elsewhere=tuple(name for report in reports for name in report.outlets_leased_elsewhere),
        outlets_not_due=tuple(name for report in reports for name in report.outlets_not_due),
        outlets_not_finished=tuple(name for report in reports for name in report.outlets_not_finished),
        errors=list(errors),
        seconds=max((report.seconds for report in reports), default=0.0),
    )
