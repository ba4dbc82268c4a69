"""Skips the bodies of images, videos and other media.  The download handler enforces the size and time limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import StopDownload

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http.headers import Headers

EXPECTS_TEXT_META_KEY = "wants_text"  # request.meta: True when only a text page is of use
_MEDIA_TYPE_PREFIXES = (
    b"image/",
    b"video/",
    b"audio/",
    b"font/",
    b"application/pdf",
    b"application/zip",
    b"application/octet",
)


class MediaFilter:
    """Extension: stops the download of media after the headers; the response then has an empty body."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        media_filter = cls()
        crawler.signals.connect(media_filter.headers_received, signal=signals.headers_received)
        return media_filter

    def headers_received(self, headers: Headers, request: Request) -> None:
        content_type = headers.get("Content-Type") or b""
        if request.meta.get(EXPECTS_TEXT_META_KEY) and content_type.lower().startswith(_MEDIA_TYPE_PREFIXES):
            raise StopDownload(fail=False)
