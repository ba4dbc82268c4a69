"""Delays requests to one host by the outlet's delay or Crawl-delay, and by more after a 429 or 503."""

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

MAX_REMEMBERED_SLOT_DELAYS = 10_000  # download slots (host and port) whose delay Scrapy keeps; more clear the table
MAX_EXTRA_DELAY_SECONDS = 60.0  # upper bound of the extra delay of a host that keeps sending 429 or 503
MAX_RETRY_AFTER_WAIT_SECONDS = 10.0  # a longer wait for a host's Retry-After raises HostResting
MAX_REMEMBERED_SLOWDOWNS = 1000  # hosts with a slowdown; above this number the expired ones are removed
SLOWDOWN_LIFETIME_SECONDS = 3600.0  # age of the host's last 429 or 503 at which its slowdown expires
_BUSY_HTTP_STATUSES = frozenset({429, 503})


class HostResting(IgnoreRequest):
    """Raised instead of sending a request to a host whose Retry-After has not passed; ``seconds`` is the rest of it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the server asked for no requests for another {seconds:.0f} s")
        self.seconds = seconds


@dataclass(slots=True)
class HostSlowdown:
    """The extra delay of a host that answered 429 or 503; times are values of `time.monotonic`."""

    extra_delay: float = 0.0  # seconds, added to the delay between two requests
    resting_until: float = 0.0  # no request to the host starts before this time
    last_busy_at: float = 0.0  # time of the host's last 429 or 503


class PolitenessMiddleware:
    """Scrapy downloader middleware: gives each host and port one download slot and sets its delay at each request."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._slowdowns: dict[str, HostSlowdown] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Sets the request's slot and delay.  Raises HostResting for a wait over MAX_RETRY_AFTER_WAIT_SECONDS."""
        key = _slot_key(request)
        request.meta["download_slot"] = key  # replaces the slot of the host that redirected the request
        slowdown, now = self._slowdowns.get(key, HostSlowdown()), monotonic()
        if slowdown.resting_until - now > MAX_RETRY_AFTER_WAIT_SECONDS:
            raise HostResting(slowdown.resting_until - now)
        downloader = self._crawler.engine.downloader
        queued = downloader.slots[key].active if key in downloader.slots else ()
        # The longest delay of the requests in the slot counts, as several outlets may share the host.
        delay = max(map(_requested_delay_seconds, (request, *queued))) + slowdown.extra_delay
        delay = max(delay, slowdown.resting_until - now)
        if len(downloader.per_slot_settings) > MAX_REMEMBERED_SLOT_DELAYS:
            downloader.per_slot_settings.clear()  # slots with requests keep their delay
        downloader.per_slot_settings[key] = {"delay": delay, "jitter": 0.0}
        if key in downloader.slots:
            downloader.slots[key].delay = delay

    def process_response(self, request: Request, response: Response) -> Response:
        """Doubles the host's extra delay after a 429 or 503, halves it after a success; returns the response."""
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
    """Returns the longer of the outlet's delay and the Crawl-delay in request.meta; 0 without either."""
    return float(max(request.meta.get(OUTLET_DELAY_META_KEY, 0.0), request.meta.get(CRAWL_DELAY_META_KEY, 0.0)))


def _slot_key(request: Request) -> str:
    """Returns "host:port" of the page; for a request to Splash, of the page that Splash renders."""
    host, port = host_and_port(request.meta.get(PAGE_URL_KEY, request.url)) or ("", 0)
    return f"{host}:{port}"
