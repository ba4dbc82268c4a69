"""The spider of any outlet that monitor.yaml names."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import scrapy

from monitor.crawl import sources
from monitor.crawl.scheduler import OutletScheduler, crawl_settings
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from typing import Self

    from scrapy.crawler import Crawler

    from monitor.config.schema import Outlet
    from monitor.discovery.parsed_source import ParsedSource
    from monitor.models import Page


class OutletSpider(scrapy.Spider):
    """Polls the outlets that are due and yields an item for every page: outlet, url, disposition, kind.

    ``scrapy crawl outlets -a config=monitor.yaml [-a outlets=NAME,NAME] [-a everything=1]`` makes one pass.
    An outlet with ``spider: NAME`` in monitor.yaml is polled by the spider of that name: a subclass that reads its
    lists in its own way.
    """

    name = "outlets"

    def __init__(self, scheduler: OutletScheduler, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scheduler = scheduler

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        scheduler = kwargs.pop("scheduler", None)
        if scheduler is None:
            try:
                scheduler = OutletScheduler.from_arguments(
                    cls.name,
                    config=kwargs.pop("config", "monitor.yaml"),
                    outlets=kwargs.pop("outlets", ""),
                    everything=kwargs.pop("everything", ""),
                )
            except ConfigError as error:  # told in lines of its own: Scrapy would show where it was raised
                sys.stderr.write("\n".join(error.faults) + "\n")
                raise SystemExit(2) from None
        crawler.settings.setdict(crawl_settings(scheduler.config.crawl), priority="spider")
        spider = super().from_crawler(crawler, *args, scheduler=scheduler, **kwargs)
        crawler.signals.connect(scheduler.finish, signal=scrapy.signals.spider_closed)
        return spider

    async def start(self) -> AsyncIterator[dict[str, str]]:
        async for item in self.scheduler.work(self.crawler, self.parse_source):
            yield item

    def parse_source(self, kind: str, page: Page, outlet: Outlet, since: datetime) -> ParsedSource:
        """The candidates on the page of a feed, sitemap or section (``kind``): what a subclass overrides.

        Runs in a thread.  Raises FetchError (kind malformed) where the page is not what it should be.
        """
        return sources.parse_source(kind, page, outlet, since)
