"""Decodes chunked bodies at a bounded cost: a server may split its body into millions of chunks of one byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.web.http import _ChunkedTransferDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

FREE_CHUNKS = 20_000  # of one body, however small
MIN_MEAN_CHUNK_BYTES = 100  # of the chunks beyond that; some servers send each line of a long sitemap in a chunk


class TooManyChunks(ValueError):
    """A body has very many small chunks; the connection is closed, and the response counts as cut."""


class CoalescingChunkedDecoder(_ChunkedTransferDecoder):
    """Decodes a chunked body; passes all chunks of one read on together.

    Scrapy sends a signal for each piece that it gets, which takes longer than decoding a small chunk.
    """

    def __init__(self, on_data: Callable[[bytes], None], on_finish: Callable[[bytes], None]) -> None:
        super().__init__(self._collect, self._finish)
        self._on_data, self._on_finish = on_data, on_finish
        self._collected: list[bytes] = []
        self._allowed_chunks = float(FREE_CHUNKS)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        """Decodes the bytes of one read; raises TooManyChunks, on which Twisted closes the connection."""
        super().dataReceived(data)
        self._flush()

    def _collect(self, chunk: bytes) -> None:
        self._allowed_chunks += len(chunk) / MIN_MEAN_CHUNK_BYTES - 1
        if self._allowed_chunks < 0:
            raise TooManyChunks("the body has too many small chunks")
        self._collected.append(chunk)

    def _finish(self, rest: bytes) -> None:
        self._flush()
        self._on_finish(rest)

    def _flush(self) -> None:
        if self._collected:
            data = b"".join(self._collected)
            self._collected.clear()
            self._on_data(data)
