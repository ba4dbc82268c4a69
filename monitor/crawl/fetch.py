"""One address to one answer, through Scrapy's engine and all its middlewares; whatever goes wrong is a FetchError."""

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

from monitor.crawl.limits import WANTS_TEXT
from monitor.crawl.politeness import HostResting
from monitor.crawl.poll_interval import max_age, retry_after
from monitor.crawl.robots import DELAY, Forbidden, Robots, Unreachable
from monitor.discovery.markup import MAX_UNPACKED_BYTES
from monitor.discovery.url_rules import OutletScope
from monitor.egress.address_guard import TRUSTED_HOSTS_KEY, VERIFY_CERTIFICATE_KEY, AddressRefused, trusted
from monitor.egress.http_handler import CertificateNotTrusted
from monitor.errors import FetchError, MonitorError, RenderingUnavailable
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

_PERMANENT = frozenset({400, 401, 404, 405, 406, 410, 414, 451})  # 403 is often a bad hour of a bot filter


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A page with what its headers say of the next request; ``page`` is None where it has not changed."""

    page: Page | None
    fresh_for: timedelta
    moved: str = ""  # the address it has for good now


class Fetcher:
    """Fetches for outlets: each request carries its outlet's delay, cookies and trusted hosts."""

    def __init__(self, crawler: Crawler, settings: CrawlSettings) -> None:
        self._crawler = crawler
        self._settings = settings

    async def source(
        self,
        outlet: Outlet,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        engine: str = "none",
        sitemap: bool = False,
    ) -> Fetched:
        """A feed, sitemap or section, wherever it is kept; a section may need an ``engine``, as pages do.

        Raises FetchError; kind rendering where the engine is not there.
        """
        meta = {"download_maxsize": MAX_UNPACKED_BYTES} if sitemap else {}
        try:
            return await self._fetch(outlet, url, etag, last_modified, meta, engine=engine)
        except RenderingUnavailable as error:
            raise FetchError(str(error), kind="rendering") from error

    def delay(self, outlet: Outlet) -> float:
        """The seconds between two requests to the outlet's host, as its robots.txt wishes once that is known."""
        robots = self._crawler.get_downloader_middleware(Robots)
        return max(self._delay(outlet), robots.known_delay(outlet.url) if robots else 0.0)

    def forget(self, outlet: Outlet) -> None:
        """Drops the outlet's cookies: a wall that counts what a reader has read must not count for months."""
        if cookies := self._crawler.get_downloader_middleware(CookiesMiddleware):
            cookies.jars.pop(outlet.name, None)

    def engines(self) -> list[str]:
        """The rendering engines that are there, the cheapest first."""
        return Rendering.for_crawler(self._crawler).available()

    async def page(
        self,
        outlet: Outlet,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        memory: EngineMemory | None = None,
    ) -> Page | None:
        """A story's page, None where it has not changed; refused where it leads away from the outlet's own hosts.

        It is rendered as ``outlet.render`` says; ``memory`` is what ``auto`` knows of the outlet.  Raises FetchError,
        and RenderingUnavailable where the engine is not there.
        """

        async def by(engine: str) -> Page | None:
            return await self._page(outlet, url, engine, etag, last_modified)

        if outlet.render != "auto":
            return await by(outlet.render)
        return await engine_choice.fetch_with_engines(
            url, memory=memory or EngineMemory(), available=self.engines(), fetch=by
        )

    async def _page(
        self, outlet: Outlet, url: str, engine: str, etag: str | None, last_modified: str | None
    ) -> Page | None:
        if engine != "none":  # a rendered page has no version that could be asked about
            etag = last_modified = None
        fetched = await self._fetch(outlet, url, etag, last_modified, {WANTS_TEXT: True}, engine=engine)
        if fetched.page is not None and fetched.page.url not in OutletScope(outlet):
            raise FetchError(f"it leads to {fetched.page.url[:200]}", kind="foreign", permanent=True)
        return fetched.page

    async def announced(self, outlet: Outlet) -> tuple[str, ...]:
        """The sitemaps that the outlet's robots.txt names; none where it cannot be read."""
        robots = self._crawler.get_downloader_middleware(Robots)
        if robots is None:
            return ()
        rules = await robots.rules(_request(outlet.url, meta=self._standing(outlet)))
        return rules.sitemaps

    async def _fetch(
        self,
        outlet: Outlet,
        url: str,
        etag: str | None,
        last_modified: str | None,
        meta: Mapping[str, object],
        *,
        engine: str = "none",
    ) -> Fetched:
        headers = {
            "If-None-Match": etag,
            "If-Modified-Since": last_modified,
            "Accept-Language": f"{outlet.language}, *;q=0.5" if outlet.language else "*",
        }
        request = _request(
            url,
            headers={name: value for name, value in headers.items() if value},
            meta={
                **self._standing(outlet),
                **meta,
            },
        )
        if engine == "none":
            response = await _answer(self._crawler.engine.download_async(request))
        else:
            response = await _answer(
                Rendering.for_crawler(self._crawler).download(request, outlet, engine, self._settings)
            )
        conditional = bool(etag or last_modified)
        if response.status == 304:
            if not conditional:
                raise FetchError("304 Not Modified, although nobody asked", kind="http-304")
            return Fetched(page=None, fresh_for=_fresh_for(response))
        if response.status not in {200, 203}:
            raise FetchError(
                f"the server answered {response.status}",
                kind=f"http-{response.status}",
                permanent=response.status in _PERMANENT,
                retry_after=retry_after(response.headers.get("Retry-After")),
            )
        return Fetched(page=_read(response, engine), fresh_for=_fresh_for(response), moved=_moved(response))

    def _standing(self, outlet: Outlet) -> dict[str, object]:
        """What every request for an outlet carries, robots.txt included."""
        return {
            "cookiejar": outlet.name,
            TRUSTED_HOSTS_KEY: trusted(outlet),
            VERIFY_CERTIFICATE_KEY: outlet.verify,
            DELAY: self._delay(outlet),
        }

    def _delay(self, outlet: Outlet) -> float:
        return (outlet.delay if outlet.delay is not None else self._settings.delay).total_seconds()


