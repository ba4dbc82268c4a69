"""Obeys robots.txt (RFC 9309) and caches the rules of each host."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.httpobj import urlparse_cached

from monitor.egress.address_guard import TRUSTED_HOSTS_KEY, VERIFY_CERTIFICATE_KEY

if TYPE_CHECKING:
    from typing import Self
    from urllib.parse import ParseResult, SplitResult

    from scrapy.crawler import Crawler
    from scrapy.http import Response

OUTLET_DELAY_META_KEY = "outlet_delay"  # request.meta: the configured delay, in seconds
CRAWL_DELAY_META_KEY = "crawl_delay"  # request.meta: the Crawl-delay of robots.txt, in seconds
ROBOTS_CACHE_SECONDS = 24 * 3600.0  # rules are cached for this long (RFC 9309, 2.4)
ROBOTS_RETRY_SECONDS = 300.0  # until an unreachable robots.txt is requested again
MAX_ROBOTS_BYTES = 500_000  # the rest is ignored (RFC 9309, 2.5)
MAX_ROBOTS_DOWNLOAD_BYTES = 10_000_000  # replaces crawl.max_size
MAX_CRAWL_DELAY_SECONDS = 300.0  # a longer Crawl-delay is shortened to this, else the outlet could not be read
SLOW_ROBOTS_CHARACTERS = 50_000  # larger ones are matched in a thread: at 500,000 one match takes a third of a second
MAX_CACHED_ROBOTS_RULES = 10_000


class RobotsDisallowed(IgnoreRequest):
    """robots.txt disallows the address."""


class RobotsUnreachable(IgnoreRequest):
    """robots.txt could not be read, so that nothing is fetched for now (RFC 9309, 2.3.1.4)."""


@dataclass(frozen=True, slots=True)
class RobotsRules:
    """One host's robots.txt; ``parsed`` is None when the host has none, and then everything is allowed."""

    parsed: Protego | None
    expires_at: float  # of `time.monotonic`
    problem: str = ""  # why it could not be read
    is_slow_to_match: bool = False  # has so many rules that matching would block the event loop

    def allows(self, url: str, agent: str) -> bool:
        return self.parsed is None or bool(self.parsed.can_fetch(url, agent))

    def crawl_delay(self, agent: str) -> float:
        """Returns the Crawl-delay in seconds, MAX_CRAWL_DELAY_SECONDS at most; 0 when there is none."""
        return min(float((self.parsed and self.parsed.crawl_delay(agent)) or 0.0), MAX_CRAWL_DELAY_SECONDS)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        return tuple(self.parsed.sitemaps) if self.parsed else ()


class RobotsMiddleware:
    """Downloader middleware: drops requests that robots.txt disallows; requests each host's robots.txt once."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._obeys_robots = crawler.settings.getbool("MONITOR_OBEY_ROBOTS", True)
        self._user_agent = str(crawler.settings["USER_AGENT"]).partition("/")[0].strip() or "*"
        self._rules_by_origin: dict[str, RobotsRules] = {}
        self._fetches_by_origin: dict[str, asyncio.Task[RobotsRules]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if not self._obeys_robots or request.meta.get("dont_obey_robotstxt"):
            return
        rules = await self.rules_for(request)
        if rules.problem:
            raise RobotsUnreachable(f"robots.txt: {rules.problem}")
        if rules.is_slow_to_match:
            allowed = await asyncio.to_thread(rules.allows, request.url, self._user_agent)
        else:
            allowed = rules.allows(request.url, self._user_agent)
        if not allowed:
            raise RobotsDisallowed("robots.txt does not allow it")
        request.meta[CRAWL_DELAY_META_KEY] = rules.crawl_delay(self._user_agent)

    def cached_crawl_delay(self, url: str) -> float:
        """Returns the Crawl-delay of the address's host in seconds; 0 while its robots.txt is not cached."""
        rules = self._rules_by_origin.get(_origin_of_url(urlsplit(url)))
        return rules.crawl_delay(self._user_agent) if rules and self._obeys_robots else 0.0

    async def rules_for(self, request: Request) -> RobotsRules:
        """Returns the rules of the request's host, which are fetched when they are not cached or have expired."""
        origin = _origin_of_url(urlparse_cached(request))
        cached = self._rules_by_origin.get(origin)
        if cached is not None and monotonic() < cached.expires_at:
            return cached
        if origin not in self._fetches_by_origin:
            self._fetches_by_origin[origin] = asyncio.create_task(self._fetch_rules(origin, request, cached))
            self._fetches_by_origin[origin].add_done_callback(lambda _: self._fetches_by_origin.pop(origin, None))
        return await asyncio.shield(
            self._fetches_by_origin[origin]
        )  # other polls wait for it when this one is cancelled

    async def _fetch_rules(self, origin: str, request: Request, expired: RobotsRules | None) -> RobotsRules:
        meta = {
            "dont_obey_robotstxt": True,
            TRUSTED_HOSTS_KEY: request.meta.get(TRUSTED_HOSTS_KEY, frozenset()),
            VERIFY_CERTIFICATE_KEY: request.meta.get(VERIFY_CERTIFICATE_KEY, True),
            "cookiejar": request.meta.get("cookiejar"),
            # Requests of one host share a download slot, which must keep their delay.
            OUTLET_DELAY_META_KEY: request.meta.get(OUTLET_DELAY_META_KEY, 0.0),
            CRAWL_DELAY_META_KEY: expired.crawl_delay(self._user_agent) if expired else 0.0,
            "download_maxsize": MAX_ROBOTS_DOWNLOAD_BYTES,
        }
        try:
            response = await self._crawler.engine.download_async(
                Request(f"{origin}/robots.txt", meta=meta, callback=NO_CALLBACK, dont_filter=True)
            )
            rules = await asyncio.to_thread(_rules_from_response, response)
        except Exception as error:  # noqa: BLE001  any failure becomes the rules' problem
            rules = RobotsRules(None, monotonic() + ROBOTS_RETRY_SECONDS, problem=str(error) or type(error).__name__)
            if isinstance(error, IgnoreRequest) and "max redirections" in rules.problem:
                # A redirect loop counts as no robots.txt (RFC 9309, 2.3.1.2).
                rules = RobotsRules(None, monotonic() + ROBOTS_CACHE_SECONDS)
        if rules.problem and expired is not None and not expired.problem:
            rules = replace(expired, expires_at=monotonic() + ROBOTS_RETRY_SECONDS)  # the last rules stay in force
        if len(self._rules_by_origin) >= MAX_CACHED_ROBOTS_RULES:
            self._rules_by_origin.clear()
        self._rules_by_origin[origin] = rules
        return rules


def _origin_of_url(parts: SplitResult | ParseResult) -> str:
    return f"{parts.scheme}://{parts.netloc}"


def _rules_from_response(response: Response) -> RobotsRules:
    if response.status == 200:
        text = response.body[:MAX_ROBOTS_BYTES].decode("utf-8-sig", errors="ignore")
        return RobotsRules(
            Protego.parse(text), monotonic() + ROBOTS_CACHE_SECONDS, is_slow_to_match=len(text) > SLOW_ROBOTS_CHARACTERS
        )
    if response.status == 429 or response.status >= 500:
        return RobotsRules(None, monotonic() + ROBOTS_RETRY_SECONDS, problem=f"status {response.status}")
    return RobotsRules(None, monotonic() + ROBOTS_CACHE_SECONDS)
