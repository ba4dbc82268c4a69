"""What is not worth its bytes is not downloaded: the size and time limits themselves are the handler's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import StopDownload

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http.headers import Headers

WANTS_TEXT = "wants_text"  # request.meta: a page is expected, so a film or a PDF file is cut off after its headers
_NEVER_TEXT = (b"image/", b"video/", b"audio/", b"font/", b"application/pdf", b"application/zip", b"application/octet")


class Limits:
    """Extension: stops the download of media once the headers say what it is; the answer comes with an empty body."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        limits = cls()
        crawler.signals.connect(limits.headers_received, signal=signals.headers_received)
        return limits

    def headers_received(self, headers: Headers, request: Request) -> None:
        kind = headers.get("Content-Type") or b""
        if request.meta.get(WANTS_TEXT) and kind.lower().startswith(_NEVER_TEXT):
            raise StopDownload(fail=False)
