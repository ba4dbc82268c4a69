"""Splash, through scrapy-splash: its adapter to this Scrapy, the request for a page, and the page in the answer.

scrapy-splash 0.11.1 was written for Scrapy before 2.13.  What it needs today:

* ``scrapy.utils.url.canonicalize_url``, gone since 2.16 (w3lib has it): without it the import itself fails;
* middlewares that take no ``spider``, and ``allow_offsite`` on the requests addressed to Splash itself.

Its slots (``Downloader._get_slot_key`` is gone, too) and its argument cache are not used.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, cast

import scrapy.utils.url
import w3lib.url

if not hasattr(scrapy.utils.url, "canonicalize_url"):
    scrapy.utils.url.canonicalize_url = w3lib.url.canonicalize_url  # type: ignore[attr-defined]  # for scrapy_splash

import scrapy_splash

from monitor.errors import FetchError
from monitor.rendering import render_options as rule
from monitor.rendering.egress_proxy import REFUSAL
from monitor.rendering.splash_pool import place_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Request, Response

    from monitor.rendering.render_options import RenderOptions

_SCRIPT = resources.files(__package__).joinpath("render.lua").read_text("utf-8")
PROBE_SCRIPT = resources.files(__package__).joinpath("look.js").read_text("utf-8")
PAGE_URL_KEY = "page_url"  # request.meta: the page that a request to Splash is for
_OURS = frozenset({"accept-encoding", "if-none-match", "if-modified-since", "cookie"})


class SplashMiddleware(scrapy_splash.SplashMiddleware):  # type: ignore[misc]  # scrapy_splash has no types
    """Turns a request with ``meta["splash"]`` into one to Splash, and Splash's answer into the page's."""

    def process_request(self, request: Request) -> Request | None:
        if "splash" not in request.meta or request.meta.get("_splash_processed"):
            return None
        for name in _OURS:  # Qt decodes only what it asked for itself; a rendered page is always a whole one
            request.headers.pop(name, None)
        to_splash = cast("Request", super().process_request(request, self.crawler.spider))
        to_splash.meta["allow_offsite"] = True
        return to_splash

    def process_response(self, request: Request, response: Response) -> Response:
        return cast("Response", super().process_response(request, response, self.crawler.spider))


class SplashCookiesMiddleware(scrapy_splash.SplashCookiesMiddleware):  # type: ignore[misc]  # no types
    """Keeps the cookies of each outlet's session in Splash, which itself forgets them after every page."""

    crawler: Crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SplashCookiesMiddleware:
        middleware = cast("SplashCookiesMiddleware", super().from_crawler(crawler))
        middleware.crawler = crawler
        return middleware

    def process_request(self, request: Request) -> Request | None:
        return cast("Request | None", super().process_request(request, self.crawler.spider))

    def process_response(self, request: Request, response: Response) -> Response:
        return cast("Response", super().process_response(request, response, self.crawler.spider))


class ProxyUnreachable(Exception):
    """Splash could not connect to the proxy it was told to go through."""


def meta(
    url: str, plan: RenderOptions, *, server: str, session: str, user_agent: str, proxy: str | None
) -> dict[str, Any]:
    """What a request carries so that the middlewares above send it through Splash.

    ``session`` names whose cookies it takes and leaves; ``proxy`` is the guard's address with the outlet's pass.
    """
    arguments: dict[str, Any] = {
        "lua_source": _SCRIPT,
        "look": PROBE_SCRIPT,
        "user_agent": user_agent,
        "timeout": plan.timeout,
        "resource_timeout": plan.timeout,
        "load_timeout": plan.timeout / 2,
        "part_timeout": rule.PART_TIMEOUT,
        "limit": plan.limit,
        "quiet": rule.QUIET_SECONDS,
        "stall": rule.STALL_SECONDS,
        "enough": rule.ENOUGH_TEXT_CHARACTERS,
        "thin": rule.THIN_TEXT_SECONDS,
        "clicks": rule.MAX_CONSENT_CLICKS,
        "idle": plan.idle,
        "consent": list(plan.consent),
        "max_size": plan.max_size,
    }
    optional = {"selector": plan.selector, "pause": plan.pause, "proxy": proxy}
    arguments |= {name: value for name, value in optional.items() if value is not None}
    place, credentials = place_of(server)
    request = scrapy_splash.SplashRequest(
        url,
        endpoint="execute",
        args=arguments,
        session_id=session,
        splash_url=place,
        splash_headers=credentials,
        slot_policy=scrapy_splash.SlotPolicy.SCRAPY_DEFAULT,  # politeness.py knows whose page it is
    )
    return {**request.meta, PAGE_URL_KEY: url}


def check(response: Response) -> Response:
    """The page in Splash's answer; raises FetchError where the answer is a failure of Splash or of the page."""
    data = getattr(response, "data", None)
    if not isinstance(data, dict):
        raise FetchError(f"Splash answered status {response.status} without a page", kind="render")
    if "error" in data:
        info = data.get("info") or {}
        detail = info.get("message") or info.get("text") or data.get("description") or ""
        if data["error"] == 504:
            raise FetchError("the page was not finished in time", kind="timeout")
        raise FetchError(f"Splash: {data.get('type')}: {detail}", kind="render")
    if failure := data.get("failure"):
        raise _failure(str(failure), guarded="proxy" in response.meta["splash"]["args"])
    if refusal := response.headers.get(REFUSAL):
        kind = refusal.decode("latin-1")
        raise FetchError(f"the page leads to an address that is refused: {data.get('url')}", kind=kind, permanent=True)
    return response


_NETWORK = {"1": "connection", "2": "connection", "3": "dns", "4": "timeout", "5": "cancelled", "6": "tls"}


def _failure(reason: str, *, guarded: bool) -> FetchError:
    """``network3``, ``invalid_hostname`` and the like, as `splash:go` names them."""
    if reason == "too-large":
        return FetchError("the page is larger than max_size once rendered", kind="too-large", permanent=True)
    if guarded and (reason == "network1" or reason.startswith("network10")):  # sites are refused by the guard itself
        raise ProxyUnreachable(reason)
    kind = _NETWORK.get(reason.removeprefix("network"), "render")
    return FetchError(f"Splash could not load the page: {reason}", kind=kind)
