"""Hosts that asked for no requests until a time, by Retry-After or by a 429.

Politeness records the rests; they are checked when a request is made, and again when it leaves the downloader's queue,
because a host may ask for a rest while requests wait there.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from monitor.discovery.url_rules import host_and_port
from monitor.egress.address_guard import OUTLET_SCOPE_KEY, TRUSTED_HOSTS_KEY

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler

MAX_SHORT_REST_SECONDS = 10.0  # a request waits for the end of a rest up to this; a longer one raises HostResting
MAX_FOREIGN_REST_SECONDS = 3600.0  # longest rest that a host asks for which is not the outlet's own
MAX_REMEMBERED_RESTS = 10_000  # above this number, those that have ended are removed
PAGE_URL_KEY = "page_url"  # request.meta of a request to Splash: URL of the page to render


class HostResting(IgnoreRequest):
    """Raised instead of sending a request to a host that asked for no requests for another ``seconds``.

    ``is_foreign`` is True if the host is not the outlet's own.
    """

    def __init__(self, seconds: float, *, is_foreign: bool = False) -> None:
        super().__init__(f"the server asked for no requests for another {seconds:.0f} s")
        self.seconds = seconds
        self.is_foreign = is_foreign


class HostRests:
    """Scrapy extension: the rests of hosts, for all outlets that a host belongs to.

    A rest that an outlet meets on a host which is not its own, for example behind a redirect, counts for this outlet
    only: otherwise one outlet could stop the polls of another.
    """

    def __init__(self) -> None:
        self._end_by_host: dict[tuple[str, str], float] = {}  # by host and, for a foreign one, outlet

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:  # noqa: ARG003  Scrapy's signature
        return cls()

    @classmethod
    def for_crawler(cls, crawler: Crawler) -> Self:
        """Returns the crawler's HostRests extension.  Raises LookupError if monitor.crawl.addon is not installed."""
        rests = crawler.get_extension(cls)
        if rests is None:
            raise LookupError("the crawler has no host rests: is monitor.crawl.addon among its ADDONS?")
        return rests

    def record(self, request: Request, seconds: float) -> None:
        """Starts a rest, or extends the present one, of the host that answered the request."""
        outlet = _foreign_outlet(request)
        key, now = (rest_key(request), outlet), monotonic()
        end = now + (min(seconds, MAX_FOREIGN_REST_SECONDS) if outlet else seconds)
        self._end_by_host[key] = max(end, self._end_by_host.get(key, 0.0))
        if len(self._end_by_host) > MAX_REMEMBERED_RESTS:
            self._end_by_host = {host: end for host, end in self._end_by_host.items() if end > now}

    def remaining_seconds(self, request: Request) -> float:
        """Returns for how long the request must wait; zero if its host does not rest."""
        host = rest_key(request)
        ends = (self._end_by_host.get((host, outlet), 0.0) for outlet in {"", _foreign_outlet(request)})
        return max(0.0, max(ends) - monotonic())

    def check(self, request: Request) -> None:
        """Raises HostResting if the request's host rests for more than MAX_SHORT_REST_SECONDS."""
        if (seconds := self.remaining_seconds(request)) > MAX_SHORT_REST_SECONDS:
            raise HostResting(seconds, is_foreign=bool(_foreign_outlet(request)))

    async def wait(self, request: Request) -> None:
        """Waits until a short rest of the request's host ends.  Raises HostResting if the rest is longer."""
        self.check(request)
        while seconds := self.remaining_seconds(request):
            await asyncio.sleep(seconds)
            self.check(request)


def rest_key(request: Request) -> str:
    """Returns "host:port" of the page; for a request to Splash, of the page that Splash renders."""
    host, port = host_and_port(request.meta.get(PAGE_URL_KEY, request.url)) or ("", 0)
    return f"{host}:{port}"


def is_own_host(request: Request) -> bool:
    """Returns True if the request's host belongs to the outlet's site, or the outlet's configuration names it."""
    scope = request.meta.get(OUTLET_SCOPE_KEY)
    url = request.meta.get(PAGE_URL_KEY, request.url)
    return scope is None or url in scope or host_and_port(url) in request.meta.get(TRUSTED_HOSTS_KEY, ())


def _foreign_outlet(request: Request) -> str:
    """Returns the name of the request's outlet if the host is not the outlet's own, else an empty string."""
    return "" if is_own_host(request) else request.meta[OUTLET_SCOPE_KEY].outlet_name
