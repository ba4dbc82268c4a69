"""The room for page bodies: no page waits for ever, and no outlet takes all the room."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from monitor.page_budget import LARGE_PAGES_BYTES, SMALL_PAGE_BYTES, SMALL_PAGES_WAITING_BYTES, PageBudget, PageRoom

if TYPE_CHECKING:
    from collections.abc import Coroutine

MB = 1_000_000


def budget(max_page_bytes: int = 10 * MB, concurrency: int = 4) -> PageBudget:
    return PageBudget(max_page_bytes=max_page_bytes, concurrency=concurrency)


async def settled(reservation: Coroutine[object, object, bool]) -> asyncio.Task[bool]:
    """Starts a reservation and lets it come as far as it gets."""
    task = asyncio.create_task(reservation)
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def reserved(room: PageRoom, size: int) -> PageRoom:
    assert await room.reserve(size)
    return room


def test_large_pages_together_stay_within_their_limit() -> None:
    async def main() -> None:
        pages = budget()
        rooms = [await reserved(pages.room_for(f"outlet {number}"), 10 * MB) for number in range(4)]
        late = await settled(pages.room_for("late").reserve(10 * MB))
        assert not late.done()
        assert pages.used_bytes == LARGE_PAGES_BYTES
        rooms[0].fill(1000)  # it was smaller than expected
        assert not late.done()
        rooms[0].release()
        assert await late

    asyncio.run(main())


def test_small_pages_do_not_wait_for_large_ones() -> None:
    async def main() -> None:
        pages = budget()
        for number in range(4):
            await reserved(pages.room_for(f"outlet {number}"), 10 * MB)
        assert await asyncio.wait_for(pages.room_for("a").reserve(SMALL_PAGE_BYTES), 1)

    asyncio.run(main())


def test_one_outlet_uses_half_of_the_room_of_large_pages() -> None:
    async def main() -> None:
        pages = budget()
        first = await reserved(pages.room_for("b"), 10 * MB)
        await reserved(pages.room_for("b"), 10 * MB)
        third = await settled(pages.room_for("b").reserve(10 * MB))
        assert not third.done()
        assert await asyncio.wait_for(pages.room_for("a").reserve(10 * MB), 1)
        first.release()
        assert await third

    asyncio.run(main())


def test_the_outlet_that_uses_the_least_comes_first() -> None:
    async def main() -> None:
        pages = budget()
        rooms = [await reserved(pages.room_for(name), 10 * MB) for name in ("b", "b", "c", "c")]
        waiting_c = await settled(pages.room_for("c").reserve(10 * MB))
        waiting_a = await settled(pages.room_for("a").reserve(10 * MB))
        rooms[0].release()
        assert await waiting_a
        assert not waiting_c.done()
        rooms[2].release()
        assert await waiting_c

    asyncio.run(main())


def test_a_page_larger_than_all_room_passes_alone() -> None:
    async def main() -> None:
        pages = budget(max_page_bytes=100 * MB)
        other = await reserved(pages.room_for("a"), MB)
        large = await settled(pages.room_for("b").reserve(100 * MB))
        smaller = await settled(pages.room_for("c").reserve(MB))
        assert not large.done()
        assert not smaller.done()  # or the large one would wait for ever
        other.release()
        assert await large
        assert not smaller.done()

    asyncio.run(main())


def test_bodies_larger_than_pages_pass_one_at_a_time() -> None:
    """They take no room of the pages, which do not wait for them."""

    async def main() -> None:
        pages = budget()
        largest = await reserved(pages.room_for("a", "map.xml", largest=50 * MB), 50 * MB)
        waiting = await settled(pages.room_for("b", "map.xml", largest=50 * MB).reserve(50 * MB))
        assert not waiting.done()
        assert await asyncio.wait_for(pages.room_for("c").reserve(10 * MB), 1)
        largest.release()
        assert await waiting

    asyncio.run(main())


def test_a_body_larger_than_its_room_takes_that_of_large_ones() -> None:
    async def main() -> None:
        pages = budget(concurrency=1)
        rooms = [await reserved(pages.room_for(f"outlet {number}"), SMALL_PAGE_BYTES) for number in range(20)]
        for room in rooms[:4]:
            room.fill(10 * MB)
        assert pages.used_bytes == 16 * SMALL_PAGE_BYTES + LARGE_PAGES_BYTES
        assert await asyncio.wait_for(pages.room_for("small").reserve(SMALL_PAGE_BYTES), 1)
        large = await settled(pages.room_for("large").reserve(MB))
        assert not large.done()
        rooms[0].release()
        assert await large

    asyncio.run(main())


def test_a_body_that_does_not_fit_is_requested_with_the_next_size() -> None:
    pages = budget()
    assert list(pages.room_for("a").sizes()) == [SMALL_PAGE_BYTES, 10 * MB]
    assert list(pages.room_for("a").sizes()) == [10 * MB], "it is learned"
    sitemap = pages.room_for("a", "map.xml", largest=50 * MB)
    assert list(sitemap.sizes()) == [SMALL_PAGE_BYTES, 10 * MB, 50 * MB]
    assert list(sitemap.sizes()) == [50 * MB]


def test_a_page_gives_its_room_back_before_it_waits_for_more() -> None:
    async def main() -> None:
        pages = budget()
        rooms = [await reserved(pages.room_for(f"outlet {number}"), 10 * MB) for number in range(4)]
        assert await asyncio.wait_for(asyncio.gather(*(room.reserve(10 * MB) for room in rooms)), 5) == [True] * 4

    asyncio.run(main())


@pytest.mark.parametrize("end", ["cancel", "must_end"])
def test_a_page_that_gives_up_leaves_no_trace(end: str) -> None:
    async def main() -> None:
        pages = budget()
        rooms = [await reserved(pages.room_for(f"outlet {number}"), 10 * MB) for number in range(4)]
        ends: list[bool] = []
        late = await settled(pages.room_for("late").reserve(10 * MB, must_end=lambda: bool(ends)))
        if end == "cancel":
            late.cancel()
        else:
            ends.append(True)
        assert await asyncio.wait_for(asyncio.gather(late, return_exceptions=True), 5) != [True]
        for room in rooms:
            room.release()
        assert pages.used_bytes == 0
        assert await reserved(pages.room_for("a"), 10 * MB)

    asyncio.run(main())


def test_bodies_that_wait_for_extraction_delay_further_small_pages() -> None:
    async def main() -> None:
        pages = budget(concurrency=1)
        rooms = []
        while pages.used_bytes < SMALL_PAGES_WAITING_BYTES:
            rooms.append(await reserved(pages.room_for(f"outlet {len(rooms)}"), SMALL_PAGE_BYTES))
        late = await settled(pages.room_for("late").reserve(SMALL_PAGE_BYTES))
        assert not late.done()
        rooms[0].fill(10_000)
        assert await late

    asyncio.run(main())


def test_the_expected_size_follows_the_last_pages() -> None:
    pages = budget()
    assert pages.expected_bytes("a") == SMALL_PAGE_BYTES
    pages.learn("a", 2 * MB)
    assert pages.expected_bytes("a") == 3 * MB
    pages.learn("a", 9 * MB)
    assert pages.expected_bytes("a") == 10 * MB
    for _ in range(30):
        pages.learn("a", 100_000)
    assert pages.expected_bytes("a") == SMALL_PAGE_BYTES
