"""Fetches one address through Scrapy's engine and its middlewares.  Raises FetchError for every failure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from OpenSSL import SSL
from scrapy import Request
from scrapy.core.downloader.handlers.http11 import TunnelError
from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)
from scrapy.http.request import NO_CALLBACK
from service_identity import VerificationError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.web.client import ResponseFailed

from monitor.crawl.media_filter import EXPECTS_TEXT_META_KEY
from monitor.crawl.politeness import HostResting
from monitor.crawl.poll_interval import parse_max_age, parse_retry_after
from monitor.crawl.robots import OUTLET_DELAY_META_KEY, RobotsDisallowed, RobotsMiddleware, RobotsUnreachable
from monitor.discovery.markup import MAX_UNPACKED_BYTES
from monitor.discovery.url_rules import OutletScope
from monitor.egress.address_guard import TRUSTED_HOSTS_KEY, VERIFY_CERTIFICATE_KEY, AddressRefused, trusted_hosts
from monitor.egress.http_handler import CertificateNotTrusted
from monitor.errors import FetchError, MonitorError, RenderingUnavailable
from monitor.failures import FailureKind
from monitor.models import Page, now
from monitor.rendering import engine_choice
from monitor.rendering.auto import EngineMemory
from monitor.rendering.rendering import Rendering

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import timedelta

    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from monitor.config.schema import CrawlSettings, Outlet


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchResult:
    """A page and what its headers imply for the next request; ``page`` is None when it has not changed (304)."""

    page: Page | None
    freshness_lifetime: timedelta  # from Cache-Control
    moved_to: str = ""  # the target of a permanent redirect


class Fetcher:
    """Fetches pages and sources of outlets; each request carries its outlet's delay, cookies and trusted hosts."""

    def __init__(self, crawler: Crawler, settings: CrawlSettings) -> None:
        self._crawler = crawler
        self._settings = settings

    async def fetch_source(
        self,
        outlet: Outlet,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        engine: str = "none",
        sitemap: bool = False,
    ) -> FetchResult:
        """Fetches a feed, sitemap or section, which may be on any site.

        ``engine`` renders a section.  Raises FetchError, of kind ENGINE_UNAVAILABLE when the engine is not available.
        """
        meta = {"download_maxsize": MAX_UNPACKED_BYTES} if sitemap else {}
        try:
            return await self._fetch_url(outlet, url, etag, last_modified, meta, engine=engine)
        except RenderingUnavailable as error:
            raise FetchError(str(error), kind=FailureKind.ENGINE_UNAVAILABLE) from error

    def request_delay_seconds(self, outlet: Outlet) -> float:
        """Returns the seconds between two requests to the outlet's host; its Crawl-delay counts once it is cached."""
        robots = self._crawler.get_downloader_middleware(RobotsMiddleware)
        return max(self._outlet_delay_seconds(outlet), robots.cached_crawl_delay(outlet.url) if robots else 0.0)

    def clear_cookies(self, outlet: Outlet) -> None:
        """Drops the outlet's cookies, so that a metered paywall does not count articles across polls."""
        if cookies := self._crawler.get_downloader_middleware(CookiesMiddleware):
            cookies.jars.pop(outlet.name, None)

    def available_engines(self) -> list[str]:
        """Returns the available rendering engines, the cheapest first."""
        return Rendering.for_crawler(self._crawler).available_engines()

    async def fetch_page(
        self,
        outlet: Outlet,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        memory: EngineMemory | None = None,
    ) -> Page | None:
        """Fetches a story's page, rendered as ``outlet.render`` says; returns None when it has not changed.

        ``memory`` is what ``render: auto`` has learned about the outlet.  Raises FetchError, also when the page leads
        to a site that is not the outlet's, and RenderingUnavailable when the engine is not available.
        """

        async def fetch_with(engine: str) -> Page | None:
            return await self._fetch_page(outlet, url, engine, etag, last_modified)

        if outlet.render != "auto":
            return await fetch_with(outlet.render)
        return await engine_choice.fetch_with_engines(
            url, memory=memory or EngineMemory(), available=self.available_engines(), fetch=fetch_with
        )

    async def _fetch_page(
        self, outlet: Outlet, url: str, engine: str, etag: str | None, last_modified: str | None
    ) -> Page | None:
        if engine != "none":  # a rendered page has no validators for a conditional request
            etag = last_modified = None
        result = await self._fetch_url(outlet, url, etag, last_modified, {EXPECTS_TEXT_META_KEY: True}, engine=engine)
        if result.page is not None and result.page.url not in OutletScope(outlet):
            raise FetchError(f"it leads to {result.page.url[:200]}", kind=FailureKind.FOREIGN_SITE)
        return result.page

    async def robots_sitemaps(self, outlet: Outlet) -> tuple[str, ...]:
        """Returns the sitemaps that the outlet's robots.txt names; empty when it cannot be read."""
        robots = self._crawler.get_downloader_middleware(RobotsMiddleware)
        if robots is None:
            return ()
        rules = await robots.rules_for(_new_request(outlet.url, meta=self._outlet_meta(outlet)))
        return rules.sitemaps

    async def _fetch_url(
        self,
        outlet: Outlet,
        url: str,
        etag: str | None,
        last_modified: str | None,
        meta: Mapping[str, object],
        *,
        engine: str = "none",
    ) -> FetchResult:
        headers = {
            "If-None-Match": etag,
            "If-Modified-Since": last_modified,
            "Accept-Language": f"{outlet.language}, *;q=0.5" if outlet.language else "*",
        }
        request = _new_request(
            url,
            headers={name: value for name, value in headers.items() if value},
            meta={**self._outlet_meta(outlet), **meta},
        )
        if engine == "none":
            response = await _await_response(self._crawler.engine.download_async(request))
        else:
            response = await _await_response(
                Rendering.for_crawler(self._crawler).download(request, outlet, engine, self._settings)
            )
        conditional = bool(etag or last_modified)
        if response.status == 304:
            if not conditional:
                raise FetchError("304 Not Modified for an unconditional request", kind=FailureKind.HTTP_304)
            return FetchResult(page=None, freshness_lifetime=_freshness_lifetime(response))
        if response.status not in {200, 203}:
            raise FetchError(
                f"the server answered {response.status}",
                kind=FailureKind.of_status(response.status),
                status=response.status,
                retry_after=parse_retry_after(response.headers.get("Retry-After")),
            )
        return FetchResult(
            page=_page_from_response(response, engine),
            freshness_lifetime=_freshness_lifetime(response),
            moved_to=_permanent_redirect_target(response),
        )

    def _outlet_meta(self, outlet: Outlet) -> dict[str, object]:
        """Returns the request.meta of every request for the outlet, including robots.txt."""
        return {
            "cookiejar": outlet.name,
            TRUSTED_HOSTS_KEY: trusted_hosts(outlet),
            VERIFY_CERTIFICATE_KEY: outlet.verify,
            OUTLET_DELAY_META_KEY: self._outlet_delay_seconds(outlet),
        }

    def _outlet_delay_seconds(self, outlet: Outlet) -> float:
        return (outlet.delay if outlet.delay is not None else self._settings.delay).total_seconds()


