"""Delays between the requests to one host: the configured delay, Crawl-delay, and more after 429 and 503."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from monitor.crawl.poll_interval import parse_retry_after
from monitor.crawl.robots import CRAWL_DELAY_META_KEY, OUTLET_DELAY_META_KEY
from monitor.discovery.url_rules import host_and_port
from monitor.rendering.splash import PAGE_URL_KEY

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

MAX_REMEMBERED_SLOT_DELAYS = 10_000
MAX_EXTRA_DELAY_SECONDS = 60.0  # added between two requests, however often the host answers 429 or 503
MAX_RETRY_AFTER_WAIT_SECONDS = 10.0  # a request waits for a Retry-After up to this; for a longer one it fails
MAX_REMEMBERED_SLOWDOWNS = 1000  # above this number the expired ones are dropped
SLOWDOWN_LIFETIME_SECONDS = 3600.0  # since the host's last 429 or 503
_BUSY_HTTP_STATUSES = frozenset({429, 503})


class HostResting(IgnoreRequest):
    """The host sent a Retry-After that has not passed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the server asked for no requests for another {seconds:.0f} s")
        self.seconds = seconds


@dataclass(slots=True)
class HostSlowdown:
    """The extra delay of a host that answered 429 or 503; the times are those of `time.monotonic`."""

    extra_delay: float = 0.0  # seconds
    resting_until: float = 0.0
    last_busy_at: float = 0.0


class PolitenessMiddleware:
    """Downloader middleware: one download slot per host and port, with its delay set at every request."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._slowdowns: dict[str, HostSlowdown] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        key = _slot_key(request)
        request.meta["download_slot"] = key  # a redirected request still has the slot of its first host
        slowdown, now = self._slowdowns.get(key, HostSlowdown()), monotonic()
        if slowdown.resting_until - now > MAX_RETRY_AFTER_WAIT_SECONDS:
            raise HostResting(slowdown.resting_until - now)
        downloader = self._crawler.engine.downloader
        queued = downloader.slots[key].active if key in downloader.slots else ()
        delay = (
            max(map(_requested_delay_seconds, (request, *queued))) + slowdown.extra_delay
        )  # outlets may share the host
        delay = max(delay, slowdown.resting_until - now)
        if len(downloader.per_slot_settings) > MAX_REMEMBERED_SLOT_DELAYS:
            downloader.per_slot_settings.clear()  # slots in use keep their delay
        downloader.per_slot_settings[key] = {"delay": delay, "jitter": 0.0}
        if key in downloader.slots:
            downloader.slots[key].delay = delay

    def process_response(self, request: Request, response: Response) -> Response:
        key, now = _slot_key(request), monotonic()
        if response.status in _BUSY_HTTP_STATUSES:
            pause = parse_retry_after(response.headers.get("Retry-After"))
            slowdown = self._slowdowns.setdefault(key, HostSlowdown())
            slowdown.extra_delay = min(max(2 * slowdown.extra_delay, 1.0), MAX_EXTRA_DELAY_SECONDS)
            slowdown.resting_until = max(slowdown.resting_until, now + (pause or slowdown.extra_delay))
            slowdown.last_busy_at = now
            self._crawler.stats.inc_value("monitor/slowed")
        elif key in self._slowdowns and response.status < 400:
            slowdown = self._slowdowns[key]
            slowdown.extra_delay = slowdown.extra_delay / 2 if slowdown.extra_delay > 0.1 else 0.0
            if not slowdown.extra_delay and now > slowdown.resting_until:
                del self._slowdowns[key]
        if len(self._slowdowns) > MAX_REMEMBERED_SLOWDOWNS:
            self._slowdowns = {
                slot: slowdown
                for slot, slowdown in self._slowdowns.items()
                if now - slowdown.last_busy_at < SLOWDOWN_LIFETIME_SECONDS
            }
        return response


def _requested_delay_seconds(request: Request) -> float:
    return float(max(request.meta.get(OUTLET_DELAY_META_KEY, 0.0), request.meta.get(CRAWL_DELAY_META_KEY, 0.0)))


def _slot_key(request: Request) -> str:
    host, port = host_and_port(request.meta.get(PAGE_URL_KEY, request.url)) or ("", 0)
    return f"{host}:{port}"
