"""Makes requests obey robots.txt (RFC 9309) and caches its rules for each scheme, host and port."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request
from scrapy.exceptions import CannotResolveHostError, DownloadCancelledError, IgnoreRequest
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.httpobj import urlparse_cached

from monitor.crawl.robots_text import protego_agent_name, protego_text
from monitor.decompression import DecompressionLimitExceeded
from monitor.discovery.url_rules import host_and_port
from monitor.egress.address_guard import (
    OUTLET_SCOPE_KEY,
    TRUSTED_HOSTS_KEY,
    VERIFY_CERTIFICATE_KEY,
    AddressRefused,
)
from monitor.egress.host_rests import HostResting, HostRests, is_own_host
from monitor.egress.http_handler import ProxyUnreachable
from monitor.egress.outlet_access import OUTLET_ACCESS_KEY
from monitor.models import now
from monitor.retry_after import parse_retry_after

if TYPE_CHECKING:
    from datetime import time
    from typing import Self
    from urllib.parse import ParseResult, SplitResult

    from scrapy.crawler import Crawler
    from scrapy.http import Response

OUTLET_DELAY_META_KEY = "outlet_delay"  # key of request.meta: configured seconds between requests
CRAWL_DELAY_META_KEY = "crawl_delay"  # key of request.meta: Crawl-delay of robots.txt, seconds
ROBOTS_CACHE_SECONDS = 24 * 3600.0  # age at which a cached robots.txt is fetched again (RFC 9309, 2.4)
ROBOTS_RETRY_SECONDS = 300.0  # pause before an unreachable robots.txt is requested again
MAX_ROBOTS_DOWNLOAD_BYTES = 10_000_000  # size limit of a robots.txt response, in place of crawl.max_size
MAX_CRAWL_DELAY_SECONDS = 300.0  # longer delays are cut to this, so that polls can end
SLOW_ROBOTS_CHARACTERS = 5000  # a longer robots.txt is matched in a thread: one match in 50,000 takes up to 0.4 s
MAX_CACHED_ROBOTS_RULES = 10_000  # origins; beyond, the least recently used are removed
MAX_CACHED_ROBOTS_CHARACTERS = 5_000_000  # of all robots.txt together, likewise; parsed they take eight times as much
USUAL_ROBOTS_BYTES = 1_000_000  # size limit of the first request; of larger ones, one at a time is in memory


# "scheme://host:port", and True for requests of outlets that the host belongs to.  Other outlets, whose pages redirect
# there, have other rights and rests, and the failures that they meet must not count for the host's own outlets.
_RulesKey: TypeAlias = tuple[str, bool]


class RobotsDisallowed(IgnoreRequest):
    """Raised for a request whose URL robots.txt disallows."""


class RobotsUnreachable(IgnoreRequest):
    """Raised for each request to a host whose robots.txt could not be read (RFC 9309, 2.3.1.4)."""


@dataclass(frozen=True, slots=True)
class RobotsRules:
    """One host's robots.txt; ``parsed`` is None if there is none (all URLs are allowed) or it could not be read."""

    parsed: Protego | None  # of `protego_text`, so agents are named by `protego_agent_name`
    expires_at: float  # value of `time.monotonic` from which robots.txt is fetched again
    problem: str = ""  # the reason why robots.txt could not be read; empty if it was read or is absent
    cause: Exception | None = None  # the exception of the request if it is the reason
    characters: int = 0  # of the text that is parsed

    @property
    def is_slow_to_match(self) -> bool:
        """True if matching a URL would block the event loop."""
        return self.characters > SLOW_ROBOTS_CHARACTERS

    def allows(self, url: str, agent: str) -> bool:
        """Returns True if this user agent may fetch the URL, or there is no robots.txt."""
        return self.parsed is None or bool(self.parsed.can_fetch(url, agent))

    def crawl_delay(self, agent: str, *, at: time | None = None) -> float:
        """Returns the seconds between two requests that Crawl-delay or Request-rate asks of this user agent.

        The longer of both counts, at most MAX_CRAWL_DELAY_SECONDS; 0 without either.  A Request-rate for a part of the
        day counts in this part, of the day in UTC; ``at`` is the time of day (default: now).
        """
        if self.parsed is None:
            return 0.0
        delay, rate = float(self.parsed.crawl_delay(agent) or 0.0), self.parsed.request_rate(agent)
        if rate and _is_in_period(at or now().time(), rate.start_time, rate.end_time):
            delay = max(delay, rate.seconds / rate.requests)
        return min(delay, MAX_CRAWL_DELAY_SECONDS)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """The sitemap URLs that robots.txt names; may be empty."""
        return tuple(self.parsed.sitemaps) if self.parsed else ()


