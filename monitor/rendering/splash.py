"""Renders pages with Splash through scrapy-splash: adapts scrapy-splash to current Scrapy, builds the request's meta,
and checks the response.

scrapy-splash 0.11.1 was written for Scrapy before 2.13.  With later versions it needs:

* ``scrapy.utils.url.canonicalize_url``, removed in Scrapy 2.16 (w3lib has it), without which the import fails;
* middlewares that take no ``spider``, and ``allow_offsite`` on the requests addressed to Splash itself.

The slot policies of scrapy-splash (they need ``Downloader._get_slot_key``, which is gone) and its argument cache are
not used.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, cast

import scrapy.utils.url
import w3lib.url

if not hasattr(scrapy.utils.url, "canonicalize_url"):
    scrapy.utils.url.canonicalize_url = w3lib.url.canonicalize_url  # type: ignore[attr-defined]  # scrapy_splash imports it

import scrapy_splash
from scrapy.downloadermiddlewares.cookies import CookiesMiddleware

from monitor.egress.cookie_limits import limit_cookies
from monitor.egress.host_rests import PAGE_URL_KEY
from monitor.egress.outlet_access import OUTLET_ACCESS_KEY, OutletAccess
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.rendering import render_options as rules
from monitor.rendering.egress_proxy import REFUSAL_HEADER, refusal_kind
from monitor.rendering.splash_pool import split_credentials

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Request, Response

    from monitor.rendering.render_options import RenderOptions

RENDER_LUA_SCRIPT = resources.files(__package__).joinpath("render.lua").read_text("utf-8")
PAGE_PROBE_SCRIPT = resources.files(__package__).joinpath("page_probe.js").read_text("utf-8")
_REMOVED_REQUEST_HEADERS = frozenset({"accept-encoding", "if-none-match", "if-modified-since", "cookie"})


class SplashMiddleware(scrapy_splash.SplashMiddleware):  # type: ignore[misc]  # scrapy_splash has no types
    """Turns a request with ``meta["splash"]`` into a request to Splash, and Splash's response into that of the page."""

    def process_request(self, request: Request) -> Request | None:
        if "splash" not in request.meta or request.meta.get("_splash_processed"):
            return None
        # Splash's Qt decompresses a response only if Qt itself set Accept-Encoding; a conditional request could return
        # 304 and no page to render; Splash takes cookies as an argument instead of a header.
        for name in _REMOVED_REQUEST_HEADERS:
            request.headers.pop(name, None)
        to_splash = cast("Request", super().process_request(request, self.crawler.spider))
        to_splash.meta["allow_offsite"] = True
        return to_splash

    def process_response(self, request: Request, response: Response) -> Response:
        return cast("Response", super().process_response(request, response, self.crawler.spider))


class SplashCookiesMiddleware(scrapy_splash.SplashCookiesMiddleware):  # type: ignore[misc]  # no types
    """Keeps the cookies of each outlet's session and sends them with every request, because Splash keeps no cookies."""

    crawler: Crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SplashCookiesMiddleware:
        middleware = cast("SplashCookiesMiddleware", super().from_crawler(crawler))
        middleware.crawler = crawler
        return middleware

    def process_request(self, request: Request) -> Request | None:
        return cast("Request | None", super().process_request(request, self.crawler.spider))

    def process_response(self, request: Request, response: Response) -> Response:
        if "splash" in request.meta:
            self._use_outlet_jar(request)
        rendered = cast("Response", super().process_response(request, response, self.crawler.spider))
        if session := request.meta.get("splash", {}).get("session_id"):
            ages = {id(cookie): number for number, cookie in enumerate(self.jars[session])}
            limit_cookies(self.jars[session], number_of=lambda cookie: ages[id(cookie)])
        return rendered

    def _use_outlet_jar(self, request: Request) -> None:
        """Makes the session of an outlet with ``cookies`` or ``login`` the jar of its plain requests."""
        access: OutletAccess | None = request.meta.get(OUTLET_ACCESS_KEY)
        cookies = self.crawler.get_downloader_middleware(CookiesMiddleware)
        if access is not None and access.keeps_cookies and cookies is not None:
            session = request.meta["splash"]["session_id"]
            self.jars[session] = cookies.jars[session].jar


class EgressProxyUnreachable(Exception):
    """Splash could not connect to the egress proxy."""


def own_request_arguments(access: OutletAccess, *, other_user_agent: str) -> dict[str, Any]:
    """Returns the arguments of render.lua for the headers that only requests to the outlet's own sites get.

    Requests to other sites get ``other_user_agent``.
    """
    return {
        "own_headers": {name: value.get_secret_value() for name, value in access.headers},
        "own_sites": [
            {
                "host": f"[{site.host}]" if ":" in site.host else site.host,
                "with_subdomains": site.is_domain,
                "excluded": sorted(site.excluded),
                "endpoints": {f"{scheme}:{port}": True for scheme, port in site.endpoints},
            }
            for site in access.own_sites.sites
        ],
        "other_user_agent": other_user_agent,
    }


