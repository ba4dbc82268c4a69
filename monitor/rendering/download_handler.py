"""Scrapy's download handler: sends requests that need rendering to their engine, all others to the plain handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.core.downloader.handlers.base import BaseDownloadHandler

from monitor.egress.http_handler import GuardedHandler
from monitor.rendering.rendering import Rendering

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class RenderingHandler(BaseDownloadHandler):
    """Handles http and https."""

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._crawler = crawler
        self._plain = GuardedHandler(crawler)

    async def download_request(self, request: Request) -> Response:
        if "playwright" in request.meta:
            chromium = await Rendering.for_crawler(self._crawler).chromium_handler()
            return await chromium.download_request(request)
        if "splash" in request.meta:
            rendering = Rendering.for_crawler(self._crawler)

            async def throttled(request: Request) -> Response:
                await rendering.throttle.wait_for_slot(request)
                return await self._plain.download_request(request)

            return await rendering.splash_pool().download(throttled, request)
        return await self._plain.download_request(request)

    async def close(self) -> None:
        await self._plain.close()
