"""Decompresses gzip and Zstandard within bounds, in time linear in the lengths of input and output."""

from __future__ import annotations

import sys
import zlib
from dataclasses import dataclass
from io import BytesIO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd  # of Scrapy's requirements

MAX_MEMBERS = 10_000  # gzip members or Zstandard frames of one body; block gzip needs 800 for 50 MB
MAX_ZSTD_WINDOW_LOG = 23  # 8 MB, the largest window that RFC 9659 allows in HTTP
GZIP_MAGIC = b"\x1f\x8b"
_INPUT_PIECE_BYTES = 65_536
_OUTPUT_PIECE_BYTES = 1_048_576


class DecompressionLimitExceeded(ValueError):
    """The output or the number of members exceeds its bound."""


@dataclass(frozen=True, slots=True)
class Decompressed:
    """The output; ``fault`` says why decompression stopped before the end of the input, and is empty otherwise."""

    data: bytes
    fault: str = ""


def gunzip(body: bytes, *, max_bytes: int) -> Decompressed:
    """Returns the output of all gzip members; bytes after them that are no member are ignored.

    Raises DecompressionLimitExceeded for more than ``max_bytes`` of output or more than MAX_MEMBERS members.
    """
    output, position, members, view = _BoundedOutput(max_bytes), 0, 0, memoryview(body)
    while body.startswith(GZIP_MAGIC, position):
        members = _counted(members)
        inflate = zlib.decompressobj(wbits=31)
        while not inflate.eof and position < len(body):
            piece = view[position : position + _INPUT_PIECE_BYTES]
            try:
                output.append(inflate.decompress(piece, _OUTPUT_PIECE_BYTES))
            except zlib.error as error:
                return Decompressed(output.value(), str(error))
            position += len(piece) - len(inflate.unused_data if inflate.eof else inflate.unconsumed_tail)
    return Decompressed(output.value(), "" if members else "it does not begin as gzip does")


def unzstd(body: bytes, *, max_bytes: int) -> Decompressed:
    """Returns the output of all Zstandard frames.

    Raises DecompressionLimitExceeded for more than ``max_bytes`` of output or more than MAX_MEMBERS frames.
    """
    output, position, members, view = _BoundedOutput(max_bytes), 0, 0, memoryview(body)
    options = {int(zstd.DecompressionParameter.window_log_max): MAX_ZSTD_WINDOW_LOG}
    while position < len(body):
        members = _counted(members)
        frame = zstd.ZstdDecompressor(options=options)
        while not frame.eof and (position < len(body) or not frame.needs_input):
            piece = view[position : position + _INPUT_PIECE_BYTES] if frame.needs_input else b""
            try:
                output.append(frame.decompress(piece, _OUTPUT_PIECE_BYTES))
            except zstd.ZstdError as error:
                return Decompressed(output.value(), str(error))
            position += len(piece) - (len(frame.unused_data) if frame.eof else 0)
    return Decompressed(output.value())


def _counted(members: int) -> int:
    if members >= MAX_MEMBERS:
        raise DecompressionLimitExceeded(f"it has more than {MAX_MEMBERS:,} compressed members")
    return members + 1


class _BoundedOutput:
    """Collects pieces of output; `append` raises DecompressionLimitExceeded above ``max_bytes``."""

    def __init__(self, max_bytes: int) -> None:
        self._pieces, self._max_bytes, self._bytes = BytesIO(), max_bytes, 0

    def append(self, piece: bytes) -> None:
        self._bytes += len(piece)
        if self._bytes > self._max_bytes:
            self._pieces.close()  # frees them now: the exception may live long
            raise DecompressionLimitExceeded(f"it unpacks to more than {self._max_bytes / 1_000_000:g} MB")
        self._pieces.write(piece)

    def value(self) -> bytes:
        return self._pieces.getvalue()
