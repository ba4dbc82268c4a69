"""Decompresses response bodies in a thread, with bounds on output, members and codings."""

from __future__ import annotations

import asyncio
from functools import cached_property, partial
from typing import TYPE_CHECKING

from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware

from monitor.decompression import DecompressionLimitExceeded, gunzip, unzstd
from monitor.page_budget import SMALL_PAGE_BYTES

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

MAX_CODINGS = 3  # content codings of one response, each of which is decompressed in turn
_BOUNDED_DECODERS = {b"gzip": gunzip, b"x-gzip": gunzip, b"zstd": unzstd}


class DecompressionMiddleware(HttpCompressionMiddleware):
    """Scrapy's middleware, with its decoders of gzip and Zstandard replaced: theirs take time for each empty member.

    A body that exceeds a bound fails with DecompressionLimitExceeded.
    """

    async def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]  # Scrapy awaits it
        """Returns the response with its body decompressed; does not block the event loop."""
        if not response.headers.get("Content-Encoding"):
            return response
        decode = partial(super().process_response, request, response)
        if len(response.body) <= SMALL_PAGE_BYTES:
            return await asyncio.to_thread(decode)
        async with self._large_body_lock:  # it is in memory twice meanwhile, for which its room is too small
            return await asyncio.to_thread(decode)

    @cached_property
    def _large_body_lock(self) -> asyncio.Lock:
        return asyncio.Lock()

    def _handle_encoding(self, body: bytes, content_encoding: list[bytes], max_size: int) -> tuple[bytes, list[bytes]]:
        if sum(value.count(b",") + 1 for value in content_encoding) > MAX_CODINGS:
            raise DecompressionLimitExceeded(f"it is compressed more than {MAX_CODINGS} times")
        return super()._handle_encoding(body, content_encoding, max_size)

    @staticmethod
    def _decode(body: bytes, encoding: bytes, max_size: int) -> bytes:
        """Returns the decompressed body; of a broken one, what comes before the fault.

        Raises ValueError if nothing can be decompressed.
        """
        decoder = _BOUNDED_DECODERS.get(encoding)
        if decoder is None:
            return HttpCompressionMiddleware._decode(body, encoding, max_size)  # noqa: SLF001  the method that this one overrides
        decompressed = decoder(body, max_bytes=max_size)
        if decompressed.fault and not decompressed.data:
            raise ValueError(f"broken {encoding.decode()}: {decompressed.fault}")
        return decompressed.data
