"""Scrapy's cookie middleware with the public suffix list that ships with tldextract.

Scrapy's own middleware downloads the list at the first cookie: on the event loop, without a time limit, past the
address guard, into a cache below the home directory.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from scrapy.utils.httpobj import urlparse_cached

from monitor.egress.cookie_limits import MAX_COOKIE_BYTES, MAX_SITE_COOKIES, cookie_bytes, limit_cookies
from monitor.urls import is_public_suffix

if TYPE_CHECKING:
    from collections.abc import Iterable
    from http.cookiejar import Cookie

    from scrapy import Request
    from scrapy.http import Response
    from scrapy.http.cookies import CookieJar


class OfflineCookiesMiddleware(CookiesMiddleware):
    """Keeps cookies in one jar for each outlet; refuses cookies for a public suffix, such as ``co.uk``.

    The jars have the limits of `cookie_limits`.
    """

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._count = itertools.count()
        self._numbers: WeakKeyDictionary[Cookie, int] = WeakKeyDictionary()  # of the cookies that sites have set

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        values = response.headers.getlist("Set-Cookie")
        if len(values) > MAX_SITE_COOKIES:
            response.headers.setlist("Set-Cookie", values[-MAX_SITE_COOKIES:])
        return super().process_response(request, response)

    def _process_cookies(self, cookies: Iterable[Cookie], *, jar: CookieJar, request: Request) -> None:
        """Adds the cookies that the request's host may set to the jar.  Overrides the step that needs the list."""
        host = (urlparse_cached(request).hostname or "").lower()
        if not host:
            return
        is_changed = False
        for cookie in cookies:
            domain = cookie.domain.removeprefix(".")
            if domain and is_public_suffix(domain):
                if domain != host:
                    continue
                cookie.domain = host
            if cookie_bytes(cookie) <= MAX_COOKIE_BYTES:
                self._numbers[cookie], is_changed = next(self._count), True
                jar.set_cookie_if_ok(cookie, request)
        if is_changed:
            limit_cookies(jar, number_of=self._numbers.get)
