"""Access to one Splash server: limits the pages under way and finds the page that stops the server.

Splash has one thread.  A page that loops for ever stops all pages under way, and the server does not say which one
looped.  So once the server is back, each of them is rendered again alone; the one that stops the server again is the
culprit.
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
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from scrapy.http import Request, Response
    from scrapy.statscollectors import StatsCollector

log = logging.getLogger(__name__)

CONCURRENT_SPLASH_PAGES = 10
MAX_QUEUE_SECONDS = 60.0  # for which pages wait for a stopped server to come back
PING_TIMEOUT_SECONDS = 3.0
RETRY_PAUSE_SECONDS = 0.5  # between two pings of a stopped server
OUTAGE_SECONDS = 30.0  # for which a server that did not come back gets no requests
MAX_PING_BYTES = 1000
_CONNECTION_ERRORS = (
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
    ConnectError,
    ConnectionClosed,
    ResponseFailed,
)


def split_credentials(splash_url: str) -> tuple[str, dict[str, str]]:
    """Returns a server's URL without the user and password in it, and these as request headers."""
    parts = urlsplit(splash_url)
    headers = {}
    if parts.username:
        credentials = basic_auth_header(unquote(parts.username), unquote(parts.password or ""))
        headers["Authorization"] = credentials.decode("ascii")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), headers


def ping(splash_url: str, timeout: float = PING_TIMEOUT_SECONDS) -> str | None:
    """Returns why the server does not respond, or None when it does.  Blocks for at most ``timeout`` seconds."""
    base_url, headers = split_credentials(splash_url)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(urljoin(base_url, "_ping"), headers=headers)  # noqa: S310  a configured URL
        with opener.open(request, timeout=timeout) as response:
            response.read(MAX_PING_BYTES)
    except (URLError, OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return None


class SplashPool:
    """Passes up to `CONCURRENT_SPLASH_PAGES` pages at a time to one Splash server, or one suspect page alone."""

    def __init__(self, splash_url: str, stats: StatsCollector) -> None:
        self.splash_url = splash_url
        self._stats = stats
        self._under_way = 0
        self._suspects = 0  # pages that wait to be rendered alone, or are being so
        self._change = asyncio.Condition()
        self._was_up = False
        self._outage_end = 0.0  # event loop time
        self._problem = ""

    async def download(self, download: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        """Returns the server's response.

        Raises FetchError: kind SPLASH_HANG when the page stops the server, TIMEOUT when it does not finish.
        Raises RenderingUnavailable when the server does not come back.
        """
        loop = asyncio.get_running_loop()
        for alone in (False, True, True):  # alone twice, in case something else stopped the server the first time
            async with self._admit(alone=alone):
                if loop.time() < self._outage_end:
                    raise self._unavailable()
                try:
                    response = await download(request)
                except _CONNECTION_ERRORS as error:
                    problem = await asyncio.to_thread(ping, self.splash_url)
                    if isinstance(error, DownloadTimeoutError) and not problem:
                        raise FetchError("the page was not finished in time", kind=FailureKind.TIMEOUT) from error
                    self._stats.inc_value("monitor/rendering/splash-stopped")
                    await self._wait_until_up(problem)
                else:
                    self._was_up = True
                    return response
        raise FetchError("the page stops the rendering server on every attempt", kind=FailureKind.SPLASH_HANG)

    @contextlib.asynccontextmanager
    async def _admit(self, *, alone: bool) -> AsyncIterator[None]:
        async with self._change:
            if alone:
                self._suspects += 1
                await self._change.wait_for(lambda: not self._under_way)
            else:
                await self._change.wait_for(lambda: not self._suspects and self._under_way < CONCURRENT_SPLASH_PAGES)
            self._under_way += 1
        try:
            yield
        finally:
            async with self._change:
                self._under_way -= 1
                self._suspects -= alone
                self._change.notify_all()

    async def _wait_until_up(self, problem: str | None) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (MAX_QUEUE_SECONDS if self._was_up else 2 * PING_TIMEOUT_SECONDS)
        while problem:
            if loop.time() > deadline:
                self._problem, self._was_up = problem, False
                self._outage_end = loop.time() + OUTAGE_SECONDS
                raise self._unavailable()
            await asyncio.sleep(RETRY_PAUSE_SECONDS)
            problem = await asyncio.to_thread(ping, self.splash_url)

    def _unavailable(self) -> RenderingUnavailable:
        return RenderingUnavailable(
            f"Splash at {split_credentials(self.splash_url)[0]} does not answer: {self._problem}",
            hint="start it (`make splash`, or your container), or name another in crawl.splash",
        )
