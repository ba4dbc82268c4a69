"""Keep each host's delay for rendered pages.

Scrapy's downloader applies the delay before a request waits for a free engine, so requests that waited together
would otherwise reach the host together.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

MAX_THROTTLED_HOSTS = 1000  # download slots remembered before expired ones are dropped


class HostThrottle:
    """Spaces the requests of one download slot by the slot's delay, once they have an engine."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._next_start: dict[str, float] = {}  # slot -> earliest start of its next page, in event loop time

    async def wait_for_slot(self, request: Request) -> None:
        """Sleeps until the request may start."""
        assert self._crawler.engine is not None
        slot = self._crawler.engine.downloader.slots.get(key := request.meta.get("download_slot", ""))
        now = asyncio.get_running_loop().time()
        if len(self._next_start) > MAX_THROTTLED_HOSTS:
            self._next_start = {host: start for host, start in self._next_start.items() if start > now}
        start = max(now, self._next_start.get(key, now))
        self._next_start[key] = start + (slot.delay if slot else 0.0)
        await asyncio.sleep(start - now)
