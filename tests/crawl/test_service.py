"""Calls of the store wait while it is away, in a pass for a limited time."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config import Config
from monitor.errors import StoreUnavailable
from monitor.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator


class ClosableStub:
    """Stands in for a store and an extractor that are only closed."""

    def close(self) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    stub: Any = ClosableStub()
    service = Service(Config(), stub, stub, stub, store_retry_timeout=timedelta(seconds=1.5))
    yield service
    service.close()


def read() -> str:
    return "read"


def write() -> None:
    raise StoreUnavailable("the disk is full")


def test_a_full_disk_ends_a_pass_although_reads_succeed(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """All waiting writes fail after one ``store_retry_timeout``, however many reads succeed meanwhile."""

    async def crawl() -> float:
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        writes = [asyncio.create_task(service.call(write))]
        for _ in range(10):
            await asyncio.sleep(0.1)
            assert await service.call(read) == "read"
            writes.append(asyncio.create_task(service.call(write)))
        results = await asyncio.gather(*writes, return_exceptions=True)
        assert all(isinstance(result, StoreUnavailable) for result in results)
        return loop.time() - started_at

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(crawl()) < 4.5
    assert [record.message for record in caplog.records] == [
        "crawling pauses until the store is back: the disk is full"
    ]


def test_each_outage_of_the_store_has_a_new_timeout(service: Service) -> None:
    calls = iter([write, read, write, read])

    def work() -> object:
        return next(calls)()

    async def crawl() -> None:
        for _ in range(2):
            assert await service.call(work) == "read"
            assert (service.is_store_unavailable, service._first_failure_loop_time) == (False, None)

    asyncio.run(crawl())


def test_long_computations_do_not_keep_store_calls_waiting(service: Service) -> None:
    async def crawl() -> None:
        may_end = threading.Event()
        computations = [asyncio.create_task(service.call_matching(may_end.wait)) for _ in range(20)]
        try:
            assert await asyncio.wait_for(service.call(read), 10) == "read"
        finally:
            may_end.set()
        assert await asyncio.gather(*computations) == [True] * 20

    asyncio.run(crawl())
