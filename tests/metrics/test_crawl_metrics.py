"""The metrics of a crawl, by the names that the dashboard and the alert rules use."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from monitor.crawl.report import PollReport
from monitor.metrics.crawl_metrics import CrawlMetrics
from monitor.models import Disposition, Outcome, now
from monitor.notify.report import ChannelReport, DeliveryReport
from store.examples import notification, story


def value(metrics: CrawlMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"media_monitor_{name}", labels)


def test_a_poll_is_counted_by_result_urls_and_delay() -> None:
    metrics, stored_at = CrawlMetrics(), now()
    metrics.poll_ended(
        PollReport(
            outlet="A",
            source_count=3,
            unchanged_source_count=1,
            candidate_count=5,
            new_candidate_count=2,
            dropped_candidates=Counter({"too old": 4}),
            deferred_page_count=7,
            new_story_times=[(stored_at - timedelta(seconds=90), stored_at), (None, stored_at)],
            seconds=3.0,
        )
    )
    metrics.poll_ended(PollReport(outlet="B", has_failed=True))
    metrics.poll_ended(PollReport(outlet="A", has_failed=True, own_outage="no address", deferred_page_count=1))
    assert {result: value(metrics, "polls_total", result=result) for result in ("ok", "failed", "own_outage")} == {
        "ok": 1,
        "failed": 1,
        "own_outage": 1,
    }
    assert value(metrics, "sources_total", answer="changed") == 2
    assert value(metrics, "sources_total", answer="unchanged") == 1
    assert [value(metrics, "urls_total", result=each) for each in ("new", "known", "not_wanted")] == [2, 3, 4]
    assert value(metrics, "stored_delay_seconds_bucket", le="60.0") == 0
    assert value(metrics, "stored_delay_seconds_bucket", le="120.0") == 1
    assert value(metrics, "stored_delay_seconds_sum") == 90
    assert value(metrics, "deferred_pages") == 1
    assert value(metrics, "outlets", result="ok") == 1  # an outage on our side leaves an outlet's result as it was
    assert value(metrics, "outlets", result="failed") == 1


def test_a_page_is_counted_by_disposition_and_kind() -> None:
    metrics = CrawlMetrics()
    for _ in range(2):
        metrics.page_ended("A", Outcome(disposition=Disposition.NOT_ARTICLE, kind="list"))
    metrics.page_ended("B", Outcome(disposition=Disposition.STORED))
    assert value(metrics, "pages_total", disposition=Disposition.NOT_ARTICLE.value, kind="list") == 2
    assert value(metrics, "pages_total", disposition=Disposition.STORED.value, kind="") == 1


def test_a_delivery_is_counted_by_channel() -> None:
    metrics = CrawlMetrics()
    part = ChannelReport(messages=2, notifications=5, postponed=1, refused=3, errors=["x", "y"])
    metrics.delivery_ended(DeliveryReport(by_channel={"email": part}))
    assert value(metrics, "messages_total", channel="email") == 2
    assert value(metrics, "delivery_errors_total", channel="email") == 2
    assert {
        result: value(metrics, "notifications_total", channel="email", result=result)
        for result in ("sent", "postponed", "refused")
    } == {"sent": 5, "postponed": 1, "refused": 3}


def test_the_outbox_shows_its_length_and_the_age_of_the_first_due_one() -> None:
    metrics = CrawlMetrics()
    first = notification("a", story("x"), due_at=now() - timedelta(seconds=100))
    later = notification("a", story("y"), due_at=now() + timedelta(hours=1))
    metrics._show_outbox([first, later])
    assert value(metrics, "outbox_notifications", channel="email") == 2
    assert 100 <= (value(metrics, "outbox_overdue_seconds", channel="email") or 0) < 130
    metrics._show_outbox([])
    assert value(metrics, "outbox_notifications", channel="email") is None


def test_store_and_workers_are_up_as_the_service_says() -> None:
    metrics = CrawlMetrics()
    service: Any = SimpleNamespace(is_store_unavailable=False, extractor=SimpleNamespace(problem=""))
    metrics.service_opened(cast("Any", service))
    assert (value(metrics, "store_up"), value(metrics, "workers_up")) == (1, 1)
    service.is_store_unavailable, service.extractor.problem = True, "no memory"
    assert (value(metrics, "store_up"), value(metrics, "workers_up")) == (0, 0)
    service.on_store_call(0.02, "unavailable")
    assert value(metrics, "store_call_seconds_count", result="unavailable") == 1


def test_the_memory_is_that_of_all_processes_of_the_program() -> None:
    memory = value(CrawlMetrics(), "memory_bytes") or 0
    own = value(CrawlMetrics(), "memory_bytes") or 0
    assert memory > 20_000_000
    assert abs(memory - own) < memory / 2
