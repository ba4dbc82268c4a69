"""The interface to both rendering engines: starts them when needed and renders pages with them."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.http import HtmlResponse

from monitor.discovery.url_rules import host_and_port
from monitor.egress.address_guard import TRUSTED_HOSTS_KEY
from monitor.egress.outlet_access import OUTLET_ACCESS_KEY, OutletAccess
from monitor.egress.outlet_cookies import session_cookies
from monitor.errors import RenderingUnavailable
from monitor.rendering import browser, engines, splash
from monitor.rendering.egress_proxy import EgressProxy
from monitor.rendering.engine_cookies import har_cookies, playwright_cookies
from monitor.rendering.render_options import RenderOptions
from monitor.rendering.splash_pool import SplashPool
from monitor.rendering.throttle import HostThrottle

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from monitor.config.schema import CrawlSettings, Outlet
    from monitor.rendering.chromium import ChromiumHandler

log = logging.getLogger(__name__)

AVAILABILITY_CACHE_SECONDS = 60.0  # for which it is remembered whether an engine is installed


class Rendering:
    """Scrapy extension that owns a crawler's engines: starts each for its first page, closes all with the crawler."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._splash_url, self._splash_proxy, self._chromium_path = (
            crawler.settings.get(name) for name in engines.SCRAPY_SETTING_DESCRIPTIONS
        )
        # engine -> (expiry by the monotonic clock, why the engine cannot be used)
        self._availability: dict[str, tuple[float, RenderingUnavailable | None]] = {}
        self._proxies: dict[tuple[str, int], EgressProxy] = {}  # by configured host and port
        self._proxy_lock = asyncio.Lock()
        self.throttle = HostThrottle(crawler)
        self._splash_pool: SplashPool | None = None
        self._chromium: ChromiumHandler | None = None
        crawler.signals.connect(self.close, signals.engine_stopped)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    @classmethod
    def for_crawler(cls, crawler: Crawler) -> Self:
        """Returns the crawler's Rendering extension.  Raises LookupError if monitor.crawl.addon is not installed."""
        rendering = crawler.get_extension(cls)
        if rendering is None:
            raise LookupError("the crawler has no rendering: is monitor.crawl.addon among its ADDONS?")
        return rendering

    def unavailable_reason(self, engine: str) -> RenderingUnavailable | None:
        """Returns an error that says why the engine cannot be used, or None if it can be.

        Caches the result of `engines.unavailable_reason`, which searches the file system, as each page calls this.
        """
        expiry, problem = self._availability.get(engine, (0.0, None))
        if monotonic() >= expiry:
            problem = engines.unavailable_reason(engine, splash_url=self._splash_url, chromium_path=self._chromium_path)
            self._availability[engine] = monotonic() + AVAILABILITY_CACHE_SECONDS, problem
        return problem

    def available_engines(self) -> list[str]:
        """Returns the names of the engines that can be used, the cheapest first."""
        return [engine for engine in engines.ENGINE_NAMES if self.unavailable_reason(engine) is None]

    async def download(self, request: Request, outlet: Outlet, engine: str, crawl: CrawlSettings) -> Response:
        """Returns the rendered page; the response's URL and status are those after redirects.

        The request passes through Scrapy's engine, so robots.txt, delays and statistics apply as for plain requests.
        ``request.meta`` may have a lower size limit than ``crawl`` as "download_maxsize".
        Raises FetchError, RenderingUnavailable, and the exceptions of Scrapy's engine.
        """
        if problem := self.unavailable_reason(engine):
            raise problem.with_traceback(None)  # the cached instance would collect one traceback per raise
        max_size = request.meta.get("download_maxsize", crawl.max_size)
        options = replace(RenderOptions.for_outlet(outlet, crawl), max_size=max_size)
        if engine == "splash":
            meta = await self._splash_meta(request, outlet, options, crawl)
        else:
            meta = await self._chromium_meta(request, outlet, options, crawl)
        meta |= {"dont_merge_cookies": True, "dont_retry": True}
        assert self._crawler.engine is not None
        stats = self._crawler.stats
        assert stats is not None
        stats.inc_value(f"monitor/rendering/{engine}")
        response = await self._crawler.engine.download_async(request.replace(meta=request.meta | meta))
        return await self._page_from_splash(response) if engine == "splash" else response

    # ---- Splash

    def splash_pool(self) -> SplashPool:
        if self._splash_pool is None:
            assert self._splash_url is not None
            assert self._crawler.stats is not None
            self._splash_pool = SplashPool(self._splash_url, self._crawler.stats)
        return self._splash_pool

    async def _splash_meta(
        self, request: Request, outlet: Outlet, options: RenderOptions, crawl: CrawlSettings
    ) -> dict[str, object]:
        assert self._splash_url is not None
        proxy_url, access = None, _access_of(request, outlet)
        if self._splash_proxy != "off":
            proxy = await self._started_egress_proxy(*await self._splash_proxy_address())
            proxy_pass = proxy.pass_for(outlet, access)
            proxy_url = f"http://{proxy_pass.user}:{proxy_pass.password}@{proxy.host}:{proxy.port}"
        meta = splash.splash_request_meta(
            request.url,
            options,
            server=self._splash_url,
            session=outlet.name,
            user_agent=outlet.user_agent or crawl.user_agent,
            proxy_url=proxy_url,
        )
        if access.keeps_cookies:
            meta["splash"]["args"]["cookies"] = har_cookies(session_cookies(self._crawler, outlet.name))
        if access.headers:
            meta["splash"]["args"] |= splash.own_request_arguments(access, other_user_agent=crawl.user_agent)
        # Splash itself may have a private address; the egress proxy restricts the pages that Splash renders.
        return meta | {
            TRUSTED_HOSTS_KEY: request.meta.get(TRUSTED_HOSTS_KEY, frozenset()) | {host_and_port(self._splash_url)}
        }

    async def _splash_proxy_address(self) -> tuple[str, int]:
        """Returns the (host, port) at which the egress proxy for Splash listens.

        Without a configured one, this machine's address on the route to Splash, and port 0 for any free port.
        """
        if self._splash_proxy:
            host, _, port = self._splash_proxy.rpartition(":")
            return host, int(port)
        parts = urlsplit(self._splash_url or "")
        return await asyncio.to_thread(local_address_towards, parts.hostname or "", parts.port or 80), 0

    async def _page_from_splash(self, response: Response) -> Response:
        """Returns Splash's response as that of the page.  Raises FetchError or RenderingUnavailable."""
        try:
            splash.require_page(response)
        except splash.EgressProxyUnreachable as error:
            host, port = await self._splash_proxy_address()
            proxy = next((proxy for (proxy_host, _), proxy in self._proxies.items() if proxy_host == host), None)
            raise RenderingUnavailable(
                f"Splash cannot reach the monitor's egress proxy at {host}:{proxy.port if proxy else port}",
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

    async def chromium_handler(self) -> ChromiumHandler:
        if self._chromium is None:
            path = browser.find_chromium(self._chromium_path)
            assert path is not None
            proxy = await self._started_egress_proxy("127.0.0.1", 0)
            if self._chromium is None:  # another task may have created the handler during the await
                from monitor.rendering.chromium import ChromiumHandler

                self._chromium = ChromiumHandler(self._crawler, path, proxy, self.throttle)
        return self._chromium

    async def _chromium_meta(
        self, request: Request, outlet: Outlet, options: RenderOptions, crawl: CrawlSettings
    ) -> dict[str, object]:
        proxy = await self._started_egress_proxy("127.0.0.1", 0)
        access = _access_of(request, outlet)
        return {
            "playwright": True,
            "outlet": outlet.name,
            "user_agent": crawl.user_agent,
            "session_cookies": playwright_cookies(session_cookies(self._crawler, outlet.name))
            if access.keeps_cookies
            else [],
            "render_options": options,
            "proxy_pass": proxy.pass_for(outlet, access),
        }

    # ---- both

    async def _started_egress_proxy(self, host: str, port: int) -> EgressProxy:
        """Returns the egress proxy at this address; starts it on the first call.  Raises RenderingUnavailable."""
        async with self._proxy_lock:
            if (host, port) not in self._proxies:
                proxy = EgressProxy(host, port)
                try:
                    await proxy.start()
                except OSError as error:
                    raise RenderingUnavailable(
                        f"the egress proxy cannot listen at {host}:{port}: {error}", hint="see crawl.splash_proxy"
                    ) from error
                self._proxies[host, port] = proxy
        return self._proxies[host, port]

    async def close(self) -> None:
        if self._chromium is not None:
            await self._chromium.close()
        for proxy in self._proxies.values():
            await proxy.close()


def _access_of(request: Request, outlet: Outlet) -> OutletAccess:
    """Returns the access of the request's outlet, which knows its neighbours on the same domain."""
    access: OutletAccess | None = request.meta.get(OUTLET_ACCESS_KEY)
    return access or OutletAccess.of(outlet)


def local_address_towards(host: str, port: int) -> str:
    """Returns this machine's IPv4 address on the route to ``host``, or 127.0.0.1 if there is no route.

    Blocks during the DNS lookup of ``host``.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.connect((host, port))  # only selects a route; a UDP connect sends no packet
            return str(udp.getsockname()[0])
    except OSError:
        return "127.0.0.1"
