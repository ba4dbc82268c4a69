"""Applies each host's download delay to rendered pages.

Scrapy's downloader applies the delay before a request waits for a free engine.  Without this module, requests that
waited for an engine at the same time would reach the host at the same time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

# Number of download slots that are remembered; above it, slots whose delay has passed are dropped.
MAX_THROTTLED_SLOTS = 1000


class HostThrottle:
    """Delays requests that have an engine so that those of one download slot start at least the slot's delay apart."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._next_start: dict[str, float] = {}  # slot -> earliest start of its next request, by the event loop's clock

    async def wait_for_delay(self, request: Request) -> None:
        """Sleeps until the delay after the previous request of the same download slot has passed."""
        assert self._crawler.engine is not None
        slot = self._crawler.engine.downloader.slots.get(key := request.meta.get("download_slot", ""))
        now = asyncio.get_running_loop().time()
        if len(self._next_start) > MAX_THROTTLED_SLOTS:
            self._next_start = {host: start for host, start in self._next_start.items() if start > now}
        start = max(now, self._next_start.get(key, now))
        self._next_start[key] = start + (slot.delay if slot else 0.0)
        await asyncio.sleep(start - now)
