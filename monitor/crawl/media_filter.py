"""Stops downloads of images, videos and other media after the response headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import StopDownload

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http.headers import Headers

EXPECTS_TEXT_META_KEY = "wants_text"  # key of request.meta: True if a media response is useless
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
    """Scrapy extension: stops downloads of media for requests that expect text; such a response has an empty body."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        media_filter = cls()
        crawler.signals.connect(media_filter.headers_received, signal=signals.headers_received)
        return media_filter

    def headers_received(self, headers: Headers, request: Request) -> None:
        """Raises StopDownload if the request expects text and Content-Type is that of media."""
        content_type = headers.get("Content-Type") or b""
        if request.meta.get(EXPECTS_TEXT_META_KEY) and content_type.lower().startswith(_MEDIA_TYPE_PREFIXES):
            raise StopDownload(fail=False)
