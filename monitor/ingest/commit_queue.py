"""Writes page commits in batches: commits that arrive during one store call are written together by the next call."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from monitor.call_batches import CallBatches
from monitor.models import CommitResult, outcome_of_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime
    from typing import Protocol, TypeVar

    from monitor.models import FrontierEntry, Outcome, PageCommit
    from monitor.store import Store

    T = TypeVar("T")

    class StoreCall(Protocol):
        """The type of `Service.call`: runs a blocking store call in a thread and returns an awaitable of its result."""

        def __call__(self, work: Callable[..., T], *args: object, **kwargs: object) -> Awaitable[T]: ...


MAX_PAGES_PER_COMMIT_BATCH = 200  # page commits that one store call writes
MAX_REMEMBERED_STORY_IDS = 10_000  # ids of committed stories that this process keeps; the oldest are dropped


class CommitQueue:
    """Writes page commits to the store in batches, in order of arrival, one batch at a time."""

    def __init__(self, store: Store, call: StoreCall, now: Callable[[], datetime]) -> None:
        self._store = store
        self._call = call
        self._now = now
        self._batches = CallBatches(self._write, max_items=MAX_PAGES_PER_COMMIT_BATCH)
        self._settled_story_ids: dict[
            str, None
        ] = {}  # the keys are ids of stories being written or written, oldest first

    async def commit(self, page_commit: PageCommit) -> CommitResult:
        """Writes one page commit in a batch with others, waits for the batch, and returns the store's result for it.

        Adds to the frontier entry what became of its URL.
        Raises the exception of the store call that wrote the batch.
        """
        entry = _with_outcome(page_commit.entry, page_commit.outcome, now=self._now())
        return await self._batches.put(replace(page_commit, entry=entry))

    def has_settled(self, story: str) -> bool:
        """Returns True if this process is writing, or has written, the story together with its frontier entry.

        Only the last MAX_REMEMBERED_STORY_IDS stories are known.
        """
        return story in self._settled_story_ids

    async def _write(self, commits: list[PageCommit]) -> list[CommitResult]:
        # Added before the write: a page that finds the story stored must not take it for an interrupted commit.
        settling = {commit.entry.story for commit in commits if commit.entry.story} - self._settled_story_ids.keys()
        self._settled_story_ids.update(dict.fromkeys(settling))
        try:
            results = await self._call(self._store.commit, commits)
        except BaseException:
            self._forget_settled_stories(settling)
            raise
        written = {
            commit.entry.story
            for commit, result in zip(commits, results, strict=True)
            if result is CommitResult.WRITTEN
        }
        self._forget_settled_stories(settling - written)
        return results

    def _forget_settled_stories(self, stories: Iterable[str]) -> None:
        """Removes these ids from the settled stories, and the oldest ids beyond MAX_REMEMBERED_STORY_IDS."""
        excess = max(0, len(self._settled_story_ids) - MAX_REMEMBERED_STORY_IDS)
        for story in (*stories, *islice(self._settled_story_ids, excess)):
            self._settled_story_ids.pop(story, None)


def _with_outcome(entry: FrontierEntry, latest: Outcome, *, now: datetime) -> FrontierEntry:
    """Returns the entry with what became of its URL.

    Removes the source's summary unless the page is still to be fetched for the first story.
    """
    outcome = outcome_of_url(entry.outcome, latest)
    if outcome != entry.outcome:
        entry = replace(entry, outcome=outcome, settled_at=now)
    if entry.story is not None or entry.next_at is None:
        entry = replace(entry, candidate=replace(entry.candidate, summary=""))
    return entry
