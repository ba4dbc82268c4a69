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


class ChunkAllowance:
    """The chunks that a body may still have: FREE_CHUNKS, and one for each MIN_MEAN_CHUNK_BYTES that come."""

    def __init__(self) -> None:
        self._left = float(FREE_CHUNKS)

    def covers(self, chunk_bytes: int) -> bool:
        """Counts a further chunk of this size; returns False if the body has too many small chunks."""
        self._left += chunk_bytes / MIN_MEAN_CHUNK_BYTES - 1
        return self._left >= 0


class CoalescingChunkedDecoder(_ChunkedTransferDecoder):
    """Decodes a chunked body; passes all chunks of one read on together.

    Scrapy sends a signal for each piece that it gets, which takes longer than decoding a small chunk.
    """

    def __init__(self, on_data: Callable[[bytes], None], on_finish: Callable[[bytes], None]) -> None:
        super().__init__(self._collect, self._finish)
        self._on_data, self._on_finish = on_data, on_finish
        self._collected: list[bytes] = []
        self._allowance = ChunkAllowance()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        """Decodes the bytes of one read; raises TooManyChunks, on which Twisted closes the connection."""
        super().dataReceived(data)
        self._flush()

    def _collect(self, chunk: bytes) -> None:
        if not self._allowance.covers(len(chunk)):
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
