"""The delivery of the outbox while the crawling process runs."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from monitor.config import Config
from monitor.crawl import outbox_delivery
from monitor.crawl.observer import CrawlObserver
from monitor.notify.report import ChannelReport, DeliveryReport
from store.examples import notification, page_commit, story

if TYPE_CHECKING:
    from datetime import datetime

    import pytest

    from monitor.service import Service
    from monitor.store import Store


def test_run_logs_once_that_a_channel_is_not_configured(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    example = story("x")
    store.commit([page_commit(example, notifications=(notification("a", example, channel="pager"),))])
    monkeypatch.setattr(outbox_delivery, "RUN_DELIVERY_INTERVAL_SECONDS", 0.01)
    counts: list[int] = []
    real_count = store.count_due

    async def deliver_three_times() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def count_due(*, now: datetime) -> dict[str, int]:
            counts.append(1)
            if len(counts) == 3:
                loop.call_soon_threadsafe(stop.set)
            return real_count(now=now)

        monkeypatch.setattr(store, "count_due", count_due)
        service = cast("Service", SimpleNamespace(store=store, config=Config()))
        await outbox_delivery.deliver_until_stopped(service, stop, observer=CrawlObserver())

    asyncio.run(deliver_three_times())
    assert len(counts) == 3
    assert caplog.messages == ["1 notification waits in the outbox: the channel pager is not configured"]
    assert len(store.outbox()) == 1


def test_run_logs_the_messages_and_errors_of_each_channel(caplog: pytest.LogCaptureFixture) -> None:
    email = ChannelReport(messages=2, notifications=2)
    pager = ChannelReport(messages=1, notifications=1, postponed=1, errors=["alert a: busy"])

    with caplog.at_level(logging.INFO):
        outbox_delivery.log_report(DeliveryReport(by_channel={"email": email, "pager": pager}))
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "2 mails sent"),
        ("ERROR", "channel pager: alert a: busy"),
        ("INFO", "1 message sent by pager"),
    ]
