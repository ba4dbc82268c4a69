"""Compressed responses are unpacked within the memory for bodies."""

from __future__ import annotations

import asyncio
import gzip
import os
import threading
import time
from typing import TYPE_CHECKING

from scrapy.http import Request, Response
from scrapy.utils.test import get_crawler

from monitor.egress.decompression import DecompressionMiddleware
from monitor.page_budget import SMALL_PAGE_BYTES

if TYPE_CHECKING:
    import pytest


def test_large_bodies_are_unpacked_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is in memory twice meanwhile; small ones do not wait for it."""
    middleware = DecompressionMiddleware.from_crawler(get_crawler())
    running, most, lock = set[int](), [0], threading.Lock()

    def decode(body: bytes, encoding: bytes, max_size: int) -> bytes:
        if len(body) <= SMALL_PAGE_BYTES:
            return b"small"
        with lock:
            running.add(threading.get_ident())
            most[0] = max(most[0], len(running))
        time.sleep(0.05)
        with lock:
            running.discard(threading.get_ident())
        return b"large"

    monkeypatch.setattr(DecompressionMiddleware, "_decode", staticmethod(decode))

    async def unpack(body: bytes) -> bytes:
        response = Response("http://x.example/", headers={"Content-Encoding": "gzip"}, body=body)
        unpacked = await middleware.process_response(Request(response.url), response)
        assert isinstance(unpacked, Response)
        return unpacked.body

    async def main() -> list[bytes]:
        bodies = [os.urandom(SMALL_PAGE_BYTES + 1)] * 4 + [gzip.compress(b"small")]
        return await asyncio.gather(*map(unpack, bodies))

    assert asyncio.run(main()) == [b"large"] * 4 + [b"small"]
    assert most == [1]
