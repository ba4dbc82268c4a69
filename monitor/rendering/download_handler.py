"""The download handler: what is to be rendered goes to its engine, everything else to the plain handler."""

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
    """For http and https."""

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._crawler = crawler
        self._plain = GuardedHandler(crawler)

    async def download_request(self, request: Request) -> Response:
        if "playwright" in request.meta:
            chromium = await Rendering.of(self._crawler).chromium()
            return await chromium.download_request(request)
        if "splash" in request.meta:
            rendering = Rendering.of(self._crawler)

            async def paced(request: Request) -> Response:
                await rendering.pace.keep(request)
                return await self._plain.download_request(request)

            return await rendering.splash().download(paced, request)
        return await self._plain.download_request(request)

    async def close(self) -> None:
        await self._plain.close()
