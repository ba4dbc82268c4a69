"""Batched writes: the commits of pages that end at the same time go to the store in one call."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING

from monitor.models import CommitResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Protocol, TypeVar

    from monitor.models import PageCommit
    from monitor.store import Store

    T = TypeVar("T")

    class StoreCall(Protocol):
        """Runs a blocking store call off the event loop, as `Service.call` does."""

        def __call__(self, work: Callable[..., T], *args: object, **kwargs: object) -> Awaitable[T]: ...


MAX_PAGES_PER_COMMIT_BATCH = 200  # pages
MAX_REMEMBERED_STORY_IDS = 10_000  # story ids that this process remembers as committed


class CommitQueue:
    """Writes page commits in batches, in the order of arrival, with one batch in flight."""

    def __init__(self, store: Store, call: StoreCall) -> None:
        self._store = store
        self._call = call
        self._waiting_commits: list[tuple[PageCommit, asyncio.Future[CommitResult]]] = []
        self._writer_task: asyncio.Task[None] | None = None
        self._settled_story_ids: dict[str, None] = {}  # the latest last

    async def commit(self, page_commit: PageCommit) -> CommitResult:
        """Writes the commit together with those that arrived during the previous batch.

        Raises whatever the store's call raised for this batch.
        """
        result: asyncio.Future[CommitResult] = asyncio.get_running_loop().create_future()
        self._waiting_commits.append((page_commit, result))
        if self._writer_task is None or self._writer_task.done():
            self._writer_task = asyncio.create_task(self._write_batches())
        return await result

    def has_settled(self, story: str) -> bool:
        """Returns True if this process commits or has committed the story together with its frontier entry."""
        return story in self._settled_story_ids

    async def _write_batches(self) -> None:
        while self._waiting_commits:
            batch, self._waiting_commits = (
                self._waiting_commits[:MAX_PAGES_PER_COMMIT_BATCH],
                self._waiting_commits[MAX_PAGES_PER_COMMIT_BATCH:],
            )
            # Before the write: a page that finds such a story from now on must not take it for one cut off by a kill.
            settling = {
                commit.entry.story for commit, _ in batch if commit.entry.story
            } - self._settled_story_ids.keys()
            self._settled_story_ids.update(dict.fromkeys(settling))
            try:
                results = await self._call(self._store.commit, [commit for commit, _ in batch])
            except BaseException as error:  # every waiting page raises it
                self._forget_settled_stories(settling)
                is_cancelled = not isinstance(error, Exception)
                if is_cancelled:  # no writer is left for the rest of the queue
                    batch, self._waiting_commits = batch + self._waiting_commits, []
                for _, result in batch:
                    if not result.done():
                        result.set_exception(error)
                if is_cancelled:
                    raise
                continue
            written = {
                commit.entry.story
                for (commit, _), answer in zip(batch, results, strict=True)
                if answer is CommitResult.WRITTEN
            }
            self._forget_settled_stories(settling - written)
            for (_, result), answer in zip(batch, results, strict=True):
                if not result.done():
                    result.set_result(answer)

    def _forget_settled_stories(self, stories: Iterable[str]) -> None:
        """Forgets stories that were not written, and the oldest ones beyond MAX_REMEMBERED_STORY_IDS."""
        excess = max(0, len(self._settled_story_ids) - MAX_REMEMBERED_STORY_IDS)
        for story in (*stories, *islice(self._settled_story_ids, excess)):
            self._settled_story_ids.pop(story, None)
