"""The one interface to the engines: a request and an engine's name in, the response of a finished page out."""

from __future__ import annotations

import asyncio
import logging
import socket
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.http import HtmlResponse

from monitor.discovery.url_rules import host_of
from monitor.egress.address_guard import TRUSTED_HOSTS_KEY
from monitor.errors import RenderingUnavailable
from monitor.rendering import browser, engines, splash, splash_pool
from monitor.rendering.egress_proxy import EgressProxy
from monitor.rendering.render_options import RenderOptions
from monitor.rendering.throttle import HostThrottle

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from monitor.config.schema import CrawlSettings, Outlet
    from monitor.rendering.chromium import ChromiumHandler

log = logging.getLogger(__name__)

ENGINE_RECHECK_SECONDS = 60.0  # seconds until it is looked up anew whether an engine is there


class Rendering:
    """Extension: owns the engines of one crawler, starts each when a page first asks for it, and ends them."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._splash_url, self._splash_proxy, self._chromium_path = (
            crawler.settings.get(name) for name in engines.SETTINGS
        )
        self._looked: dict[str, tuple[float, RenderingUnavailable | None]] = {}  # until when, and what was missing
        self._guards: dict[tuple[str, int], EgressProxy] = {}
        self._starting = asyncio.Lock()
        self.pace = HostThrottle(crawler)
        self._gate: splash_pool.SplashPool | None = None
        self._chromium: ChromiumHandler | None = None
        crawler.signals.connect(self.close, signals.engine_stopped)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    @classmethod
    def of(cls, crawler: Crawler) -> Self:
        """The crawler's rendering; raises LookupError where the add-on does not install it."""
        found = crawler.get_extension(cls)
        if found is None:
            raise LookupError("the crawler has no rendering: is monitor.crawl.addon among its ADDONS?")
        return found

    def missing(self, engine: str) -> RenderingUnavailable | None:
        """See `engines.missing`; remembered for a minute, for it is asked for each page and looks on the disk."""
        until, problem = self._looked.get(engine, (0.0, None))
        if monotonic() >= until:
            problem = engines.missing(engine, splash=self._splash_url, chromium_path=self._chromium_path)
            self._looked[engine] = monotonic() + ENGINE_RECHECK_SECONDS, problem
        return problem

    def available(self) -> list[str]:
        """The engines that are installed or configured, the cheapest first."""
        return [engine for engine in engines.ENGINES if self.missing(engine) is None]

    async def download(self, request: Request, outlet: Outlet, engine: str, crawl: CrawlSettings) -> Response:
        """The finished page, with the status and the address it ended at.

        The request goes through Scrapy's engine: robots.txt, delays and statistics hold as for any other.
        Raises FetchError, RenderingUnavailable, and what Scrapy's engine raises.
        """
        if problem := self.missing(engine):
            raise problem.with_traceback(None)  # the same one for a minute
        plan = RenderOptions.of(outlet, crawl)
        if engine == "splash":
            meta = await self._for_splash(request, outlet, plan, crawl)
        else:
            meta = await self._for_chromium(outlet, plan, crawl)
        meta |= {"dont_merge_cookies": True, "dont_retry": True}
        assert self._crawler.engine is not None
        stats = self._crawler.stats
        assert stats is not None
        stats.inc_value(f"monitor/rendering/{engine}")
        response = await self._crawler.engine.download_async(request.replace(meta=request.meta | meta))
        return await self._splash_page(response) if engine == "splash" else response

    # ---- Splash

    def splash(self) -> splash_pool.SplashPool:
        if self._gate is None:
            assert self._splash_url is not None
            assert self._crawler.stats is not None
            self._gate = splash_pool.SplashPool(self._splash_url, self._crawler.stats)
        return self._gate

    async def _for_splash(
        self, request: Request, outlet: Outlet, plan: RenderOptions, crawl: CrawlSettings
    ) -> dict[str, object]:
        assert self._splash_url is not None
        proxy = None
        if self._splash_proxy != "off":
            guard = await self._guard(*await self._guard_for_splash())
            admitted = guard.admit(outlet)
            proxy = f"http://{admitted.user}:{admitted.password}@{guard.host}:{guard.port}"
        meta = splash.meta(
            request.url, plan, server=self._splash_url, session=outlet.name, user_agent=crawl.user_agent, proxy=proxy
        )
        # The server may be anywhere: it is configured.  What its pages reach is the guard's business.
        return meta | {
            TRUSTED_HOSTS_KEY: request.meta.get(TRUSTED_HOSTS_KEY, frozenset()) | {host_of(self._splash_url)}
        }

    async def _guard_for_splash(self) -> tuple[str, int]:
        """Where to listen so that Splash can come: as configured, else where this machine faces it."""
        if self._splash_proxy:
            host, _, port = self._splash_proxy.rpartition(":")
            return host, int(port)
        parts = urlsplit(self._splash_url or "")
        return await asyncio.to_thread(facing, parts.hostname or "", parts.port or 80), 0

    async def _splash_page(self, response: Response) -> Response:
        try:
            splash.check(response)
        except splash.ProxyUnreachable as error:
            host, port = await self._guard_for_splash()
            where = next((guard for (at, _), guard in self._guards.items() if at == host), None)
            raise RenderingUnavailable(
                f"Splash cannot reach the monitor's guarding proxy at {host}:{where.port if where else port}",
                hint="in a container, set crawl.splash_proxy to an address of this machine that it reaches, "
                "such as 172.17.0.1:8051; see docs/rendering.md",
            ) from error
        return HtmlResponse(
            response.url,
            status=response.status,
            headers={**response.headers, "Content-Type": "text/html; charset=utf-8"},
            body=response.body,
            encoding="utf-8",
            request=response.request,
        )

    # ---- Chromium

    async def chromium(self) -> ChromiumHandler:
        if self._chromium is None:
            path = browser.find(self._chromium_path)
            assert path is not None
            guard = await self._guard("127.0.0.1", 0)
            if self._chromium is None:  # nobody else made it meanwhile
                from monitor.rendering.chromium import ChromiumHandler

                self._chromium = ChromiumHandler(self._crawler, path, guard, self.pace)
        return self._chromium

    async def _for_chromium(self, outlet: Outlet, plan: RenderOptions, crawl: CrawlSettings) -> dict[str, object]:
        guard = await self._guard("127.0.0.1", 0)
        return {
            "playwright": True,
            "outlet": outlet.name,
            "user_agent": crawl.user_agent,
            "plan": plan,
            "pass": guard.admit(outlet),
        }

    # ---- both

    async def _guard(self, host: str, port: int) -> EgressProxy:
        async with self._starting:
            if (host, port) not in self._guards:
                guard = EgressProxy(host, port)
                try:
                    await guard.start()
                except OSError as error:
                    raise RenderingUnavailable(
                        f"the guarding proxy cannot listen at {host}:{port}: {error}", hint="see crawl.splash_proxy"
                    ) from error
                self._guards[host, port] = guard
        return self._guards[host, port]

    async def close(self) -> None:
        if self._chromium is not None:
            await self._chromium.close()
        for guard in self._guards.values():
            await guard.close()


def facing(host: str, port: int) -> str:
    """This machine's address on the way to a host; raises nothing: 127.0.0.1 where there is no way.

    Blocks while the name is looked up.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, port))  # sends nothing
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"
