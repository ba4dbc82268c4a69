"""How fast one host is asked: its configured delay, its Crawl-delay, and slower while it says it has too much to do."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from monitor.crawl.poll_interval import retry_after
from monitor.crawl.robots import CRAWL_DELAY, DELAY
from monitor.discovery.url_rules import host_of
from monitor.rendering.splash import PAGE_URL_KEY

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

MAX_REMEMBERED_HOSTS = 10_000  # remembered at once
MAX_EXTRA_DELAY_SECONDS = 60.0  # seconds between two requests, however often a host says it is too much
MAX_WAIT_SECONDS = 10.0  # seconds; a host that wants a longer rest is left alone until then
SLOWDOWN_LIFETIME_SECONDS = 3600.0  # seconds after which a host's bad hour is forgotten
_BUSY = frozenset({429, 503})


class HostResting(IgnoreRequest):
    """The host asked for a rest that is not over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the server asked to be left alone for {seconds:.0f} s more")
        self.seconds = seconds


@dataclass(slots=True)
class Slowdown:
    """One host's bad hour."""

    extra: float = 0.0  # seconds added between two requests
    rests_until: float = 0.0
    seen: float = 0.0


class Politeness:
    """Downloader middleware: one slot for each host and port, its delay set anew for every request."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._slowdowns: dict[str, Slowdown] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        key = _slot(request)
        request.meta["download_slot"] = key  # a redirect carries its first host's
        slowdown, now = self._slowdowns.get(key, Slowdown()), monotonic()
        if slowdown.rests_until - now > MAX_WAIT_SECONDS:
            raise HostResting(slowdown.rests_until - now)
        downloader = self._crawler.engine.downloader
        queued = downloader.slots[key].active if key in downloader.slots else ()
        delay = max(map(_wished, (request, *queued))) + slowdown.extra  # the slowest of those that share a host
        delay = max(delay, slowdown.rests_until - now)
        if len(downloader.per_slot_settings) > MAX_REMEMBERED_HOSTS:
            downloader.per_slot_settings.clear()  # all slots in use keep their delay
        downloader.per_slot_settings[key] = {"delay": delay, "jitter": 0.0}
        if key in downloader.slots:
            downloader.slots[key].delay = delay

    def process_response(self, request: Request, response: Response) -> Response:
        key, now = _slot(request), monotonic()
        if response.status in _BUSY:
            asked = retry_after(response.headers.get("Retry-After"))
            slowdown = self._slowdowns.setdefault(key, Slowdown())
            slowdown.extra = min(max(2 * slowdown.extra, 1.0), MAX_EXTRA_DELAY_SECONDS)
            slowdown.rests_until = max(slowdown.rests_until, now + (asked or slowdown.extra))
            slowdown.seen = now
            self._crawler.stats.inc_value("monitor/slowed")
        elif key in self._slowdowns and response.status < 400:
            slowdown = self._slowdowns[key]
            slowdown.extra = slowdown.extra / 2 if slowdown.extra > 0.1 else 0.0
            if not slowdown.extra and now > slowdown.rests_until:
                del self._slowdowns[key]
        if len(self._slowdowns) > 1000:
            self._slowdowns = {
                host: each for host, each in self._slowdowns.items() if now - each.seen < SLOWDOWN_LIFETIME_SECONDS
            }
        return response


def _wished(request: Request) -> float:
    return float(max(request.meta.get(DELAY, 0.0), request.meta.get(CRAWL_DELAY, 0.0)))


def _slot(request: Request) -> str:
    host, port = host_of(request.meta.get(PAGE_URL_KEY, request.url)) or ("", 0)
    return f"{host}:{port}"
