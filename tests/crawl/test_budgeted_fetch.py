"""Bodies are requested within the room that the process has for them."""

from __future__ import annotations

import asyncio
import weakref

import pytest

from monitor.crawl.budgeted_fetch import NoRoom, fetch_within
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.page_budget import SMALL_PAGE_BYTES, PageBudget

MB = 1_000_000


def test_rendered_pages_of_many_outlets_stay_within_the_room_of_large_ones() -> None:
    """An engine obeys the size limit as a plain request does, so a large page waits for large room."""
    budget = PageBudget(max_page_bytes=10 * MB, concurrency=16)
    peaks: list[int] = []

    async def fetch_one(outlet: str) -> None:
        room = budget.room_for(outlet)

        async def render(max_bytes: int) -> int:
            if max_bytes < 9 * MB:
                raise FetchError("too large", kind=FailureKind.TOO_LARGE)
            return 9 * MB

        room.fill(await fetch_within(room, render))
        peaks.append(budget.used_bytes)
        await asyncio.sleep(0.01)
        room.release()

    async def main() -> None:
        async with asyncio.timeout(20):
            await asyncio.gather(*(fetch_one(f"outlet {number % 5}") for number in range(20)))

    asyncio.run(main())
    assert len(peaks) == 20
    assert max(peaks) <= 40 * MB
    assert budget.used_bytes == 0


def test_a_body_above_every_limit_is_too_large() -> None:
    asked: list[int] = []

    async def fetch(max_bytes: int) -> None:
        asked.append(max_bytes)
        raise FetchError(f"larger than {max_bytes}", kind=FailureKind.TOO_LARGE)

    room = PageBudget(max_page_bytes=10 * MB, concurrency=1).room_for("a")
    with pytest.raises(FetchError, match="larger than 10000000"):
        asyncio.run(fetch_within(room, fetch))
    assert asked == [SMALL_PAGE_BYTES, 10 * MB]


def test_a_body_that_does_not_fit_is_freed_before_the_next_request() -> None:
    class Body:
        pass

    held: list[weakref.ref[Body]] = []

    async def fetch(max_bytes: int) -> None:
        body = Body()
        if not held:
            held.append(weakref.ref(body))
            raise FetchError(f"larger than {max_bytes}", kind=FailureKind.TOO_LARGE)
        assert held[0]() is None

    asyncio.run(fetch_within(PageBudget(max_page_bytes=10 * MB, concurrency=1).room_for("a"), fetch))


def test_without_room_nothing_is_requested_after_the_end() -> None:
    budget = PageBudget(max_page_bytes=10 * MB, concurrency=1)
    budget.learn("a", 10 * MB)

    async def fetch(_: int) -> None:
        pytest.fail("it is requested")

    async def main() -> None:
        for number in range(4):
            assert await budget.room_for(f"other {number}").reserve(10 * MB)
        with pytest.raises(NoRoom):
            await fetch_within(budget.room_for("a"), fetch, must_end=lambda: True)

    asyncio.run(main())
