"""A host's delay, kept where pages wait for an engine: what waited there together must not be asked for together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

MAX_THROTTLED_HOSTS = 1000  # remembered at once


class HostThrottle:
    """Spaces requests that have their engine by the delay of their download slot."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._next: dict[str, float] = {}  # when each slot's next page may start, on the loop's clock

    async def keep(self, request: Request) -> None:
        """Waits for the request's turn."""
        assert self._crawler.engine is not None
        slot = self._crawler.engine.downloader.slots.get(key := request.meta.get("download_slot", ""))
        now = asyncio.get_running_loop().time()
        if len(self._next) > MAX_THROTTLED_HOSTS:
            self._next = {host: at for host, at in self._next.items() if at > now}
        turn = max(now, self._next.get(key, now))
        self._next[key] = turn + (slot.delay if slot else 0.0)
        await asyncio.sleep(turn - now)
