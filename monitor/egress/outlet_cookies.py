"""The cookies of each outlet: those of its own sites and those of other sites, in two jars.

The jar of its own sites has the configured cookies and those of its login; no request to another site reads it.
"""

from __future__ import annotations

from http.cookiejar import Cookie
from typing import TYPE_CHECKING

from scrapy.downloadermiddlewares.cookies import CookiesMiddleware

from monitor.egress.outlet_access import OUTLET_ACCESS_KEY, OutletAccess
from monitor.urls import is_public_suffix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http.cookies import CookieJar

    from monitor.config.cookies import OutletCookie
    from monitor.config.schema import Outlet
    from monitor.egress.own_sites import OwnSite, OwnSites


class CookieJarMiddleware:
    """Scrapy downloader middleware: gives requests to other sites, also redirected ones, a jar of their own.

    Only for outlets that have cookies or a login; the requests of other outlets share one jar.
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:  # noqa: ARG003  Scrapy's signature
        return cls()

    def process_request(self, request: Request) -> None:
        access: OutletAccess | None = request.meta.get(OUTLET_ACCESS_KEY)
        jar_key = request.meta.get("cookiejar")
        if access is None or not access.keeps_cookies or jar_key is None:
            return
        name = jar_key[0] if isinstance(jar_key, tuple) else jar_key
        request.meta["cookiejar"] = name if request.url in access.own_sites else (name, "other sites")


class OutletCookies:
    """The cookie jars of one crawler."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    def start_poll(self, outlet: Outlet, own_sites: OwnSites) -> None:
        """Deletes the outlet's cookies, so that a metered paywall does not count articles across polls.

        Cookies of the own sites of an outlet with ``cookies`` or ``login`` stay: they are the reader's session.
        """
        middleware = self._crawler.get_downloader_middleware(CookiesMiddleware)
        if middleware is None:
            return
        middleware.jars.pop((outlet.name, "other sites"), None)
        if not (outlet.cookies or outlet.login):
            middleware.jars.pop(outlet.name, None)
            return
        jar = middleware.jars[outlet.name]
        for cookie in list(jar):  # a page that Splash rendered may have brought those of other sites
            if not own_sites.may_have_cookies_of(cookie.domain.lstrip(".").removesuffix(".local")):
                jar.clear(cookie.domain, cookie.path, cookie.name)

    def restart_session(self, outlet: Outlet) -> None:
        """Deletes the cookies of the outlet's own sites, except the configured ones."""
        if middleware := self._crawler.get_downloader_middleware(CookiesMiddleware):
            middleware.jars.pop(outlet.name, None)

    def jar(self, outlet: Outlet, access: OutletAccess) -> CookieJar | None:
        """Returns the jar of the outlet's own sites, with each configured cookie that it lacks added.

        Returns None if cookies are disabled.
        """
        middleware = self._crawler.get_downloader_middleware(CookiesMiddleware)
        if middleware is None:
            return None
        jar = middleware.jars[outlet.name]
        present = {(cookie.domain, cookie.path, cookie.name) for cookie in jar}
        for cookie in outlet.cookies:
            for sent_cookie in _cookies_to_send(cookie, access.own_sites):
                if (sent_cookie.domain, sent_cookie.path, sent_cookie.name) not in present:
                    jar.set_cookie(sent_cookie)
        return jar


def session_cookies(crawler: Crawler, outlet_name: str) -> list[Cookie]:
    """Returns the cookies of the outlet's own sites that have not expired, for a rendering engine."""
    middleware = crawler.get_downloader_middleware(CookiesMiddleware)
    if middleware is None or outlet_name not in middleware.jars:
        return []
    return [cookie for cookie in middleware.jars[outlet_name] if not cookie.is_expired()]


def _host_of_cookie(cookie: OutletCookie, site: OwnSite) -> str | None:
    """Returns the host for which the site gets the cookie; None if it does not belong to the site.

    A cookie of a whole domain is sent only to those hosts on it that are the site's.
    """
    if cookie.domain is None or site.owns_host(cookie.domain):
        return cookie.domain or site.host
    is_above = cookie.with_subdomains and site.host.endswith(f".{cookie.domain}")
    return site.host if is_above and not is_public_suffix(cookie.domain) else None


def _cookies_to_send(cookie: OutletCookie, sites: OwnSites) -> Iterator[Cookie]:
    """Yields the cookie for each own site that it belongs to; none if its domain belongs to another site."""
    for site in sites.sites:
        host = _host_of_cookie(cookie, site)
        if host is None:
            continue
        with_subdomains = site.is_domain and cookie.with_subdomains
        if "." not in host and ":" not in host:
            host += ".local"  # as http.cookiejar names the domain of a host without a dot
        domain = f".{host}" if with_subdomains else host
        yield Cookie(
            version=0,
            name=cookie.name,
            value=cookie.value.get_secret_value(),
            port=None,
            port_specified=False,
            domain=domain,
            domain_specified=with_subdomains,
            domain_initial_dot=with_subdomains,
            path=cookie.path,
            path_specified=True,
            secure=cookie.secure or site.is_https_only,
            expires=int(cookie.expires_at.timestamp()) if cookie.expires_at else None,
            discard=cookie.expires_at is None,
            comment=None,
            comment_url=None,
            rest={"HttpOnly": cookie.http_only},  # type: ignore[dict-item]  # scrapy-splash reads a bool
        )
