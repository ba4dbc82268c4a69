"""A process takes outlets to poll, shares them with others, and gives them back."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from monitor.config import Config, Outlet
from monitor.crawl import process
from monitor.crawl import scheduler as shift_module
from monitor.crawl.report import PollReport
from monitor.crawl.scheduler import OutletScheduler
from monitor.errors import StoreUnavailable
from monitor.models import OutletState, now
from monitor.notify.dispatcher import DeliveryReport
from monitor.store.protocol import FIRST_INTERVAL

from .engine import FakeService

if TYPE_CHECKING:
    import pytest

HOUR = timedelta(hours=1)
NAMES = ("One", "Two", "Three")
CONFIG = Config(outlets=tuple(Outlet(name=name, url=f"https://{name.lower()}.example/") for name in NAMES))


class Asked:
    """A service whose store notes which outlets are asked for, and gives none."""

    def __init__(self) -> None:
        self.config = CONFIG
        self.names: list[str] = []
        self.store = SimpleNamespace(lease=self.lease, outlets=list)

    def lease(self, names: list[str], **_: Any) -> list[OutletState]:
        self.names = list(names)
        return []

    async def call(self, work: Any, *arguments: Any) -> Any:
        return work(*arguments)


def test_what_it_polls_itself_is_not_asked_for_though_its_lease_ran_out_while_the_store_was_away() -> None:
    service = Asked()
    shift = OutletScheduler(service, NAMES, continuous=True)  # type: ignore[arg-type]  # it plays the service
    shift._held["Two"] = OutletState(name="Two", next_poll_at=now(), interval=FIRST_INTERVAL)
    asyncio.run(shift._lease(NAMES))
    assert service.names == ["One", "Three"]


def test_a_pass_that_is_stopped_says_which_outlets_it_did_not_come_to() -> None:
    shift = OutletScheduler(Asked(), NAMES, ignore_schedule=True)  # type: ignore[arg-type]  # it plays the service
    shift.report.add(PollReport(outlet="Two"))
    shift.stopping.set()
    asyncio.run(shift._left_out(["Three"]))
    assert (shift.report.unpolled, shift.report.not_due) == (("One", "Three"), ())


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

    monkeypatch.setattr("monitor.delivery.open_dispatcher", lambda *_: nullcontext(FailingDispatcher()))
    monkeypatch.setattr(process, "MAIL_INTERVAL_SECONDS", 0.01)
    service: Any = SimpleNamespace(store=None, config=None)
    asyncio.run(asyncio.wait_for(process._send_mail(service, stop), 30))
    assert deliveries == [0, 1, 2]


def test_an_outlet_polled_while_the_clock_was_ahead_is_polled_again_once_it_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service, right = FakeService(*CONFIG.outlets), now()
    shift = OutletScheduler(service, NAMES, continuous=True)  # type: ignore[arg-type]  # it plays the service

    def take() -> list[str]:
        states = asyncio.run(shift._lease(NAMES))
        for state in states:
            polled = replace(state, last_poll_at=shift_module.now(), next_poll_at=shift_module.now() + HOUR)
            service.store.release(polled)
        return [state.name for state in states]

    monkeypatch.setattr(shift_module, "now", lambda: right + timedelta(days=3650))
    assert take() == list(NAMES)
    assert take() == []
    monkeypatch.setattr(shift_module, "now", lambda: right)
    assert take() == list(NAMES)
    assert take() == []