class RobotsMiddleware:
    """Scrapy downloader middleware: fetches and caches each host's robots.txt and drops requests that it disallows."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._obeys_robots = crawler.settings.getbool("MONITOR_OBEY_ROBOTS", True)
        self._user_agent = protego_agent_name(str(crawler.settings["USER_AGENT"]))
        self._rules_by_origin: dict[_RulesKey, RobotsRules] = {}
        self._cached_characters = 0  # of all cached rules
        self._fetches_by_origin: dict[_RulesKey, asyncio.Task[RobotsRules]] = {}
        self._large_robots_lock = asyncio.Lock()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Sets the request's delay.

        Raises HostResting, AddressRefused, RobotsDisallowed or RobotsUnreachable for a request to drop.
        """
        if not self._obeys_robots or request.meta.get("dont_obey_robotstxt"):
            return
        rests = HostRests.for_crawler(self._crawler)
        rests.check(request)
        rules = await self.rules_for(request)
        if rules.problem:
            rests.check(request)  # robots.txt itself may have been answered with 429
            if isinstance(rules.cause, AddressRefused) and rules.cause.host == host_and_port(request.url):
                raise AddressRefused(str(rules.cause), host=rules.cause.host)
            raise RobotsUnreachable(f"robots.txt: {rules.problem}") from rules.cause
        if rules.is_slow_to_match:
            allowed = await asyncio.to_thread(rules.allows, request.url, self._user_agent)
        else:
            allowed = rules.allows(request.url, self._user_agent)
        if not allowed:
            raise RobotsDisallowed("robots.txt does not allow it")
        request.meta[CRAWL_DELAY_META_KEY] = rules.crawl_delay(self._user_agent)

    def cached_crawl_delay(self, url: str) -> float:
        """Returns the Crawl-delay of the URL's host in seconds; 0 if its robots.txt is not cached or is not obeyed."""
        rules = self._rules_by_origin.get((_origin_of_url(urlsplit(url)), True))
        return rules.crawl_delay(self._user_agent) if rules and self._obeys_robots else 0.0

    async def rules_for(self, request: Request) -> RobotsRules:
        """Returns the robots.txt rules of the request's host; fetches robots.txt if it is not cached or has expired."""
        key = _origin_of_url(urlparse_cached(request)), is_own_host(request)
        cached = self._rules_by_origin.get(key)
        if cached is not None and monotonic() < cached.expires_at:
            self._rules_by_origin[key] = self._rules_by_origin.pop(key)  # the last one is the most recently used
            return cached
        if key not in self._fetches_by_origin:
            self._fetches_by_origin[key] = asyncio.create_task(self._fetch_rules(key, request, cached))
            self._fetches_by_origin[key].add_done_callback(lambda _: self._fetches_by_origin.pop(key, None))
        # Shielded: a cancelled caller must not cancel the fetch for the other callers.
        return await asyncio.shield(self._fetches_by_origin[key])

    async def _fetch_rules(self, key: _RulesKey, request: Request, expired: RobotsRules | None) -> RobotsRules:
        """Fetches, parses and caches robots.txt; keeps readable ``expired`` rules in use if the fetch fails."""
        meta = {
            "dont_obey_robotstxt": True,
            TRUSTED_HOSTS_KEY: request.meta.get(TRUSTED_HOSTS_KEY, frozenset()),
            OUTLET_SCOPE_KEY: request.meta.get(OUTLET_SCOPE_KEY),
            VERIFY_CERTIFICATE_KEY: request.meta.get(VERIFY_CERTIFICATE_KEY, True),
            OUTLET_ACCESS_KEY: request.meta.get(OUTLET_ACCESS_KEY),
            "cookiejar": request.meta.get("cookiejar"),
            # The robots.txt request sets the delay of the download slot that the host's other requests share.
            OUTLET_DELAY_META_KEY: request.meta.get(OUTLET_DELAY_META_KEY, 0.0),
            CRAWL_DELAY_META_KEY: expired.crawl_delay(self._user_agent) if expired else 0.0,
        }
        try:
            try:
                rules = await self._download_rules(key[0], meta, max_bytes=USUAL_ROBOTS_BYTES)
            except Exception as error:
                if not _is_too_large(error):
                    raise
                async with self._large_robots_lock:
                    rules = await self._download_rules(key[0], meta, max_bytes=MAX_ROBOTS_DOWNLOAD_BYTES)
        except HostResting:  # robots.txt was not requested
            raise
        except Exception as error:  # noqa: BLE001  any other failure counts as an unreachable robots.txt
            # Without network or proxy, the next request tries again: it may be up at once.
            is_own_outage = isinstance(error, CannotResolveHostError | ProxyUnreachable)
            retry_at = monotonic() + (0.0 if is_own_outage else ROBOTS_RETRY_SECONDS)
            rules = RobotsRules(None, retry_at, problem=str(error) or type(error).__name__, cause=error)
            if isinstance(error, IgnoreRequest) and "max redirections" in rules.problem:
                # A redirect loop counts as no robots.txt (RFC 9309, 2.3.1.2).
                rules = RobotsRules(None, monotonic() + ROBOTS_CACHE_SECONDS)
        if rules.problem and expired is not None and not expired.problem:
            rules = replace(expired, expires_at=monotonic() + ROBOTS_RETRY_SECONDS)  # the expired rules stay in use
        self._cache(key, rules)
        return rules

    def _cache(self, key: _RulesKey, rules: RobotsRules) -> None:
        """Keeps the rules; removes the least recently used ones of other hosts while the cache is too large."""
        if replaced := self._rules_by_origin.pop(key, None):
            self._cached_characters -= replaced.characters
        self._rules_by_origin[key] = rules
        self._cached_characters += rules.characters
        while len(self._rules_by_origin) > 1 and (
            self._cached_characters > MAX_CACHED_ROBOTS_CHARACTERS
            or len(self._rules_by_origin) > MAX_CACHED_ROBOTS_RULES
        ):
            oldest = next(iter(self._rules_by_origin))
            self._cached_characters -= self._rules_by_origin.pop(oldest).characters

    async def _download_rules(self, origin: str, meta: dict[str, object], *, max_bytes: int) -> RobotsRules:
        """Requests and parses robots.txt.  Raises DownloadCancelledError for a larger body."""
        request = Request(
            f"{origin}/robots.txt",
            meta={**meta, "download_maxsize": max_bytes},
            callback=NO_CALLBACK,
            dont_filter=True,
        )
        response = await self._crawler.engine.download_async(request)
        return await asyncio.to_thread(_rules_from_response, response)


