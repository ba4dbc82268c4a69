"""The scheduler leases outlets, shares them with other processes, and releases them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config import Config, Outlet
from monitor.crawl import outbox_delivery
from monitor.crawl import scheduler as scheduler_module
from monitor.crawl.observer import CrawlObserver
from monitor.crawl.report import PollReport
from monitor.crawl.scheduler import OutletScheduler
from monitor.errors import StoreUnavailable
from monitor.models import OutletState, now
from monitor.notify.report import DeliveryReport
from monitor.store.memory import MemoryStore
from monitor.store.protocol import INITIAL_POLL_INTERVAL

from .engine import FakeService

if TYPE_CHECKING:
    from monitor.demo.web import Site

    from .engine import Engine

HOUR = timedelta(hours=1)
NAMES = ("One", "Two", "Three")
CONFIG = Config(outlets=tuple(Outlet(name=name, url=f"https://{name.lower()}.example/") for name in NAMES))


class StoreService:
    """A service with a store in memory, of which only leases are tested."""

    def __init__(self) -> None:
        self.config = CONFIG
        self.store = MemoryStore()
        self.extractor = SimpleNamespace(problem="")

    async def call(self, work: Any, *arguments: Any) -> Any:
        return work(*arguments)


def leased_names(scheduler: OutletScheduler) -> list[str]:
    return [state.name for state in asyncio.run(scheduler._lease_outlets(NAMES))]


@pytest.mark.parametrize("continuous", [True, False])
def test_a_process_does_not_lease_what_it_polls_already(continuous: bool) -> None:
    """Its own lease may have expired while the store was away."""
    scheduler = OutletScheduler(StoreService(), NAMES, continuous=continuous)  # type: ignore[arg-type]  # a stub
    scheduler._leased_states["Two"] = OutletState(name="Two", next_poll_at=now(), interval=INITIAL_POLL_INTERVAL)
    assert leased_names(scheduler) == ["One", "Three"]


def test_an_outlet_of_another_configuration_is_given_back() -> None:
    service = StoreService()
    scheduler = OutletScheduler(service, NAMES, continuous=True)  # type: ignore[arg-type]  # a stub
    assert leased_names(scheduler) == ["One", "Three", "Two"]
    service.store.add_outlets(["Other"], now=now())  # by a process with a newer configuration
    assert leased_names(scheduler) == []
    assert leased_names(scheduler) == []
    (other,) = [state for state in service.store.outlets() if state.name == "Other"]
    assert other.holder is None


def test_a_stopped_pass_reports_the_outlets_it_did_not_poll() -> None:
    scheduler = OutletScheduler(StoreService(), NAMES, ignore_schedule=True)  # type: ignore[arg-type]  # a stub
    scheduler.report.add_poll(PollReport(outlet="Two"))
    scheduler.stop.set()
    asyncio.run(scheduler._record_unpolled(["Three"]))
    assert (scheduler.report.outlets_not_finished, scheduler.report.outlets_not_due) == (("One", "Three"), ())


def test_a_delivery_that_fails_does_not_end_later_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries: list[int] = []
    stop = asyncio.Event()

    class FailingDispatcher:
        def deliver(self, **_: Any) -> DeliveryReport:
            deliveries.append(len(deliveries))
            if len(deliveries) == 1:
                raise StoreUnavailable("away")
            if len(deliveries) == 2:
                raise ZeroDivisionError("a bug of ours")
            stop.set()
            return DeliveryReport()

    monkeypatch.setattr("monitor.delivery.configured_dispatcher", lambda *_: FailingDispatcher())
    monkeypatch.setattr(outbox_delivery, "RUN_DELIVERY_INTERVAL_SECONDS", 0.01)
    service: Any = SimpleNamespace(store=None, config=None)
    asyncio.run(asyncio.wait_for(outbox_delivery.deliver_until_stopped(service, stop, observer=CrawlObserver()), 30))
    assert deliveries == [0, 1, 2]


def test_outlets_are_due_again_after_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outlet polled while the clock was years ahead does not wait for its next poll in the future."""
    service, correct_time = FakeService(*CONFIG.outlets), now()
    scheduler = OutletScheduler(service, NAMES, continuous=True)  # type: ignore[arg-type]  # a stub

    def poll_due() -> list[str]:
        states = asyncio.run(scheduler._lease_outlets(NAMES))
        for state in states:
            polled = replace(state, last_poll_at=scheduler_module.now(), next_poll_at=scheduler_module.now() + HOUR)
            service.store.release(polled)
        return [state.name for state in states]

    monkeypatch.setattr(scheduler_module, "now", lambda: correct_time + timedelta(days=3650))
    assert poll_due() == sorted(NAMES)
    assert poll_due() == []
    monkeypatch.setattr(scheduler_module, "now", lambda: correct_time)
    assert poll_due() == sorted(NAMES)
    assert poll_due() == []


def test_an_outlet_is_polled_when_it_is_due_not_at_the_next_scan(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler_module, "LEASE_SCAN_SECONDS", 60.0)
    site.put("/rss", b"<rss><channel/></rss>", "application/rss+xml")
    outlet = Outlet(name="X", url=site.url, feeds=(f"{site.url}rss",), every=timedelta(seconds=1))
    stop, polls = asyncio.Event(), list[PollReport]()

    class StopAfterThree(CrawlObserver):
        def poll_ended(self, report: PollReport) -> None:
            polls.append(report)
            if len(polls) == 3:
                stop.set()

    report = engine.crawl(FakeService(outlet), continuous=True, stop=stop, observer=StopAfterThree())
    assert len(polls) == 3
    assert report.seconds < 30
