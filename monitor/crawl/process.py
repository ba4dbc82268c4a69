"""Runs crawls in this process: `crawl` polls each due outlet once, `run` polls until a signal stops it.

With a `ConfigWatch`, `run` also ends for a changed configuration; its caller then restarts the program.

The first SIGTERM or SIGINT stops a crawl cleanly: it stores the pages being fetched, starts no further page and
releases its leases, all within a few seconds (`shutdown`).  The second signal kills the process.  A process can call
`crawl`, `run` or `run_one_off` once, because Twisted's reactor cannot be restarted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections import Counter, defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from scrapy.settings import Settings

from monitor import systemd_notify
from monitor.crawl.lease import release_dead_leases
from monitor.crawl.observer import CrawlObserver
from monitor.crawl.outbox_delivery import deliver_during_pass, deliver_until_stopped
from monitor.crawl.report import CrawlReport
from monitor.crawl.restart import hangup_means_restart, restart_program
from monitor.crawl.shutdown import StopSignals
from monitor.crawl.spider_package import unknown_spider_faults
from monitor.errors import ConfigError, MonitorError
from monitor.heartbeat import Heartbeat
from monitor.malloc import return_freed_blocks
from monitor.models import now
from monitor.retention import delete_until_stopped
from monitor.temporary_files import use_own_directory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from pathlib import Path

    from scrapy.crawler import AsyncCrawlerProcess

    from monitor.config import Config, CrawlSettings, Outlet
    from monitor.crawl.config_watch import ConfigWatch
    from monitor.crawl.fetch import Fetcher
    from monitor.crawl.scheduler import OutletScheduler
    from monitor.notify.report import DeliveryReport
    from monitor.service import Service

    T = TypeVar("T")
else:
    T = TypeVar("T")

log = logging.getLogger(__name__)


def crawl(
    config: Config,
    base: Path,
    *,
    names: Sequence[str] = (),
    ignore_schedule: bool = False,
    observer: CrawlObserver | None = None,
    delivery: DeliveryReport | None = None,
) -> CrawlReport:
    """Polls each due outlet once and returns a report.

    Delivers notifications while it polls only if ``delivery`` is given, and adds the results to it; none at the end.

    ``names`` limits the crawl to these outlets (empty: all); ``ignore_schedule`` also polls outlets that are not due.
    ``base`` is the directory of relative paths in ``config``.  ``observer`` gets the events of the crawl.  Raises
    StoreUnavailable, StoreRefused or ConfigError before the first fetch; the returned report lists later errors.
    """
    from monitor.service import STORE_RETRY_TIMEOUT, open_service

    use_own_directory()
    with open_service(config, base, store_retry_timeout=STORE_RETRY_TIMEOUT) as service:
        return _crawl_outlets(
            service,
            names=names,
            ignore_schedule=ignore_schedule,
            continuous=False,
            observer=observer or CrawlObserver(),
            deliver=partial(deliver_during_pass, total=delivery) if delivery is not None else None,
        )


def run(
    config: Config,
    base: Path,
    *,
    observer: CrawlObserver | None = None,
    heartbeat: Heartbeat | None = None,
    watch: ConfigWatch | None = None,
) -> CrawlReport:
    """Polls outlets and delivers notifications, each when due, until SIGTERM or SIGINT; returns a report as `crawl`.

    Waits for a store that is unavailable at the start.  Beats ``heartbeat`` as long as the process works.  With
    ``watch``, also ends for a changed configuration or SIGHUP, and the report's stop signal is then SIGHUP.
    """
    from monitor.service import open_service

    use_own_directory()
    heartbeat, observer = heartbeat or Heartbeat(None), observer or CrawlObserver()
    with open_service(config, base, while_unavailable=heartbeat.beat_before_start) as service:
        return _crawl_outlets(
            service,
            names=(),
            ignore_schedule=False,
            continuous=True,
            observer=observer,
            deliver=partial(deliver_until_stopped, observer=observer),
            heartbeat=heartbeat,
            watch=watch,
        )


def run_one_off(settings: CrawlSettings, work: Callable[[Fetcher], Awaitable[T]], outlets: Sequence[Outlet] = ()) -> T:
    """Runs ``work`` with a fetcher that obeys robots.txt, the address guard and all limits of a crawl.

    ``outlets`` are the configured outlets, so that none gets the secrets of another.

    Returns the result of ``work`` or raises its exception.  Raises KeyboardInterrupt after SIGTERM or SIGINT.
    """
    from monitor.crawl.one_off import OneOffSpider

    use_own_directory()
    process = _new_crawler_process()
    results: list[T] = []
    task = process.crawl(OneOffSpider, settings=settings, work=work, on_result=results.append, outlets=outlets)

    def cancel(_: signal.Signals) -> None:
        for crawler in process.crawlers:
            if isinstance(crawler.spider, OneOffSpider):
                crawler.spider.cancel()

    signals = StopSignals(cancel, end_late=lambda number: os._exit(128 + number))
    signals.install(asyncio.get_event_loop())
    process.start(install_signal_handlers=False)
    signals.uninstall()
    if signals.received:
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
    service: Service,
    *,
    continuous: bool,
    names: Sequence[str],
    ignore_schedule: bool,
    observer: CrawlObserver,
    deliver: Callable[[Service, asyncio.Event], Coroutine[Any, Any, None]] | None,
    heartbeat: Heartbeat | None = None,
    watch: ConfigWatch | None = None,
) -> CrawlReport:
    """Groups the outlets by spider and runs one scheduler for each group until all end; returns the combined report.

    ``deliver`` delivers notifications meanwhile, until its event is set.
    """
    from monitor.crawl.scheduler import OutletScheduler

    observer.service_opened(service)
    process = _new_crawler_process()
    outlets = [outlet for outlet in service.config.outlets if not names or outlet.name in set(names)]
    names_by_spider: dict[str, list[str]] = defaultdict(list)
    for outlet in outlets:
        names_by_spider[outlet.spider].append(outlet.name)
    spiders = process.spider_loader.list()
    if faults := unknown_spider_faults(outlets, spiders):
        raise ConfigError(faults)
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
            observer=observer,
        )
        schedulers.append(scheduler)
        tasks.append(process.crawl(spider, scheduler=scheduler))

    def on_stop(number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            systemd_notify.notify(systemd_notify.reloading())
        else:
            systemd_notify.notify(systemd_notify.STOPPING)
            log.warning("%s: finishing the pages under way; once more to quit at once", number.name)
        stop.set()

    def end_late(number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            restart_program()
        os._exit(0 if continuous and number == signal.SIGTERM else 128 + number)

    signals = StopSignals(on_stop, end_late=end_late, on_hangup=watch.ask if watch and hangup_means_restart() else None)
    if tasks:
        signals.install(asyncio.get_event_loop())
        if deliver is not None:
            _start_in_background(deliver(service, stop), stop)
        _start_in_background(observer.work(service, stop), stop)
        if continuous:
            _start_in_background(delete_until_stopped(service, stop), stop)
        if continuous and service.config.crawl.callback:
            _start_in_background(_serve_callbacks(service, schedulers, stop), stop)
        if watch is not None:
            _start_in_background(watch.run(stop, spiders=spiders, restart=signals.restart), stop)
        beating = asyncio.get_event_loop().create_task(heartbeat.beat_until_cancelled()) if heartbeat else None
        process.start(install_signal_handlers=False)
        if beating:
            beating.cancel()
        signals.uninstall()
    report = _combine_crawl_reports([scheduler.report for scheduler in schedulers], tasks)
    return replace(report, stop_signal=signals.received) if signals.received else report


def _new_crawler_process() -> AsyncCrawlerProcess:
    """Returns a Scrapy process with the monitor's settings; Scrapy itself logs only errors."""
    from scrapy.crawler import AsyncCrawlerProcess

    return_freed_blocks()
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


