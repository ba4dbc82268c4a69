"""Access to one Splash server: limits the pages rendered at the same time and finds pages that stop the server.

Splash renders in one thread.  A script that loops for ever stops all pages under way, and the server does not say which
page contains the script.  Therefore, when the server responds again, each of these pages is rendered alone; a page that
stops the server again fails with FetchError.
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

CONCURRENT_SPLASH_PAGES = 10  # rendered by one server at the same time
MAX_RECOVERY_SECONDS = 60.0  # for which a page waits until a stopped server responds again
PING_TIMEOUT_SECONDS = 3.0
PING_INTERVAL_SECONDS = 0.5  # between two pings of a stopped server
OUTAGE_PAUSE_SECONDS = 30.0  # for which no requests are sent to a server that did not recover
MAX_PING_RESPONSE_BYTES = 1000
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
    """Returns the URL without user and password, and the request headers that contain them.

    The headers are empty if the URL has no user.
    """
    parts = urlsplit(splash_url)
    headers = {}
    if parts.username:
        credentials = basic_auth_header(unquote(parts.username), unquote(parts.password or ""))
        headers["Authorization"] = credentials.decode("ascii")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), headers


def ping_error(splash_url: str, timeout: float = PING_TIMEOUT_SECONDS) -> str | None:
    """Returns the error of a request to Splash's ``_ping``, or None if it succeeds.  Blocks up to ``timeout`` s."""
    base_url, headers = split_credentials(splash_url)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(urljoin(base_url, "_ping"), headers=headers)  # noqa: S310  the URL is from the configuration
        with opener.open(request, timeout=timeout) as response:
            response.read(MAX_PING_RESPONSE_BYTES)
    except (URLError, OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return None


class SplashPool:
    """Sends up to `CONCURRENT_SPLASH_PAGES` pages at a time to one Splash server, or one suspect page alone."""

    def __init__(self, splash_url: str, stats: StatsCollector) -> None:
        self.splash_url = splash_url
        self._stats = stats
        self._pages_under_way = 0
        self._suspect_pages = 0  # number of pages that wait to be rendered alone or are rendered alone now
        self._counts_changed = asyncio.Condition()
        self._has_responded = False
        self._outage_end = 0.0  # by the event loop's clock; no requests are sent before
        self._outage_reason = ""

    async def download(self, download: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        """Returns Splash's response to the request, sent with ``download`` up to three times.

        Raises FetchError: kind SPLASH_HANG if the page stops the server each time, TIMEOUT if it does not finish.
        Raises RenderingUnavailable if the server does not recover.
        """
        loop = asyncio.get_running_loop()
        # Rendered alone twice, in case another cause stopped the server the first time.
        for alone in (False, True, True):
            async with self._page_slot(alone=alone):
                if loop.time() < self._outage_end:
                    raise self._unavailable_error()
                if not self._has_responded:  # a silent server would hold the page for its whole time limit
                    await self._wait_until_up(await asyncio.to_thread(ping_error, self.splash_url))
                try:
                    response = await download(request)
                except _CONNECTION_ERRORS as error:
                    problem = await asyncio.to_thread(ping_error, self.splash_url)
                    if isinstance(error, DownloadTimeoutError) and not problem:
                        raise FetchError("the page was not finished in time", kind=FailureKind.TIMEOUT) from error
                    self._stats.inc_value("monitor/rendering/splash-stopped")
                    await self._wait_until_up(problem)
                else:
                    self._has_responded = True
                    return response
        raise FetchError("the page stops the rendering server on every attempt", kind=FailureKind.SPLASH_HANG)

    @contextlib.asynccontextmanager
    async def _page_slot(self, *, alone: bool) -> AsyncIterator[None]:
        """Waits until a page may be rendered, alone or beside others, and counts it as under way in the block."""
        async with self._counts_changed:
            if alone:
                self._suspect_pages += 1
                await self._counts_changed.wait_for(lambda: not self._pages_under_way)
            else:
                await self._counts_changed.wait_for(
                    lambda: not self._suspect_pages and self._pages_under_way < CONCURRENT_SPLASH_PAGES
                )
            self._pages_under_way += 1
        try:
            yield
        finally:
            async with self._counts_changed:
                self._pages_under_way -= 1
                self._suspect_pages -= alone
                self._counts_changed.notify_all()

    async def _wait_until_up(self, problem: str | None) -> None:
        """Waits until the server responds to a ping.  Raises RenderingUnavailable after the time limit."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (MAX_RECOVERY_SECONDS if self._has_responded else 2 * PING_TIMEOUT_SECONDS)
        while problem:
            if loop.time() > deadline:
                self._outage_reason, self._has_responded = problem, False
                self._outage_end = loop.time() + OUTAGE_PAUSE_SECONDS
                raise self._unavailable_error()
            await asyncio.sleep(PING_INTERVAL_SECONDS)
            problem = await asyncio.to_thread(ping_error, self.splash_url)

    def _unavailable_error(self) -> RenderingUnavailable:
        return RenderingUnavailable(
            f"Splash at {split_credentials(self.splash_url)[0]} does not answer: {self._outage_reason}",
            hint="start it (`make splash`, or your container), or name another in crawl.splash",
        )
