"""Delivers the outbox in the background while a crawl runs."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from monitor.delivery_text import channel_label, sent_text
from monitor.errors import StoreError
from monitor.notify.report import DeliveryReport
from monitor.plural import plural
from monitor.stop_event import wait_for_stop

if TYPE_CHECKING:
    from monitor.crawl.observer import CrawlObserver
    from monitor.notify.dispatcher import Dispatcher
    from monitor.service import Service

log = logging.getLogger(__name__)

RUN_DELIVERY_INTERVAL_SECONDS = 5.0  # pause of `run` between two deliveries
# Pause of `crawl` before each delivery amid a pass; a shorter pass delivers once, at its end, so that its stories can
# share messages.
CRAWL_DELIVERY_INTERVAL_SECONDS = 30.0


async def deliver_until_stopped(service: Service, stop: asyncio.Event, *, observer: CrawlObserver) -> None:
    """Sends the due notifications every RUN_DELIVERY_INTERVAL_SECONDS until ``stop`` is set, and logs the results.

    Logs each channel that has due notifications and is not configured, once.
    """
    from monitor.delivery import configured_dispatcher

    dispatcher = configured_dispatcher(service.store, service.config)
    logged: set[str] = set()
    while not stop.is_set():
        report = await _deliver_once(dispatcher, stop)
        log_report(report)
        observer.delivery_ended(report)
        for channel in report.queued.keys() - logged:
            waiting = plural(report.queued[channel], "notification waits", "notifications wait")
            log.warning("%s in the outbox: the channel %s is not configured", waiting, channel)
            logged.add(channel)
        await wait_for_stop(stop, RUN_DELIVERY_INTERVAL_SECONDS)


async def deliver_during_pass(service: Service, stop: asyncio.Event, total: DeliveryReport) -> None:
    """Sends the due notifications every CRAWL_DELIVERY_INTERVAL_SECONDS until ``stop`` is set; adds up in ``total``."""
    from monitor.delivery import configured_dispatcher

    dispatcher = configured_dispatcher(service.store, service.config)
    await wait_for_stop(stop, CRAWL_DELIVERY_INTERVAL_SECONDS)
    while not stop.is_set():
        total.add(await _deliver_once(dispatcher, stop))
        await wait_for_stop(stop, CRAWL_DELIVERY_INTERVAL_SECONDS)


def log_report(report: DeliveryReport) -> None:
    """Logs each channel's errors and number of messages."""
    for channel, part in report.by_channel.items():
        for line in part.errors:
            log.error("%s: %s", channel_label(channel), line)
        if part.messages:
            log.info("%s", sent_text(channel, part.messages))


async def _deliver_once(dispatcher: Dispatcher, stop: asyncio.Event) -> DeliveryReport:
    """Sends the due notifications in a thread and returns the report; raises no Exception, but logs it."""
    try:
        return await asyncio.to_thread(dispatcher.deliver, stop=stop.is_set)
    except StoreError as error:
        if not stop.is_set():  # else the crawl has met the same error and ends
            log.warning("nothing is delivered for now: %s", error)
    except Exception:  # after a failed delivery, the process must still try later ones
        log.exception("a delivery failed")
    return DeliveryReport()
