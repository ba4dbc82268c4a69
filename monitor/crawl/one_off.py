"""A spider that runs one coroutine and is done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import scrapy

from monitor.crawl.fetch import Fetcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import Self

    from scrapy.crawler import Crawler

    from monitor.config import CrawlSettings


class OneOffSpider(scrapy.Spider):
    """See `monitor.crawl.process.run_one_off`."""

    name = "errand"

    def __init__(
        self, settings: CrawlSettings, do: Callable[[Fetcher], Awaitable[Any]], keep: Callable[[Any], None]
    ) -> None:
        super().__init__()
        self._settings, self._do, self._keep = settings, do, keep
        self._task: asyncio.Task[Any] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        from monitor.crawl.scheduler import crawl_settings

        crawler.settings.setdict(crawl_settings(kwargs["settings"]), priority="spider")
        return super().from_crawler(crawler, *args, **kwargs)

    def cancel(self) -> None:
        """Ends it at once, its requests too."""
        if self._task:
            self._task.cancel()

    async def start(self) -> AsyncIterator[Any]:
        try:
            self._task = asyncio.ensure_future(self._do(Fetcher(self.crawler, self._settings)))
            self._keep(await self._task)
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001  handed to whoever asked, who raises it
            self._keep(error)
        nothing: tuple[Any, ...] = ()
        for item in nothing:  # an async generator must have a yield
            yield item
