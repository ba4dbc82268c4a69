"""Delays requests to one host by the outlet's delay or Crawl-delay, and by more after a 429 or 503.

The host's rests, for which it gets no request at all, are kept in `monitor.egress.host_rests`.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from monitor.crawl.robots import CRAWL_DELAY_META_KEY, OUTLET_DELAY_META_KEY
from monitor.egress.host_rests import MAX_SHORT_REST_SECONDS, HostRests, is_own_host, rest_key
from monitor.retry_after import parse_retry_after
from monitor.retry_policy import DEFAULT_BUSY_HOST_PAUSE

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

MAX_REMEMBERED_SLOT_DELAYS = 10_000  # download slots (host and port) whose delay Scrapy keeps; more clear the table
MAX_EXTRA_DELAY_SECONDS = 60.0  # upper bound of the extra delay of a host that keeps sending 429 or 503
MAX_REMEMBERED_SLOWDOWNS = 1000  # hosts with a slowdown; above this number the expired ones are removed
SLOWDOWN_LIFETIME_SECONDS = 3600.0  # age of the host's last 429 or 503 at which its slowdown expires
_BUSY_HTTP_STATUSES = frozenset({429, 503})


@dataclass(slots=True)
class HostSlowdown:
    """The extra delay of a host that answered 429 or 503; times are values of `time.monotonic`."""

    extra_delay: float = 0.0  # seconds, added to the delay between two requests
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
        """Sets the request's slot and delay.  Raises HostResting if its host rests for long."""
        key = rest_key(request)
        request.meta["download_slot"] = key  # replaces the slot of the host that redirected the request
        rests = HostRests.for_crawler(self._crawler)
        rests.check(request)
        downloader = self._crawler.engine.downloader
        queued = downloader.slots[key].active if key in downloader.slots else ()
        # The longest delay of the requests in the slot counts, as several outlets may share the host.
        delay = max(map(_requested_delay_seconds, (request, *queued)))
        delay += self._slowdowns.get(key, HostSlowdown()).extra_delay
        delay = max(delay, rests.remaining_seconds(request))
        if len(downloader.per_slot_settings) > MAX_REMEMBERED_SLOT_DELAYS:
            downloader.per_slot_settings.clear()  # slots with requests keep their delay
        downloader.per_slot_settings[key] = {"delay": delay, "jitter": 0.0}
        if key in downloader.slots:
            downloader.slots[key].delay = delay

    def process_response(self, request: Request, response: Response) -> Response:
        """Records the rest that a 429 or 503 asks for, and adapts the host's extra delay; returns the response."""
        key, now = rest_key(request), monotonic()
        if response.status in _BUSY_HTTP_STATUSES:
            self._record_busy_response(request, response)
        elif key in self._slowdowns and response.status < 400:
            slowdown = self._slowdowns[key]
            slowdown.extra_delay = slowdown.extra_delay / 2 if slowdown.extra_delay > 0.1 else 0.0
            if not slowdown.extra_delay:
                del self._slowdowns[key]
        if len(self._slowdowns) > MAX_REMEMBERED_SLOWDOWNS:
            self._slowdowns = {
                slot: slowdown
                for slot, slowdown in self._slowdowns.items()
                if now - slowdown.last_busy_at < SLOWDOWN_LIFETIME_SECONDS
            }
        return response

    def _record_busy_response(self, request: Request, response: Response) -> None:
        """Starts the rest that a 429 or 503 asks for; doubles the extra delay of a host that is the outlet's own.

        A 429 without Retry-After asks for DEFAULT_BUSY_HOST_PAUSE, a 503 for the extra delay.
        """
        key = rest_key(request)
        slowdown = HostSlowdown()
        if is_own_host(request):
            slowdown = self._slowdowns.setdefault(key, slowdown)
        slowdown.extra_delay = min(max(2 * slowdown.extra_delay, 1.0), MAX_EXTRA_DELAY_SECONDS)
        slowdown.last_busy_at = monotonic()
        default = DEFAULT_BUSY_HOST_PAUSE.total_seconds() if response.status == 429 else slowdown.extra_delay
        pause = parse_retry_after(response.headers.get("Retry-After"))
        seconds = default if pause is None else pause
        HostRests.for_crawler(self._crawler).record(request, seconds)
        if is_own_host(request) and (slot := self._crawler.engine.downloader.slots.get(key)):
            # The requests that wait there start after a short rest; in a long one they leave the queue to be refused.
            slot.delay = max(slot.delay, seconds) if seconds <= MAX_SHORT_REST_SECONDS else 0.0
        self._crawler.stats.inc_value("monitor/slowed")


def _requested_delay_seconds(request: Request) -> float:
    """Returns the longer of the outlet's delay and the Crawl-delay in request.meta; 0 without either."""
    return float(max(request.meta.get(OUTLET_DELAY_META_KEY, 0.0), request.meta.get(CRAWL_DELAY_META_KEY, 0.0)))
