"""The Scrapy spider that runs one coroutine with a fetcher and then closes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import scrapy

from monitor.crawl.fetch import Fetcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from typing import Self

    from scrapy.crawler import Crawler

    from monitor.config import CrawlSettings, Outlet


class OneOffSpider(scrapy.Spider):
    """Runs ``work`` with a fetcher and passes its result or exception to ``on_result``, unless it is cancelled."""

    name = "one-off"

    def __init__(
        self,
        settings: CrawlSettings,
        work: Callable[[Fetcher], Awaitable[Any]],
        on_result: Callable[[Any], None],
        outlets: Sequence[Outlet] = (),
    ) -> None:
        super().__init__()
        self._outlets = outlets
        self._settings, self._work, self._on_result = settings, work, on_result
        self._task: asyncio.Task[Any] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        from monitor.crawl.scheduler import crawl_settings

        crawler.settings.setdict(crawl_settings(kwargs["settings"]), priority="spider")
        return super().from_crawler(crawler, *args, **kwargs)

    def cancel(self) -> None:
        """Cancels the running ``work`` and its requests; no effect before the spider has started it."""
        if self._task:
            self._task.cancel()

    async def start(self) -> AsyncIterator[Any]:
        """Runs ``work`` to its end and yields nothing; Scrapy calls it when the spider opens."""
        try:
            self._task = asyncio.ensure_future(self._work(Fetcher(self.crawler, self._settings, self._outlets)))
            self._on_result(await self._task)
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001  `run_one_off` raises it
            self._on_result(error)
        no_items: tuple[Any, ...] = ()
        for item in no_items:  # a ``yield`` makes this an async generator, as Scrapy requires
            yield item
