"""robots.txt, obeyed as RFC 9309 says, with a memory that expires."""

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

DELAY = "outlet_delay"  # request.meta: the configured delay, in seconds
CRAWL_DELAY = "crawl_delay"  # request.meta: what robots.txt asks for, in seconds
RULES_SECONDS = 24 * 3600.0  # seconds rules are remembered (RFC 9309, 2.4)
FAILED_RULES_SECONDS = 300.0  # seconds until an unreachable robots.txt is asked for again
MAX_ROBOTS_BYTES = 500_000  # bytes that are read of it (RFC 9309, 2.5)
MAX_ROBOTS_DOWNLOAD_BYTES = 10_000_000  # bytes that are taken for it, however small pages have to be
MAX_CRAWL_DELAY_SECONDS = 300.0  # seconds; a host that asks for more would never be read to its end
SLOW_ROBOTS_BYTES = 50_000  # characters; at 500,000 one match takes a third of a second
MAX_CACHED_HOSTS = 10_000  # remembered at once


class Forbidden(IgnoreRequest):
    """robots.txt says no."""


class Unreachable(IgnoreRequest):
    """robots.txt could not be read: nobody knows what it allows, so nothing is fetched for now (RFC 9309, 2.3.1.4)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one host's robots.txt says; ``parsed`` is None where there is none, so that all is allowed."""

    parsed: Protego | None
    until: float
    problem: str = ""
    slow: bool = False  # so many rules that matching them must not hold the loop up

    def allows(self, url: str, agent: str) -> bool:
        return self.parsed is None or bool(self.parsed.can_fetch(url, agent))

    def delay(self, agent: str) -> float:
        return min(float((self.parsed and self.parsed.crawl_delay(agent)) or 0.0), MAX_CRAWL_DELAY_SECONDS)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        return tuple(self.parsed.sitemaps) if self.parsed else ()


class Robots:
    """Downloader middleware; asks each host once for its rules, whoever comes first."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._obey = crawler.settings.getbool("MONITOR_OBEY_ROBOTS", True)
        self._agent = str(crawler.settings["USER_AGENT"]).partition("/")[0].strip() or "*"
        self._known: dict[str, Rules] = {}
        self._asking: dict[str, asyncio.Task[Rules]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if not self._obey or request.meta.get("dont_obey_robotstxt"):
            return
        rules = await self.rules(request)
        if rules.problem:
            raise Unreachable(f"robots.txt: {rules.problem}")
        if rules.slow:
            allowed = await asyncio.to_thread(rules.allows, request.url, self._agent)
        else:
            allowed = rules.allows(request.url, self._agent)
        if not allowed:
            raise Forbidden("robots.txt does not allow it")
        request.meta[CRAWL_DELAY] = rules.delay(self._agent)

    def known_delay(self, url: str) -> float:
        """The Crawl-delay of the address's host, if its robots.txt has been asked for."""
        rules = self._known.get(_key(urlsplit(url)))
        return rules.delay(self._agent) if rules and self._obey else 0.0

    async def rules(self, request: Request) -> Rules:
        key = _key(urlparse_cached(request))
        known = self._known.get(key)
        if known is not None and monotonic() < known.until:
            return known
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._ask(key, request, known))
            self._asking[key].add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(self._asking[key])  # a poll that ends must not take the answer from the others

    async def _ask(self, key: str, request: Request, before: Rules | None) -> Rules:
        meta = {
            "dont_obey_robotstxt": True,
            TRUSTED_HOSTS_KEY: request.meta.get(TRUSTED_HOSTS_KEY, frozenset()),
            VERIFY_CERTIFICATE_KEY: request.meta.get(VERIFY_CERTIFICATE_KEY, True),
            "cookiejar": request.meta.get("cookiejar"),
            DELAY: request.meta.get(DELAY, 0.0),  # other requests of the host wait in one line with it
            CRAWL_DELAY: before.delay(self._agent) if before else 0.0,
            "download_maxsize": MAX_ROBOTS_DOWNLOAD_BYTES,
        }
        try:
            response = await self._crawler.engine.download_async(
                Request(f"{key}/robots.txt", meta=meta, callback=NO_CALLBACK, dont_filter=True)
            )
            rules = await asyncio.to_thread(_read, response)
        except Exception as error:  # noqa: BLE001  whatever kept us from reading it is told in the problem
            rules = Rules(None, monotonic() + FAILED_RULES_SECONDS, problem=str(error) or type(error).__name__)
            if isinstance(error, IgnoreRequest) and "max redirections" in rules.problem:
                rules = Rules(None, monotonic() + RULES_SECONDS)  # there are none to read (RFC 9309, 2.3.1.2)
        if rules.problem and before is not None and not before.problem:
            rules = replace(
                before, until=monotonic() + FAILED_RULES_SECONDS
            )  # what it said last is better than nothing
        if len(self._known) >= MAX_CACHED_HOSTS:
            self._known.clear()
        self._known[key] = rules
        return rules


def _key(parts: SplitResult | ParseResult) -> str:
    return f"{parts.scheme}://{parts.netloc}"


def _read(response: Response) -> Rules:
    if response.status == 200:
        text = response.body[:MAX_ROBOTS_BYTES].decode("utf-8-sig", errors="ignore")
        return Rules(Protego.parse(text), monotonic() + RULES_SECONDS, slow=len(text) > SLOW_ROBOTS_BYTES)
    if response.status == 429 or response.status >= 500:
        return Rules(None, monotonic() + FAILED_RULES_SECONDS, problem=f"status {response.status}")
    return Rules(None, monotonic() + RULES_SECONDS)
