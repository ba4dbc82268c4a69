"""The download handler that routes each request: to Chromium, to Splash or to the plain HTTP handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.core.downloader.handlers.base import BaseDownloadHandler

from monitor.egress.host_rests import HostRests
from monitor.egress.http_handler import GuardedHttpHandler
from monitor.egress.outlet_access import OUTLET_ACCESS_KEY
from monitor.rendering.rendering import Rendering

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class RenderingHandler(BaseDownloadHandler):
    """Downloads http and https URLs: with Chromium or Splash if request.meta has ``playwright`` or ``splash``."""

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._crawler = crawler
        self._plain_handler = GuardedHttpHandler(crawler)

    async def download_request(self, request: Request) -> Response:
        await HostRests.for_crawler(self._crawler).wait(request)  # its host may rest since the request was queued
        if "playwright" in request.meta:
            chromium = await Rendering.for_crawler(self._crawler).chromium_handler()
            return await chromium.download_request(request)
        if "splash" in request.meta:
            rendering = Rendering.for_crawler(self._crawler)

            async def download_after_delay(request: Request) -> Response:
                await rendering.throttle.wait_for_delay(request)
                # Splash gets the outlet's headers for the page in its arguments; the request to itself has none.
                meta = {key: value for key, value in request.meta.items() if key != OUTLET_ACCESS_KEY}
                return await self._plain_handler.download_request(request.replace(meta=meta))

            return await rendering.splash_pool().download(download_after_delay, request)
        return await self._plain_handler.download_request(request)

    async def close(self) -> None:
        await self._plain_handler.close()