def _request(url: str, **options: object) -> Request:
    try:
        return Request(url, callback=NO_CALLBACK, dont_filter=True, **options)  # type: ignore[arg-type]
    except ValueError as error:
        raise FetchError(f"not an address: {url[:200]}", kind="address", permanent=True) from error


async def _answer(download: Awaitable[Response]) -> Response:
    try:
        return await download
    except HostResting as error:
        raise FetchError(str(error), kind="resting", retry_after=error.seconds) from error
    except _EXPECTED as error:
        words = _plain(str(error)) or type(error).__name__
        _, kind, message, permanent = next(meaning for meaning in _MEANINGS if meaning[0](error, words))
        raise FetchError((message or words)[:300], kind=kind, permanent=permanent) from error
    except MonitorError:
        raise
    except Exception as error:  # decoders and parsers of all kinds raise errors of their own
        raise FetchError(f"the answer cannot be read: {error!r}"[:300], kind="broken") from error


def _plain(words: str) -> str:
    """The words of Twisted and OpenSSL as a reader would say it."""
    for pattern, plain in _PLAIN:
        words = pattern.sub(plain, words)
    return words


_PLAIN = (
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

_EXPECTED = (
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
_TOO_LARGE = "larger than the size limit (crawl.max_size)"


def _is(*types: type[Exception]) -> Callable[[Exception, str], bool]:
    return lambda error, _: isinstance(error, types)


# What an exception means: the first that applies, as kind, message (the exception's own if empty), permanent.
_MEANINGS: tuple[tuple[Callable[[Exception, str], bool], str, str, bool], ...] = (
    (_is(AddressRefused), "private-address", "", True),
    (_is(Forbidden), "robots", "", True),
    (_is(Unreachable), "robots-unreachable", "", False),
    (lambda _, words: "max redirections" in words, "redirects", "redirected too often", True),
    (lambda _, words: "DOWNLOAD_MAXSIZE" in words, "too-large", f"{_TOO_LARGE} once unpacked", True),
    (_is(IgnoreRequest), "refused", "", False),
    (_is(DownloadTimeoutError), "timeout", "no whole answer in time (crawl.timeout)", False),
    (_is(CannotResolveHostError), "dns", "", False),
    (_is(DownloadCancelledError), "too-large", _TOO_LARGE, True),
    (_is(ResponseDataLossError), "connection", "the answer breaks off", False),
    (_is(UnsupportedURLSchemeError), "address", "", True),
    (_is(CertificateNotTrusted, SSL.Error, VerificationError), "tls", "", False),
    (lambda _, words: "SSL" in words or "TLS" in words, "tls", "", False),
    (_is(OSError, EOFError, ValueError), "broken", "", False),  # a body that is not what its Content-Encoding says
    (lambda *_: True, "connection", "", False),
)


def _read(response: Response, engine: str) -> Page:
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


def _moved(response: Response) -> str:
    reasons = response.request.meta.get("redirect_reasons", ()) if response.request else ()
    return response.url if reasons and {301, 308}.issuperset(reasons) else ""


def _fresh_for(response: Response) -> timedelta:
    return max_age(response.headers.get("Cache-Control"))
