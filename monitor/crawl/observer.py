"""The events of a crawl, for those that show or count them while it runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.crawl.report import PollReport
    from monitor.models import Outcome
    from monitor.notify.report import DeliveryReport
    from monitor.service import Service


class CrawlObserver:
    """Gets the events of a crawl in the event loop; a subclass overrides the methods of those that it needs."""

    def service_opened(self, service: Service) -> None:
        """The store is set up and the crawl begins."""

    def page_ended(self, outlet: str, outcome: Outcome) -> None:
        """A page of an outlet has its outcome."""

    def poll_ended(self, report: PollReport) -> None:
        """A poll has ended, with or without an error."""

    def delivery_ended(self, report: DeliveryReport) -> None:
        """The due notifications were sent, or it was tried."""

    async def work(self, service: Service, stop: asyncio.Event) -> None:
        """Runs beside the crawl; ends soon after ``stop`` is set."""


class CrawlObservers(CrawlObserver):
    """Passes each event to several observers."""

    def __init__(self, observers: Sequence[CrawlObserver]) -> None:
        self._observers = observers

    def service_opened(self, service: Service) -> None:
        for observer in self._observers:
            observer.service_opened(service)

    def page_ended(self, outlet: str, outcome: Outcome) -> None:
        for observer in self._observers:
            observer.page_ended(outlet, outcome)

    def poll_ended(self, report: PollReport) -> None:
        for observer in self._observers:
            observer.poll_ended(report)

    def delivery_ended(self, report: DeliveryReport) -> None:
        for observer in self._observers:
            observer.delivery_ended(report)

    async def work(self, service: Service, stop: asyncio.Event) -> None:
        await asyncio.gather(*(observer.work(service, stop) for observer in self._observers))