def _new_request(url: str, **options: object) -> Request:
    try:
        return Request(url, callback=NO_CALLBACK, dont_filter=True, **options)  # type: ignore[arg-type]  # passed on
    except ValueError as error:
        raise FetchError(f"not an address: {url[:200]}", kind=FailureKind.UNSUPPORTED_ADDRESS) from error


async def _await_response(download: Awaitable[Response]) -> Response:
    """Awaits a download.  Raises FetchError, or MonitorError as the download raises it."""
    try:
        return await download
    except HostResting as error:
        raise FetchError(str(error), kind=FailureKind.RESTING, retry_after=error.seconds) from error
    except _DOWNLOAD_ERRORS as error:
        text = _readable_error_message(str(error)) or type(error).__name__
        _, kind, message = next(row for row in _DOWNLOAD_FAILURE_RULES if row[0](error, text))
        raise FetchError((message or text)[:300], kind=kind) from error
    except MonitorError:
        raise
    except Exception as error:  # decoders and parsers raise errors of many types
        raise FetchError(
            f"the response cannot be read: {error!r}"[:300], kind=FailureKind.UNDECODABLE_RESPONSE
        ) from error


def _readable_error_message(message: str) -> str:
    """Replaces the error messages of Twisted and OpenSSL by readable ones."""
    for pattern, replacement in _ERROR_MESSAGE_REPLACEMENTS:
        message = pattern.sub(replacement, message)
    return message


