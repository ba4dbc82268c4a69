"""The Scrapy spider that polls the outlets of monitor.yaml; spiders of single outlets are its subclasses."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import scrapy

from monitor.crawl import sources
from monitor.crawl.scheduler import crawl_settings
from monitor.crawl.scrapy_command import open_scheduler
from monitor.errors import ConfigError
from monitor.suggestions import unknown_name_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from typing import Self

    from scrapy.crawler import Crawler

    from monitor.config.schema import Outlet
    from monitor.crawl.scheduler import OutletScheduler
    from monitor.discovery.parsed_source import ParsedSource
    from monitor.models import Page

ARGUMENTS = ("config", "outlets", "ignore_schedule")  # of `scrapy crawl`


class OutletSpider(scrapy.Spider):
    """Polls the due outlets and yields an item for each page, with the keys outlet, url, disposition and kind.

    ``scrapy crawl outlets -a config=monitor.yaml [-a outlets=NAME,NAME] [-a ignore_schedule=1]`` polls each once.
    ``spider: NAME`` in monitor.yaml selects another spider for an outlet: a subclass that overrides `parse_source`.
    """

    name = "outlets"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Raises ConfigError if a subclass defines `listing`, the former name of `parse_source`, but no `parse_source`.

        Nothing calls `listing` any more, so the subclass would parse sources as the base class does.
        """
        super().__init_subclass__(**kwargs)
        if "listing" in vars(cls) and "parse_source" not in vars(cls):
            raise ConfigError(
                [f"{cls.__module__}.{cls.__qualname__}: the method `listing` is called `parse_source` now, rename it"]
            )

    def __init__(self, scheduler: OutletScheduler, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scheduler = scheduler

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        scheduler = kwargs.pop("scheduler", None)
        if scheduler is None:
            config, outlets = kwargs.pop("config", "monitor.yaml"), kwargs.pop("outlets", "")
            ignore_schedule = _ignore_schedule(kwargs)
            try:
                if cls.__init__ is OutletSpider.__init__:  # else the subclass may have more arguments
                    _require_no_arguments(kwargs)
                scheduler = open_scheduler(cls.name, config=config, outlets=outlets, ignore_schedule=ignore_schedule)
            except ConfigError as error:  # print the faults alone: Scrapy would print a traceback
                sys.stderr.write("\n".join(error.faults) + "\n")
                raise SystemExit(2) from None
        crawler.settings.setdict(crawl_settings(scheduler.config.crawl), priority="spider")
        spider = super().from_crawler(crawler, *args, scheduler=scheduler, **kwargs)
        crawler.signals.connect(scheduler.close, signal=scrapy.signals.spider_closed)
        return spider

    async def start(self) -> AsyncIterator[dict[str, str]]:
        """Runs the scheduler and yields its items; Scrapy calls it when the spider opens."""
        # The function itself, where it is not overridden: it can be called in another process.
        is_overridden = type(self).parse_source is not OutletSpider.parse_source
        parse = self.parse_source if is_overridden else sources.parse_source
        async for item in self.scheduler.run(self.crawler, parse):
            yield item

    def parse_source(self, kind: str, page: Page, outlet: Outlet, since: datetime) -> ParsedSource:
        """Returns the candidates in the page of a source; ``kind`` is "feed", "sitemap" or "section".

        Subclasses override this method.  It runs in a thread and raises FetchError of kind MALFORMED if the page cannot
        be parsed.
        """
        return sources.parse_source(kind, page, outlet, since)


def _require_no_arguments(arguments: dict[str, Any]) -> None:
    """Raises ConfigError for each argument that is left."""
    if arguments:
        raise ConfigError([unknown_name_message("argument", name, ARGUMENTS) for name in arguments])


def _ignore_schedule(arguments: dict[str, Any]) -> str:
    """Removes ``ignore_schedule`` from the spider's arguments and returns its value; empty if it is not given.

    Accepts the old name ``everything`` with a line on stderr.
    """
    old_value = arguments.pop("everything", None)
    if old_value is not None:
        sys.stderr.write("-a everything is deprecated, use -a ignore_schedule\n")
    value: str = arguments.pop("ignore_schedule", old_value or "")
    return value
