"""Counts the events of a crawl as Prometheus metrics.

The names are an interface: deploy/prometheus and deploy/grafana use them, and docs/metrics.md lists them.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, PlatformCollector, ProcessCollector

from monitor import __version__
from monitor.crawl.observer import CrawlObserver
from monitor.errors import StoreError
from monitor.metrics.process_tree import tree_memory_bytes
from monitor.models import now
from monitor.stop_event import wait_for_stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.crawl.report import PollReport
    from monitor.models import Notification, Outcome
    from monitor.notify.report import DeliveryReport
    from monitor.service import Service

log = logging.getLogger(__name__)

PREFIX = "media_monitor"
OUTBOX_INTERVAL_SECONDS = 30.0  # between two counts of the notifications that wait
MAX_COUNTED_NOTIFICATIONS = 10_000  # of the outbox; a longer one counts as this many
SECONDS_OF_A_POLL = (1, 2, 5, 10, 30, 60, 120, 300, 600)
SECONDS_OF_A_STORE_CALL = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
SECONDS_TO_STORED = (60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)


class CrawlMetrics(CrawlObserver):
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        Info(PREFIX, "The program.", registry=registry).info({"version": __version__})

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{PREFIX}_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"{PREFIX}_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
            return Histogram(f"{PREFIX}_{name}", text, labels, registry=registry, buckets=buckets)

        self._polls = counter("polls", "Polls of outlets, by result: ok, failed or own_outage.", "result")
        self._poll_seconds = histogram("poll_seconds", "Duration of a poll.", SECONDS_OF_A_POLL)
        self._sources = counter("sources", "Sources requested, by answer: changed or unchanged.", "answer")
        self._urls = counter("urls", "URLs in sources, by result: new, known, or not_wanted.", "result")
        self._pages = counter("pages", "Fetched pages by disposition and kind.", "disposition", "kind")
        self._deferred = gauge("deferred_pages", "Due pages that the last polls left for the next ones.")
        self._outlets = gauge("outlets", "Outlets that this process polled, by result of the last poll.", "result")
        self._to_stored = histogram("stored_delay_seconds", "From publication to stored.", SECONDS_TO_STORED)
        self._messages = counter("messages", "Messages that a server accepted, by channel.", "channel")
        self._notifications = counter(
            "notifications", "Notifications by channel and result: sent, postponed or refused.", "channel", "result"
        )
        self._delivery_errors = counter("delivery_errors", "Errors of deliveries, by channel.", "channel")
        self._waiting = gauge("outbox_notifications", "Notifications that wait, by channel.", "channel")
        self._oldest = gauge("outbox_overdue_seconds", "How long the first due one has been waiting.", "channel")
        self._store_calls = histogram(
            "store_call_seconds", "Duration of a store call, by result.", SECONDS_OF_A_STORE_CALL, "result"
        )
        gauge("memory_bytes", "Resident memory of the process and of those it started.").set_function(tree_memory_bytes)
        self._store_is_up = gauge("store_up", "1 if the last store call succeeded.")
        self._workers_are_up = gauge("workers_up", "1 if extraction workers can be started.")
        self._results: dict[str, str] = {}  # result of the last poll, by outlet
        self._deferred_counts: dict[str, int] = {}

    def service_opened(self, service: Service) -> None:
        service.on_store_call = self._store_call_ended
        self._store_is_up.set_function(lambda: float(not service.is_store_unavailable))
        self._workers_are_up.set_function(lambda: float(not service.extractor.problem))

    def page_ended(self, outlet: str, outcome: Outcome) -> None:  # noqa: ARG002  outlets are no label: too many
        self._pages.labels(outcome.disposition.value, outcome.kind).inc()

    def poll_ended(self, report: PollReport) -> None:
        result = "own_outage" if report.own_outage else "failed" if report.has_failed else "ok"
        self._polls.labels(result).inc()
        self._poll_seconds.observe(report.seconds)
        self._sources.labels("unchanged").inc(report.unchanged_source_count)
        self._sources.labels("changed").inc(report.source_count - report.unchanged_source_count)
        self._urls.labels("new").inc(report.new_candidate_count)
        self._urls.labels("known").inc(report.candidate_count - report.new_candidate_count)
        self._urls.labels("not_wanted").inc(report.dropped_candidates.total())
        if not report.own_outage:
            self._results[report.outlet] = result
        self._deferred_counts[report.outlet] = report.deferred_page_count
        self._deferred.set(sum(self._deferred_counts.values()))
        for each in ("ok", "failed"):
            self._outlets.labels(each).set(sum(1 for value in self._results.values() if value == each))
        for published_at, stored_at in report.new_story_times:
            if published_at is not None:
                self._to_stored.observe(max((stored_at - published_at).total_seconds(), 0.0))

    def delivery_ended(self, report: DeliveryReport) -> None:
        for channel, part in report.by_channel.items():
            self._messages.labels(channel).inc(part.messages)
            for result, number in (
                ("sent", part.notifications),
                ("postponed", part.postponed),
                ("refused", part.refused),
            ):
                self._notifications.labels(channel, result).inc(number)
            self._delivery_errors.labels(channel).inc(len(part.errors))

    def _store_call_ended(self, seconds: float, result: str) -> None:
        self._store_calls.labels(result).observe(seconds)

    async def work(self, service: Service, stop: asyncio.Event) -> None:
        """Counts the waiting notifications every OUTBOX_INTERVAL_SECONDS until ``stop`` is set."""
        while not stop.is_set():
            with suppress(StoreError):  # `store_up` shows it, and the crawl logs it
                waiting = await asyncio.to_thread(service.store.outbox, limit=MAX_COUNTED_NOTIFICATIONS)
                self._show_outbox(waiting)
            await wait_for_stop(stop, OUTBOX_INTERVAL_SECONDS)

    def _show_outbox(self, waiting: Sequence[Notification]) -> None:
        time = now()
        self._waiting.clear()
        self._oldest.clear()
        for channel in {each.channel for each in waiting}:
            own = [each for each in waiting if each.channel == channel]
            self._waiting.labels(channel).set(len(own))
            first_due = min(each.due_at for each in own)
            self._oldest.labels(channel).set(max((time - first_due).total_seconds(), 0.0))