_ERROR_MESSAGE_REPLACEMENTS = (
    (
        re.compile(
            r"(\[<twisted\S+ OpenSSL\.SSL\.Error: )?"
            r"\[\('SSL routines', '', '[^']*(version number|record layer)[^']*'\)\](>\])?"
        ),
        "no TLS there; the address may have to begin with http://",
    ),
    (re.compile(r"\[<twisted\S+ OpenSSL\.SSL\.Error: \[\('SSL routines', '', '([^']*)'\).*?\]>\]"), r"TLS: \1"),
    (re.compile(r"Connection was refused by other side.*"), "the connection is refused"),
    (re.compile(r"\[<twisted\.python\.failure\.Failure [\w.]+: (.*?)>\]"), r"\1"),
)

_DOWNLOAD_ERRORS = (
    IgnoreRequest,
    DownloadTimeoutError,
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
    ConnectError,
    ConnectionClosed,
    ResponseFailed,
    SSL.Error,
    VerificationError,
    TunnelError,
    OSError,
    EOFError,
    ValueError,
)
_TOO_LARGE_MESSAGE = "larger than the size limit (crawl.max_size)"


def _is_instance_of(*types: type[Exception]) -> Callable[[Exception, str], bool]:
    return lambda error, _: isinstance(error, types)


# (test, failure kind, message): the first row whose test returns True applies.  The test gets the exception
# and its readable message; an empty message in the row stands for that one.
_DOWNLOAD_FAILURE_RULES: tuple[tuple[Callable[[Exception, str], bool], FailureKind, str], ...] = (
    (_is_instance_of(AddressRefused), FailureKind.PRIVATE_ADDRESS, ""),
    (_is_instance_of(RobotsDisallowed), FailureKind.ROBOTS, ""),
    (_is_instance_of(RobotsUnreachable), FailureKind.ROBOTS_UNREACHABLE, ""),
    (lambda _, text: "max redirections" in text, FailureKind.REDIRECTS, "redirected too often"),
    (lambda _, text: "DOWNLOAD_MAXSIZE" in text, FailureKind.TOO_LARGE, f"{_TOO_LARGE_MESSAGE} once unpacked"),
    (_is_instance_of(IgnoreRequest), FailureKind.REQUEST_DROPPED, ""),
    (_is_instance_of(DownloadTimeoutError), FailureKind.TIMEOUT, "no complete response within crawl.timeout"),
    (_is_instance_of(CannotResolveHostError), FailureKind.DNS, ""),
    (_is_instance_of(DownloadCancelledError), FailureKind.TOO_LARGE, _TOO_LARGE_MESSAGE),
    (_is_instance_of(ResponseDataLossError), FailureKind.CONNECTION, "the response ends early"),
    (_is_instance_of(UnsupportedURLSchemeError), FailureKind.UNSUPPORTED_ADDRESS, ""),
    (_is_instance_of(CertificateNotTrusted, SSL.Error, VerificationError), FailureKind.TLS, ""),
    (lambda _, text: "SSL" in text or "TLS" in text, FailureKind.TLS, ""),
    # Decoders raise these for a body that does not match its Content-Encoding.
    (_is_instance_of(OSError, EOFError, ValueError), FailureKind.UNDECODABLE_RESPONSE, ""),
    (lambda *_: True, FailureKind.CONNECTION, ""),
)


def _page_from_response(response: Response, engine: str) -> Page:
    def header(name: str) -> str | None:
        value = response.headers.get(name)
        return value.decode("latin-1").strip() if value else None

    content_type = header("Content-Type") or ""
    charset = content_type.lower().partition("charset=")[2].split(";")[0].strip("\"' ")
    return Page(
        url=response.url,
        body=response.body,
        fetched_at=now(),
        status=response.status,
        content_type=content_type.partition(";")[0].strip().lower(),
        encoding=charset or None,
        engine=engine,
        etag=header("ETag") if engine == "none" else None,
        last_modified=header("Last-Modified") if engine == "none" else None,
    )


def _permanent_redirect_target(response: Response) -> str:
    """Returns the final address when every redirect was permanent (301, 308), else an empty string."""
    reasons = response.request.meta.get("redirect_reasons", ()) if response.request else ()
    return response.url if reasons and {301, 308}.issuperset(reasons) else ""


def _freshness_lifetime(response: Response) -> timedelta:
    return parse_max_age(response.headers.get("Cache-Control"))
