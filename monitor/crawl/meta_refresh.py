"""Follows the meta refresh of a page, for which it reads only the beginning of the page's bytes.

Scrapy's middleware decodes each page completely on the event loop, with any codec of Python that the server names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.downloadermiddlewares.redirect import MetaRefreshMiddleware
from scrapy.http import HtmlResponse
from w3lib.html import get_base_url, get_meta_refresh

from monitor.decoding import decode_start

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

MAX_SCANNED_BYTES = 4096  # at the beginning of a page; browsers find a refresh anywhere, but redirects have it there


class BoundedMetaRefreshMiddleware(MetaRefreshMiddleware):
    """Scrapy's middleware, except that it takes constant time for a page of any length and encoding."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]  # as Scrapy calls it
        """Returns the request of the address to which the page refreshes soon, else the response."""
        if request.meta.get("dont_redirect") or request.method == "HEAD" or not isinstance(response, HtmlResponse):
            return response
        interval, url = _refresh(response, self._ignore_tags)
        if not url or interval >= self._maxdelay or not url.startswith(("http://", "https://")):
            return response
        return self._redirect(self._redirect_request_using_get(request, response, url), request, "meta refresh")


def _refresh(response: Response, ignored_tags: list[str]) -> tuple[float, str]:
    """Returns the seconds and the address of the page's refresh; the address is empty without one."""
    start = response.body[:MAX_SCANNED_BYTES]
    if b"refresh" not in start.replace(b"\x00", b"").lower():  # the letters of UTF-16 too
        return 0.0, ""
    content_type = (response.headers.get("Content-Type") or b"").decode("latin-1")
    text = decode_start(start, content_type.lower().partition("charset=")[2].split(";")[0].strip("\"' "))
    try:
        interval, url = get_meta_refresh(text, get_base_url(text, response.url), ignore_tags=ignored_tags)
    except ValueError:  # an address such as "http://["
        return 0.0, ""
    return interval or 0.0, url or ""
