"""Fetches a page or source within the bytes of bodies that the process may hold."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from monitor.errors import FetchError, drop_frames
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from monitor.config.schema import Outlet
    from monitor.crawl.fetch import Fetcher, FetchResult
    from monitor.page_budget import PageRoom

T = TypeVar("T")


class NoRoom(FetchError):
    """The poll must end before there is room for the body."""


async def fetch_within(
    room: PageRoom, fetch: Callable[[int], Awaitable[T]], *, must_end: Callable[[], bool] = lambda: False
) -> T:
    """Waits for room and returns ``fetch(max_bytes)``; requests a body that is larger than expected again.

    Raises NoRoom, without a request, if ``must_end`` comes true before, and the exceptions of ``fetch``.
    """
    for size in room.sizes():
        if not await room.reserve(size, must_end=must_end):
            raise NoRoom("the poll sends no further requests", kind=FailureKind.CANCELLED)
        try:
            return await fetch(size)
        except FetchError as error:
            if error.kind is not FailureKind.TOO_LARGE or size >= room.largest:
                raise
            drop_frames(error)
    raise AssertionError("the last size of a room is its largest")


@asynccontextmanager
async def fetched_source(
    fetcher: Fetcher,
    outlet: Outlet,
    url: str,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    engine: str = "none",
    largest: int = 0,
) -> AsyncIterator[FetchResult]:
    """Fetches a source when there is room for it, and keeps the room for the block; see `Fetcher.fetch_source`.

    ``largest`` raises the size limit above that of pages.
    """
    budget = fetcher.page_budget
    room = budget.room_for(outlet.name, url, largest=max(largest, budget.max_page_bytes))

    async def fetch(max_bytes: int) -> FetchResult:
        return await fetcher.fetch_source(
            outlet, url, etag=etag, last_modified=last_modified, engine=engine, max_bytes=max_bytes
        )

    try:
        result = await fetch_within(room, fetch)
        if result.page is not None:
            room.fill(len(result.page.body))
        yield result
    finally:
        room.release()