def _is_too_large(error: Exception) -> bool:
    """Returns True if a body was larger than ``download_maxsize``; of some codings, Scrapy says so in words only."""
    return isinstance(error, DownloadCancelledError | DecompressionLimitExceeded) or "DOWNLOAD_MAXSIZE" in str(error)


def _origin_of_url(parts: SplitResult | ParseResult) -> str:
    """Returns "scheme://host:port" of a parsed URL, the key of the robots.txt cache."""
    return f"{parts.scheme}://{parts.netloc}"


def _rules_from_response(response: Response) -> RobotsRules:
    """Returns the parsed body (any success), unreachable rules (429, 5xx), or rules that allow all URLs (the rest)."""
    if 200 <= response.status < 300:
        text = protego_text(response.body)
        return RobotsRules(Protego.parse(text), monotonic() + ROBOTS_CACHE_SECONDS, characters=len(text))
    if response.status == 429 or response.status >= 500:
        pause = parse_retry_after(response.headers.get("Retry-After"))
        retry_at = monotonic() + (ROBOTS_RETRY_SECONDS if pause is None else min(pause, ROBOTS_RETRY_SECONDS))
        return RobotsRules(None, retry_at, problem=f"status {response.status}")
    return RobotsRules(None, monotonic() + ROBOTS_CACHE_SECONDS)


def _is_in_period(at: time, start: time | None, end: time | None) -> bool:
    """Returns True if the time of day is between start and end, which may be past midnight, or there are none."""
    if start is None or end is None:
        return True
    return start <= at <= end if start <= end else at >= start or at <= end
