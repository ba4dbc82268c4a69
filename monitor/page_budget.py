"""Bounds the bytes of bodies that a process holds: a page or source waits before its request until it has room.

Nothing waits while it holds room: a `PageRoom` gives back what it has before it asks for more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL_PAGE_BYTES = 750_000  # for which a page of an unknown outlet has room; nine of ten pages have a third of it
SMALL_PAGES_WAITING_BYTES = 16_000_000  # of small pages that wait for extraction, beside those being requested
LARGE_PAGES_BYTES = 40_000_000  # of all pages above SMALL_PAGE_BYTES together
MAX_OUTLET_SHARE = 0.5  # of the large pages' bytes that one outlet may use
MAX_LEARNED_SIZES = 10_000  # of outlets' pages and of sources; the oldest are forgotten
END_CHECK_SECONDS = 1.0  # between two checks whether a page that waits must give up


@dataclass(eq=False, slots=True)
class _Request:
    """A request for room that waits."""

    outlet: str
    size: int
    granted: asyncio.Future[None]


@dataclass(slots=True)
class _Pool:
    """Room for pages of one kind."""

    size: int
    outlet_size: int
    used_by_outlet: Counter[str] = field(default_factory=Counter)
    used: int = 0
    waiting: list[_Request] = field(default_factory=list)  # in the order of arrival

    def has_room(self, outlet: str, size: int) -> bool:
        """True if the page fits; a page larger than the limits fits alone."""
        used_by_outlet = self.used_by_outlet[outlet]
        fits_outlet = not used_by_outlet or used_by_outlet + size <= self.outlet_size
        return fits_outlet and (not self.used or self.used + size <= self.size)

    def add(self, outlet: str, size: int) -> None:
        self.used += size
        self.used_by_outlet[outlet] += size
        if not self.used_by_outlet[outlet]:
            del self.used_by_outlet[outlet]

    def grant(self) -> None:
        """Grants room to waiting pages, first to those of the outlets that use the least.

        A page that has no room holds back the others, or a large one would wait for ever.
        """
        while True:
            within_share = (
                request
                for request in self.waiting
                if not (used := self.used_by_outlet[request.outlet]) or used + request.size <= self.outlet_size
            )
            request = min(within_share, key=lambda request: self.used_by_outlet[request.outlet], default=None)
            if request is None or not self.has_room(request.outlet, request.size):
                return
            self.waiting.remove(request)
            if not request.granted.done():
                self.add(request.outlet, request.size)
                request.granted.set_result(None)


class PageBudget:
    """The room for the bodies of a process: for small ones, of which each request gets one, for large ones, and for one
    at a time that is larger than any page.
    """

    def __init__(self, *, max_page_bytes: int, concurrency: int) -> None:
        self.max_page_bytes = max_page_bytes  # `crawl.max_size`
        self._small_page_bytes = min(SMALL_PAGE_BYTES, max_page_bytes)
        small = concurrency * self._small_page_bytes + SMALL_PAGES_WAITING_BYTES
        self._small = _Pool(size=small, outlet_size=small)
        self._large = _Pool(size=LARGE_PAGES_BYTES, outlet_size=int(LARGE_PAGES_BYTES * MAX_OUTLET_SHARE))
        self._largest = _Pool(size=0, outlet_size=0)  # each body in it is alone
        self._expected: dict[tuple[str, str], int] = {}

    def expected_bytes(self, outlet: str, source: str = "") -> int:
        """Returns the bytes for which the outlet's next page, or its source, needs room, judging by the last ones."""
        return self._expected.get((outlet, source), self._small_page_bytes)

    def learn(self, outlet: str, size: int, source: str = "", *, largest: int | None = None) -> None:
        """Learns the size of a page of the outlet, or of its source; no body has more than ``largest`` bytes."""
        expected = int(max(1.5 * size, 0.9 * self.expected_bytes(outlet, source)))
        self._expected.pop((outlet, source), None)
        if expected > self._small_page_bytes:
            self._expected[outlet, source] = min(expected, largest or self.max_page_bytes)
            if len(self._expected) > MAX_LEARNED_SIZES:
                del self._expected[next(iter(self._expected))]

    @property
    def used_bytes(self) -> int:
        return self._small.used + self._large.used + self._largest.used

    def room_for(self, outlet: str, source: str = "", *, largest: int | None = None) -> PageRoom:
        """Returns the room of one page of the outlet, or of the source with this URL; at first none.

        ``largest`` is the size limit of the body (default: that of pages), at least that of pages.
        """
        return PageRoom(self, outlet, source, largest or self.max_page_bytes)

    def pool_of(self, size: int) -> _Pool:
        if size <= self._small_page_bytes:
            return self._small
        return self._large if size <= self.max_page_bytes else self._largest


class PageRoom:
    """The room for the source or page that one task fetches, and then for further pages of the same article."""

    def __init__(self, budget: PageBudget, outlet: str, source: str, largest: int) -> None:
        self._budget = budget
        self._outlet = outlet
        self._source = source
        self.largest = largest
        self._pool: _Pool | None = None
        self._size = 0

    def sizes(self) -> Iterator[int]:
        """Yields the sizes with which to request the body, one after the other, until it fits."""
        size = self._budget.expected_bytes(self._outlet, self._source)
        while True:
            yield size
            if size >= self.largest:
                return
            size = self._budget.max_page_bytes if size < self._budget.max_page_bytes else self.largest
            self._learn(size)

    def _learn(self, size: int) -> None:
        self._budget.learn(self._outlet, size, self._source, largest=self.largest)

    async def reserve(self, size: int, *, must_end: Callable[[], bool] = lambda: False) -> bool:
        """Waits for room for ``size`` bytes, without any meanwhile.  Returns False if ``must_end`` comes true first."""
        self.release()
        pool = self._budget.pool_of(size)
        if pool.waiting or not pool.has_room(self._outlet, size):
            if not await self._wait(pool, size, must_end):
                return False
        else:
            pool.add(self._outlet, size)
        self._pool, self._size = pool, size
        return True

    async def _wait(self, pool: _Pool, size: int, must_end: Callable[[], bool]) -> bool:
        request = _Request(self._outlet, size, asyncio.get_running_loop().create_future())
        pool.waiting.append(request)
        pool.grant()
        try:
            while not request.granted.done() and not must_end():
                await asyncio.wait({request.granted}, timeout=END_CHECK_SECONDS)
        except asyncio.CancelledError:
            if request.granted.done():
                pool.add(self._outlet, -size)
            raise
        finally:
            if not request.granted.done():
                pool.waiting.remove(request)
            pool.grant()
        return request.granted.done()

    def fill(self, size: int) -> None:
        """Keeps as much room as the complete body needs; a body larger than its room takes that of large ones."""
        self._learn(size)
        if self._pool is not None:
            previous = self._pool
            previous.add(self._outlet, -self._size)
            if size > self._size:
                self._pool = self._budget.pool_of(size)
            self._pool.add(self._outlet, size)
            self._size = size
            previous.grant()

    def release(self) -> None:
        """Gives all room back: the body is no longer held."""
        if self._pool is not None:
            self._pool.add(self._outlet, -self._size)
            pool, self._pool, self._size = self._pool, None, 0
            pool.grant()
