"""Fetches single URLs of outlets through Scrapy's engine and middlewares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrapy import Request
from scrapy.http.request import NO_CALLBACK

from monitor.crawl.download_failures import response_or_fetch_error
from monitor.crawl.media_filter import EXPECTS_TEXT_META_KEY
from monitor.crawl.outlet_sessions import OutletSessions
from monitor.crawl.response_hints import parse_max_age
from monitor.crawl.robots import OUTLET_DELAY_META_KEY, RobotsMiddleware
from monitor.discovery.publishers import Publishers
from monitor.discovery.url_rules import OutletScope, StoryScope
from monitor.egress.address_guard import (
    OUTLET_SCOPE_KEY,
    TRUSTED_HOSTS_KEY,
    VERIFY_CERTIFICATE_KEY,
    trusted_hosts,
)
from monitor.egress.host_rests import is_own_host
from monitor.egress.outlet_access import OUTLET_ACCESS_KEY
from monitor.errors import FetchError, RenderingUnavailable
from monitor.failures import FailureKind
from monitor.models import Page, now
from monitor.page_budget import PageBudget
from monitor.rendering import engine_choice
from monitor.rendering.auto import EngineMemory
from monitor.rendering.rendering import Rendering
from monitor.retry_after import parse_retry_after
from monitor.urls import with_ascii_host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from monitor.config.schema import CrawlSettings, Outlet

_DATA_LOSS_FLAG = "dataloss"  # Scrapy's flag of a response whose connection ended before the body's end
# The end of a complete page, feed or sitemap: some servers never send the last chunk of a body.
_DOCUMENT_END_PATTERN = re.compile(
    rb"(?:</(?:[\w-]+:)?(?:html|rss|feed|rdf|channel|urlset|sitemapindex)\s*>|\})(?:\s|<!--(?:(?!-->).)*-->)*\Z",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchResult:
    """A fetched page, its freshness lifetime and redirect; ``page`` is None after 304 Not Modified."""

    page: Page | None
    freshness_lifetime: timedelta  # max-age of Cache-Control; zero without it
    moved_to: str = ""  # target URL if all redirects were permanent; else empty
    link_headers: tuple[str, ...] = ()  # values of the response's Link headers


class Fetcher:
    """Fetches the pages and sources of outlets, each request with its outlet's delay, cookies and trusted hosts."""

    def __init__(
        self,
        crawler: Crawler,
        settings: CrawlSettings,
        outlets: Sequence[Outlet] = (),
        *,
        page_budget: PageBudget | None = None,
    ) -> None:
        """``outlets`` are the configured outlets, to whose pages an aggregator may link.

        ``page_budget`` is that of the process (default: a new one).
        """
        self.page_budget = page_budget or PageBudget(max_page_bytes=settings.max_size, concurrency=settings.concurrency)
        self._crawler = crawler
        self._settings = settings
        self.publishers = Publishers(outlets)
        self._sessions = OutletSessions(crawler, self._send_login_request, self.publishers)
        self._outlets = tuple(outlets)

    async def fetch_source(
        self,
        outlet: Outlet,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        engine: str = "none",
        max_bytes: int | None = None,
    ) -> FetchResult:
        """Fetches a feed, sitemap or section, on any site; ``page`` of the result is None after 304 Not Modified.

        ``engine`` names the rendering engine of a section (default: no rendering).  ``max_bytes`` is the size limit
        (default: `crawl.max_size`).  Raises FetchError, of kind TOO_LARGE for a larger source, ENGINE_UNAVAILABLE when
        the engine is not available.
        """
        meta = {} if max_bytes is None else {"download_maxsize": max_bytes}
        try:
            return await self._fetch_url(outlet, url, etag, last_modified, meta, engine=engine)
        except RenderingUnavailable as error:
            raise FetchError(str(error), kind=FailureKind.ENGINE_UNAVAILABLE) from error

    def request_delay_seconds(self, outlet: Outlet) -> float:
        """Returns the longer of the outlet's delay and its host's Crawl-delay, if robots.txt is cached, in seconds."""
        robots = self._crawler.get_downloader_middleware(RobotsMiddleware)
        return max(self._outlet_delay_seconds(outlet), robots.cached_crawl_delay(outlet.url) if robots else 0.0)

    def start_poll(self, outlet: Outlet) -> None:
        """Forgets the cookies of the last poll, but not the outlet's login; see `OutletSessions.start_poll`."""
        self._sessions.start_poll(outlet)

    def available_engines(self) -> list[str]:
        """Returns the names of the rendering engines that are available now, the cheapest first; may be empty."""
        return Rendering.for_crawler(self._crawler).available_engines()

    async def fetch_page(
        self,
        outlet: Outlet,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        memory: EngineMemory | None = None,
        max_bytes: int | None = None,
    ) -> Page | None:
        """Fetches a story's page with the engine that ``outlet.render`` names; returns None after 304 Not Modified.

        ``max_bytes`` lowers the size limit, also of the rendered page; a larger one raises kind TOO_LARGE.
        With ``render: auto``, ``memory`` says which pages needed an engine in earlier polls.  Raises FetchError (also
        when a redirect leaves the outlet's site) and RenderingUnavailable when the engine is not available.
        """

        async def fetch_with(engine: str) -> Page | None:
            """Fetches ``url`` with this engine, or without rendering if it is "none"."""
            return await self._fetch_page(outlet, url, engine, etag, last_modified, max_bytes=max_bytes)

        if outlet.render != "auto":
            return await fetch_with(outlet.render)
        return await engine_choice.fetch_with_engines(
            url, memory=memory or EngineMemory(), available=self.available_engines(), fetch=fetch_with
        )

    async def _fetch_page(
        self,
        outlet: Outlet,
        url: str,
        engine: str,
        etag: str | None,
        last_modified: str | None,
        *,
        max_bytes: int | None,
    ) -> Page | None:
        if engine != "none":  # an engine gives no ETag or Last-Modified, so no request is conditional
            etag = last_modified = None
        meta: dict[str, object] = {EXPECTS_TEXT_META_KEY: True}
        if max_bytes is not None:
            meta["download_maxsize"] = max_bytes
        result = await self._fetch_url(
            outlet, url, etag, last_modified, meta, engine=engine, blames_foreign_hosts=outlet.is_aggregator
        )
        if result.page is not None and result.page.is_truncated:
            raise FetchError("the response ends early", kind=FailureKind.CONNECTION)
        if result.page is not None and not self._may_have_story(outlet, result.page.url):
            raise FetchError(f"it leads to {result.page.url[:200]}", kind=FailureKind.FOREIGN_SITE)
        return result.page

    def _may_have_story(self, outlet: Outlet, url: str) -> bool:
        """Returns True if the URL may be that of a story of the outlet; see `filter_candidates`."""
        is_of_another = not outlet.is_aggregator and self.publishers.is_of_another(outlet, url)
        return url in StoryScope(outlet) and not is_of_another

    async def robots_sitemaps(self, outlet: Outlet) -> tuple[str, ...]:
        """Returns the sitemap URLs in the robots.txt of the outlet's host; empty if robots.txt cannot be read."""
        robots = self._crawler.get_downloader_middleware(RobotsMiddleware)
        if robots is None:
            return ()
        rules = await robots.rules_for(_new_request(outlet.url, meta=self._outlet_meta(outlet, outlet.url)))
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
        blames_foreign_hosts: bool = True,
    ) -> FetchResult:
        """Fetches a URL; for an address of an outlet with ``login``, with its session, which is renewed if it ended.

        Raises FetchError, which blames a host only if it is the outlet's or may be blamed.  Without
        ``blames_foreign_hosts``, the failure of another site behind a redirect concerns the page alone.
        """

        async def fetch_once() -> FetchResult:
            return await self._fetch_once(
                outlet, url, etag, last_modified, meta, engine=engine, blames_foreign_hosts=blames_foreign_hosts
            )

        return await self._sessions.fetch_logged_in(outlet, url, fetch_once)

    async def _fetch_once(
        self,
        outlet: Outlet,
        url: str,
        etag: str | None,
        last_modified: str | None,
        meta: Mapping[str, object],
        *,
        engine: str,
        blames_foreign_hosts: bool,
    ) -> FetchResult:
        headers = {
            "If-None-Match": etag,
            "If-Modified-Since": last_modified,
            "Accept-Language": f"{outlet.language}, *;q=0.5" if outlet.language else "*",
        }
        request = _new_request(
            url,
            headers={name: value for name, value in headers.items() if value},
            meta={**self._outlet_meta(outlet, url), **meta},
        )
        if engine == "none":
            response = await response_or_fetch_error(self._crawler.engine.download_async(request))
        else:
            response = await response_or_fetch_error(
                Rendering.for_crawler(self._crawler).download(request, outlet, engine, self._settings)
            )
        conditional = bool(etag or last_modified)
        if response.status == 304:
            if not conditional:
                raise FetchError("304 Not Modified for an unconditional request", kind=FailureKind.HTTP_304)
            return FetchResult(page=None, freshness_lifetime=_freshness_lifetime(response))
        if response.status not in {200, 203}:
            is_blamed = blames_foreign_hosts or is_own_host(response.request or request)
            raise FetchError(
                f"the server answered {response.status}",
                kind=FailureKind.of_status(response.status) if is_blamed else FailureKind.HTTP_OTHER,
                status=response.status,
                retry_after=parse_retry_after(response.headers.get("Retry-After")),
            )
        return FetchResult(
            page=_page_from_response(response, engine),
            freshness_lifetime=_freshness_lifetime(response),
            moved_to=_permanent_redirect_target(response),
            link_headers=tuple(value.decode("latin-1") for value in response.headers.getlist("Link")),
        )

    async def _send_login_request(
        self, outlet: Outlet, url: str, *, method: str, body: bytes, headers: Mapping[str, str]
    ) -> Response:
        """Sends a request of the outlet's login; the operator asks for it, so robots.txt does not apply to it."""
        meta = {**self._outlet_meta(outlet, url), "dont_obey_robotstxt": True, "dont_redirect": method == "POST"}
        request = _new_request(url, method=method, body=body, headers=headers, meta=meta)
        return await response_or_fetch_error(self._crawler.engine.download_async(request))

    async def post_form(self, outlet: Outlet, url: str, body: bytes) -> int:
        """Sends a form to an endpoint that a source of the outlet names; returns the status of the response.

        Redirects 307 and 308 send it again.  robots.txt does not apply: it is for pages, and the outlet's feed names
        the endpoint for such requests.  Raises FetchError if there is no response.
        """
        meta = {
            **self._outlet_meta(outlet, url),
            "dont_obey_robotstxt": True,
            TRUSTED_HOSTS_KEY: trusted_hosts(outlet),  # a feed may name any endpoint, and must not reach other outlets
            # `verify: false` is for the outlet's own certificate.
            VERIFY_CERTIFICATE_KEY: outlet.verify or url not in OutletScope(outlet),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = _new_request(url, method="POST", body=body, headers=headers, meta=meta)
        response = await response_or_fetch_error(self._crawler.engine.download_async(request))
        return response.status

    def _outlet_meta(self, outlet: Outlet, url: str) -> dict[str, object]:
        """Returns the Scrapy request.meta entries of a request for the outlet.

        A page that an aggregator links to is requested with the delay of its own outlet, if that is configured.
        """
        is_elsewhere = outlet.is_aggregator and self.publishers.outlet_of(url) is not outlet
        publisher = self.publishers.outlet_of(url) if is_elsewhere else outlet
        return {
            OUTLET_ACCESS_KEY: self._sessions.access(outlet),
            "cookiejar": outlet.name,
            TRUSTED_HOSTS_KEY: trusted_hosts(outlet, self._outlets),
            OUTLET_SCOPE_KEY: OutletScope(outlet),
            VERIFY_CERTIFICATE_KEY: publisher.verify if publisher else True,
            OUTLET_DELAY_META_KEY: self._outlet_delay_seconds(publisher),
            # Some servers leave out the last chunk of every response; `Page.is_truncated` says if the end is missing.
            "download_fail_on_dataloss": False,
        }

    def _outlet_delay_seconds(self, outlet: Outlet | None) -> float:
        """Returns the configured seconds between two requests to one host: the outlet's ``delay``, else the crawl's."""
        own_delay = outlet.delay if outlet is not None else None
        return (own_delay if own_delay is not None else self._settings.delay).total_seconds()


def _new_request(url: str, **options: object) -> Request:
    """Returns a Scrapy request without callback or duplicate filter.  Raises FetchError if ``url`` is not a URL."""
    try:
        return Request(with_ascii_host(url), callback=NO_CALLBACK, dont_filter=True, **options)  # type: ignore[arg-type]  # Request's own options
    except ValueError as error:
        raise FetchError(f"not an address: {url[:200]}", kind=FailureKind.UNSUPPORTED_ADDRESS) from error


def _page_from_response(response: Response, engine: str) -> Page:
    """Returns the response as a page fetched now; a rendered page has no ETag and no Last-Modified."""

    def header(name: str) -> str | None:
        value = response.headers.get(name)
        return value.decode("latin-1").strip() if value else None

    content_type = header("Content-Type") or ""
    charset = content_type.lower().partition("charset=")[2].split(";")[0].strip("\"' ")
    return Page(
        is_truncated=_DATA_LOSS_FLAG in response.flags and not _DOCUMENT_END_PATTERN.search(response.body[-1000:]),
        url=response.url,
        body=response.body,
        fetched_at=now(),
        status=response.status,
        content_type=content_type.partition(";")[0].strip().lower(),
        encoding=charset or None,
        engine=engine,
        etag=header("ETag") if engine == "none" else None,
        last_modified=header("Last-Modified") if engine == "none" else None,
        is_moved=bool(_permanent_redirect_target(response)),
    )


def _permanent_redirect_target(response: Response) -> str:
    """Returns the final URL if all redirects were permanent (301, 308); empty if one was not or there were none."""
    reasons = response.request.meta.get("redirect_reasons", ()) if response.request else ()
    return response.url if reasons and {301, 308}.issuperset(reasons) else ""


def _freshness_lifetime(response: Response) -> timedelta:
    return parse_max_age(response.headers.get("Cache-Control"))
