"""Scrapy's cookie middleware with the public suffix list that ships with tldextract.

Scrapy's own middleware downloads the list at the first cookie: on the event loop, without a time limit, past the
address guard, into a cache below the home directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from scrapy.utils.httpobj import urlparse_cached

from monitor.urls import is_public_suffix

if TYPE_CHECKING:
    from collections.abc import Iterable
    from http.cookiejar import Cookie

    from scrapy import Request
    from scrapy.http.cookies import CookieJar


class OfflineCookiesMiddleware(CookiesMiddleware):
    """Keeps cookies in one jar for each outlet; refuses cookies for a public suffix, such as ``co.uk``."""

    def _process_cookies(self, cookies: Iterable[Cookie], *, jar: CookieJar, request: Request) -> None:
        """Adds the cookies that the request's host may set to the jar.  Overrides the step that needs the list."""
        host = (urlparse_cached(request).hostname or "").lower()
        if not host:
            return
        for cookie in cookies:
            domain = cookie.domain.removeprefix(".")
            if domain and is_public_suffix(domain):
                if domain != host:
                    continue
                cookie.domain = host
            jar.set_cookie_if_ok(cookie, request)
