"""Passes what concurrent tasks want to write to one call: all that arrives during a call is written by the next one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


class CallBatches(Generic[Item, Result]):
    """Writes items in batches of up to ``max_items``, in order of arrival, one batch at a time.

    ``write`` gets the items of a batch and returns a result for each.  It is called ``linger_seconds`` after the first
    item has come, so that further ones may join it, or as soon as ``linger_items`` wait.
    """

    def __init__(
        self,
        write: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        max_items: int,
        linger_seconds: float = 0.0,
        linger_items: int = 1,
    ) -> None:
        self.max_items = max_items
        self._write = write
        self._linger_seconds, self._linger_items = linger_seconds, linger_items
        self._have_enough = asyncio.Event()  # items, so that the writer lingers no longer
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def put(self, item: Item) -> Result:
        """Writes the item in a batch with others; returns its result, or raises the exception of the batch's call."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if len(self._waiting) >= self._linger_items:
            self._have_enough.set()
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_batches())
        return await result

    async def _write_batches(self) -> None:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        try:
            while self._waiting:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._have_enough.wait(), self._linger_seconds)
                batch, self._waiting = self._waiting[: self.max_items], self._waiting[self.max_items :]
                if len(self._waiting) < self._linger_items:
                    self._have_enough.clear()
                try:
                    results = await self._write([item for item, _ in batch])
                except Exception as error:  # noqa: BLE001  raised in each task that waits for this batch
                    _fail(batch, error)
                    continue
                for (_, result), value in zip(batch, results, strict=True):
                    if not result.done():
                        result.set_result(value)
        except BaseException as error:  # the writer is cancelled, so the items that wait fail too
            waiting, self._waiting = batch + self._waiting, []
            _fail(waiting, error)
            raise


def _fail(batch: Sequence[tuple[Item, asyncio.Future[Result]]], error: BaseException) -> None:
    for _, result in batch:
        if not result.done():
            result.set_exception(error)
