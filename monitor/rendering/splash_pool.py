"""In front of a Splash server: pages at once, and what to do when one of them stops it.

Splash has one thread.  A page that loops for ever stops all pages under way, and nobody can tell which one it was.
So once the server is back each of them is asked for again alone; the one that stops it again is the culprit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import urllib.request
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import unquote, urljoin, urlsplit

from scrapy.exceptions import (
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.web.client import ResponseFailed
from w3lib.http import basic_auth_header

from monitor.errors import FetchError, RenderingUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from scrapy.http import Request, Response
    from scrapy.statscollectors import StatsCollector

log = logging.getLogger(__name__)

CONCURRENT_PAGES = 10  # at once
MAX_QUEUE_SECONDS = 60.0  # seconds a server that stopped has to come back
PING_TIMEOUT = 3.0  # seconds
OUTAGE_SECONDS = 30.0  # seconds in which a server that did not come back is not asked again
_STOPPED = (
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
    ConnectError,
    ConnectionClosed,
    ResponseFailed,
)


def place_of(splash: str) -> tuple[str, dict[str, str]]:
    """A server's address without the user and password it may carry, and these as a header."""
    parts = urlsplit(splash)
    headers = {}
    if parts.username:
        credentials = basic_auth_header(unquote(parts.username), unquote(parts.password or ""))
        headers["Authorization"] = credentials.decode("ascii")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), headers


def ping(splash: str, timeout: float = PING_TIMEOUT) -> str | None:
    """Why the server does not answer; None where it does.  Blocks for at most ``timeout`` seconds."""
    place, headers = place_of(splash)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        question = urllib.request.Request(urljoin(place, "_ping"), headers=headers)  # noqa: S310  configured
        with opener.open(question, timeout=timeout) as answer:
            answer.read(1000)
    except (URLError, OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return None


class SplashPool:
    """Lets `CONCURRENT_PAGES` pages at once through to one Splash server, or one suspect alone."""

    def __init__(self, splash: str, stats: StatsCollector) -> None:
        self.splash = splash
        self._stats = stats
        self._inside = 0
        self._suspects = 0  # waiting for their turn, or having it
        self._change = asyncio.Condition()
        self._was_up = False
        self._away_until = 0.0
        self._problem = ""

    async def download(self, download: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        """The server's answer.

        Raises FetchError of kind ``hang`` for a page that stops the server, and RenderingUnavailable where the
        server does not come back.
        """
        loop = asyncio.get_running_loop()
        for alone in (False, True, True):  # alone twice: once may be somebody else's kill
            async with self._through(alone=alone):
                if loop.time() < self._away_until:
                    raise self._unavailable()
                try:
                    answer = await download(request)
                except _STOPPED as error:
                    down = await asyncio.to_thread(ping, self.splash)
                    if isinstance(error, DownloadTimeoutError) and not down:
                        raise FetchError("the page was not finished in time", kind="timeout") from error
                    self._stats.inc_value("monitor/rendering/splash-stopped")
                    await self._until_back(down)
                else:
                    self._was_up = True
                    return answer
        raise FetchError("the page stops the rendering server each time it is asked for", kind="hang", permanent=True)

    @contextlib.asynccontextmanager
    async def _through(self, *, alone: bool) -> AsyncIterator[None]:
        async with self._change:
            if alone:
                self._suspects += 1
                await self._change.wait_for(lambda: not self._inside)
            else:
                await self._change.wait_for(lambda: not self._suspects and self._inside < CONCURRENT_PAGES)
            self._inside += 1
        try:
            yield
        finally:
            async with self._change:
                self._inside -= 1
                self._suspects -= alone
                self._change.notify_all()

    async def _until_back(self, down: str | None) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (MAX_QUEUE_SECONDS if self._was_up else 2 * PING_TIMEOUT)
        while down:
            if loop.time() > deadline:
                self._problem, self._was_up = down, False
                self._away_until = loop.time() + OUTAGE_SECONDS
                raise self._unavailable()
            await asyncio.sleep(0.5)
            down = await asyncio.to_thread(ping, self.splash)

    def _unavailable(self) -> RenderingUnavailable:
        return RenderingUnavailable(
            f"Splash at {place_of(self.splash)[0]} does not answer: {self._problem}",
            hint="start it (`make splash`, or your container), or name another in crawl.splash",
        )