def splash_request_meta(
    url: str, options: RenderOptions, *, server: str, session: str, user_agent: str, proxy_url: str | None
) -> dict[str, Any]:
    """Returns the request.meta that makes `SplashMiddleware` render ``url`` on the Splash ``server``.

    Requests of the same ``session`` share cookies.  ``proxy_url`` is the egress proxy's URL with the outlet's pass.
    """
    arguments: dict[str, Any] = {
        "lua_source": RENDER_LUA_SCRIPT,
        "page_probe": PAGE_PROBE_SCRIPT,
        "user_agent": user_agent,
        "timeout": options.timeout_seconds,
        "resource_timeout": options.timeout_seconds,
        "load_timeout_seconds": options.timeout_seconds / 2,
        "subresource_timeout_seconds": rules.SUBRESOURCE_TIMEOUT_SECONDS,
        "settle_limit_seconds": options.settle_limit_seconds,
        "quiet_seconds": rules.QUIET_SECONDS,
        "stall_seconds": rules.STALL_SECONDS,
        "enough_text_characters": rules.ENOUGH_TEXT_CHARACTERS,
        "thin_text_seconds": rules.THIN_TEXT_WAIT_SECONDS,
        "max_consent_clicks": rules.MAX_CONSENT_CLICKS,
        "idle": options.waits_for_idle,
        "consent": list(options.consent_selectors),
        "max_size": options.max_size,
    }
    optional = {"selector": options.awaited_selector, "pause_seconds": options.pause_seconds, "proxy": proxy_url}
    arguments |= {name: value for name, value in optional.items() if value is not None}
    base_url, credentials = split_credentials(server)
    request = scrapy_splash.SplashRequest(
        url,
        endpoint="execute",
        args=arguments,
        session_id=session,
        splash_url=base_url,
        splash_headers=credentials,
        slot_policy=scrapy_splash.SlotPolicy.SCRAPY_DEFAULT,  # politeness.py assigns the slot by PAGE_URL_KEY
    )
    return {**request.meta, PAGE_URL_KEY: url}


def require_page(response: Response) -> Response:
    """Returns the response of Splash unchanged if it contains a page.

    Raises FetchError if Splash or the page failed, EgressProxyUnreachable if Splash could not reach the egress proxy.
    """
    data = getattr(response, "data", None)
    if not isinstance(data, dict):
        raise FetchError(
            f"Splash answered with status {response.status} and no page", kind=FailureKind.ENGINE_LOAD_FAILED
        )
    if "error" in data:
        info = data.get("info") or {}
        detail = info.get("message") or info.get("text") or data.get("description") or ""
        if data["error"] == 504:
            raise FetchError("the page was not finished in time", kind=FailureKind.TIMEOUT)
        raise FetchError(f"Splash: {data.get('type')}: {detail}", kind=FailureKind.ENGINE_LOAD_FAILED)
    if failure := data.get("failure"):
        raise _fetch_error_from_splash_code(str(failure), proxied="proxy" in response.meta["splash"]["args"])
    if refusal := response.headers.get(REFUSAL_HEADER):
        raise FetchError(f"the page leads to an address that is refused: {data.get('url')}", kind=refusal_kind(refusal))
    return response


_KIND_BY_NETWORK_ERROR = {
    "1": FailureKind.CONNECTION,
    "2": FailureKind.CONNECTION,
    "3": FailureKind.DNS,
    "4": FailureKind.TIMEOUT,
    "5": FailureKind.CANCELLED,
    "6": FailureKind.TLS,
}


def _fetch_error_from_splash_code(code: str, *, proxied: bool) -> FetchError:
    """Returns the error for a failure code of render.lua or Splash: ``network3`` (a Qt error), ``too-large``, ...

    Raises EgressProxyUnreachable if the code means that the egress proxy (``proxied``: in use) could not be reached.
    """
    if code == "too-large":
        return FetchError("the page is larger than max_size once rendered", kind=FailureKind.TOO_LARGE)
    # If a site refuses a connection, the proxy responds with a page, so these Qt errors concern the proxy itself.
    if proxied and (code == "network1" or code.startswith("network10")):
        raise EgressProxyUnreachable(code)
    kind = _KIND_BY_NETWORK_ERROR.get(code.removeprefix("network"), FailureKind.ENGINE_LOAD_FAILED)
    return FetchError(f"Splash could not load the page: {code}", kind=kind)
