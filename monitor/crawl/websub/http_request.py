"""Reads one HTTP request from a connection, within bounds: for the small server to which hubs send pushes.

It reads one request of a connection, which then ends, so that no request can hide behind another.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.egress.chunked_bodies import ChunkAllowance

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

MAX_HEAD_BYTES = 16_384  # of request line and headers
MAX_LENGTH_DIGITS = 12
PART_BYTES = 65_536
MAX_CHUNK_LINE_BYTES = 200  # with extensions, which nobody uses


class BadRequest(Exception):
    """The request cannot be read; ``status`` is that of the response."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestHead:
    """The request line and headers; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


async def read_head(reader: asyncio.StreamReader) -> RequestHead:
    """Returns the head of a request.  Raises BadRequest; the limit of ``reader`` must be MAX_HEAD_BYTES."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise BadRequest(431) from None
    request_line, *lines = head[:-4].decode("latin-1").split("\r\n")
    words = request_line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest(400)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or name.lower() in headers:
            raise BadRequest(400)  # a folded line or a repeated header, whose meaning servers disagree about
        headers[name.lower()] = value.strip()
    try:
        target = urlsplit(words[1])
    except ValueError:  # such as //[
        raise BadRequest(400) from None
    return RequestHead(method=words[0], path=target.path, query=target.query, headers=headers)


async def body_parts(reader: asyncio.StreamReader, head: RequestHead, *, max_bytes: int) -> AsyncIterator[bytes]:
    """Yields the body of a request in small parts.

    Raises BadRequest, of status 413 for more than ``max_bytes`` or very many small chunks.
    """
    if "transfer-encoding" in head.headers:
        if head.headers["transfer-encoding"].lower() != "chunked" or "content-length" in head.headers:
            raise BadRequest(400)
        left, allowance = max_bytes, ChunkAllowance()
        while length := await _read_chunk_length(reader):
            left -= length
            if left < 0 or not allowance.covers(length):
                raise BadRequest(413)
            async for part in _parts(reader, length):
                yield part
            if await reader.readexactly(2) != b"\r\n":
                raise BadRequest(400)
        return  # the trailer stays unread
    length_text = head.headers.get("content-length", "0")
    if not length_text.isascii() or not length_text.isdecimal():
        raise BadRequest(400)
    if len(length_text) > MAX_LENGTH_DIGITS or int(length_text) > max_bytes:
        raise BadRequest(413)
    async for part in _parts(reader, int(length_text)):
        yield part


async def _parts(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    while length:
        part = await reader.read(min(length, PART_BYTES))
        if not part:
            raise ConnectionResetError("the body ends early")
        length -= len(part)
        yield part


async def _read_chunk_length(reader: asyncio.StreamReader) -> int:
    """Returns the length of the next chunk, 0 for the last; ignores extensions."""
    line = await reader.readuntil(b"\r\n")
    if len(line) > MAX_CHUNK_LINE_BYTES:
        raise BadRequest(400)
    digits = line.partition(b";")[0].strip()
    if not digits.isalnum() or len(digits) > MAX_LENGTH_DIGITS:
        raise BadRequest(400)
    try:
        return int(digits, 16)
    except ValueError:
        raise BadRequest(400) from None
