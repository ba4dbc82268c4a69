"""Calls of the store wait while it is away, and not for ever in a pass that somebody waits for."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config import Config
from monitor.errors import StoreUnavailable
from monitor.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator


class Nothing:
    """A store and an extractor of which nothing is asked."""

    def close(self) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    nothing: Any = Nothing()
    made = Service(Config(), nothing, nothing, store_retry_timeout=timedelta(seconds=1.5))
    yield made
    made.close()


def read() -> str:
    return "read"


def write() -> None:
    raise StoreUnavailable("the disk is full")


def test_a_full_disk_ends_a_pass_after_one_patience_however_many_reads_go_well(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    async def crawl() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        writes = [asyncio.create_task(service.call(write))]
        for _ in range(10):
            await asyncio.sleep(0.1)
            assert await service.call(read) == "read"
            writes.append(asyncio.create_task(service.call(write)))
        assert all(isinstance(each, StoreUnavailable) for each in await asyncio.gather(*writes, return_exceptions=True))
        return loop.time() - began

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(crawl()) < 4.5
    assert [record.message for record in caplog.records] == [
        "crawling pauses until the store is back: the disk is full"
    ]


def test_a_store_that_is_back_is_waited_for_anew(service: Service) -> None:
    answers = iter([write, read, write, read])

    def work() -> object:
        return next(answers)()

    async def crawl() -> None:
        for _ in range(2):
            assert await service.call(work) == "read"
            assert (service.store_away, service._failing_since) == (False, None)

    asyncio.run(crawl())