async def _serve_callbacks(service: Service, schedulers: Sequence[OutletScheduler], stop: asyncio.Event) -> None:
    """Answers the hubs of feeds until ``stop`` is set; their pushes wake the schedulers."""
    from monitor.crawl.websub.callbacks import CallbackServer

    def wake() -> None:
        for scheduler in schedulers:
            scheduler.wake()

    await CallbackServer(service.config, service.store, wake).run(stop)


def _start_in_background(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Runs ``work``, which ends after ``stop`` is set, beside the crawl; at shutdown, Twisted waits for its end."""
    from scrapy.utils.defer import deferred_from_coro
    from twisted.internet import reactor

    task = asyncio.get_event_loop().create_task(work)
    task.add_done_callback(_log_failure)

    async def finish() -> None:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)

    reactor.addSystemEventTrigger("before", "shutdown", lambda: deferred_from_coro(finish()))  # type: ignore[arg-type]  # as documented: phase, event, callable


def _log_failure(task: asyncio.Task[None]) -> None:
    """Logs the exception that has ended a background task; the crawl goes on without it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a part of the process has ended: %r", error, exc_info=error)


def _combine_crawl_reports(reports: Sequence[CrawlReport], tasks: Sequence[asyncio.Task[None]]) -> CrawlReport:
    """Returns the sum of the schedulers' reports; logs the exceptions of the spiders' tasks as a scheduler its own."""
    errors = dict.fromkeys(error for report in reports for error in report.errors)
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            errors[str(error) or repr(error)] = None
            log.error("the crawl stops: %s", str(error) or repr(error))
    return CrawlReport(
        poll_count=sum(report.poll_count for report in reports),
        outcomes=sum((report.outcomes for report in reports), Counter()),
        latest_polls={poll.outlet: poll for report in reports for poll in report.polls},
        outlets_leased_elsewhere=tuple(name for report in reports for name in report.outlets_leased_elsewhere),
        outlets_not_due=tuple(name for report in reports for name in report.outlets_not_due),
        outlets_not_finished=tuple(name for report in reports for name in report.outlets_not_finished),
        errors=list(errors),
        seconds=max((report.seconds for report in reports), default=0.0),
    )
