"""Bounds the headers of a response: Twisted bounds the length of a line, but not how many lines there are."""

from __future__ import annotations

from scrapy.core.downloader.handlers.http11 import _LenientHTTPClientParser

from monitor.egress.chunked_bodies import CoalescingChunkedDecoder

MAX_HEADER_LINE_BYTES = 65_536  # Twisted's own limit, 16,384, is shorter than some Link and cookie headers
MAX_HEADER_BYTES = 262_144  # of a response's status line and headers; browsers read as many
HEADERS_TOO_LARGE_MESSAGE = f"the headers are larger than {MAX_HEADER_BYTES:,} bytes"


class HeadersTooLarge(ValueError):
    """The headers of a response are larger than MAX_HEADER_BYTES; the connection is closed."""


class BoundedHeadersParser(_LenientHTTPClientParser):
    """Parses one response; counts the bytes of its headers, including those of interim (1xx) responses."""

    MAX_LENGTH = MAX_HEADER_LINE_BYTES
    _transferDecoders = {b"chunked": CoalescingChunkedDecoder}  # type: ignore[dict-item]  # noqa: N815, RUF012  Twisted's attribute
    _header_bytes = 0

    def lineReceived(self, line: bytes) -> None:  # noqa: N802  Twisted's name
        """Parses a line of the headers; raises HeadersTooLarge, on which Twisted closes the connection."""
        self._header_bytes += len(line) + len(self.delimiter)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise HeadersTooLarge(HEADERS_TOO_LARGE_MESSAGE)
        super().lineReceived(line)
