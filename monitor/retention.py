"""Deletes what `keep_for` no longer keeps, in small batches between which other processes can write."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from monitor.models import from_rfc3339, now, rfc3339
from monitor.plural import plural
from monitor.stop_event import wait_for_stop
from monitor.store.records import StoryExpiry

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from monitor.config import Config
    from monitor.config.schema import KeepFor
    from monitor.service import Service
    from monitor.store import Store
    from monitor.store.records import ExpiryKey

log = logging.getLogger(__name__)

STORIES_PER_BATCH = 100
IDS_PER_BATCH = 1000
PAUSE_SECONDS = 0.2  # of `run` between two batches
INTERVAL = timedelta(hours=6)  # between two cleanups, of all processes together
LAST_CLEANUP_KEY = "retention/last_cleanup"  # setting with the time at which the last cleanup began


@dataclass(kw_only=True, slots=True)
class Deleted:
    """How many records a cleanup deleted, or would delete."""

    stories: int = 0
    findings: int = 0  # of volume alerts, and what the outbox has of digests without a story
    urls: int = 0

    def __str__(self) -> str:
        findings = f", {plural(self.findings, 'finding')}" if self.findings else ""
        return f"{plural(self.stories, 'story', 'stories')}{findings} and {plural(self.urls, 'URL')}"


def story_expiry(keep_for: KeepFor, time: datetime) -> StoryExpiry | None:
    """Returns which stories have expired at a time; None if all are kept for ever."""
    matched = keep_for.matched or keep_for.stories
    if matched is None:
        return None
    return StoryExpiry(
        unmatched_before=time - keep_for.stories if keep_for.stories else None,
        matched_before=time - matched,
        topics_before={topic: time - period for topic, period in keep_for.topics.items()},
    )


class Cleanup:
    """Deletes what has expired when it begins, a batch or part with each call; ``deleted`` is the total so far.

    With ``dry_run``, only counts; URLs of stories that would be deleted are then not counted.
    """

    def __init__(self, store: Store, config: Config, *, dry_run: bool = False) -> None:
        self.deleted = Deleted()
        self._store = store
        self._dry_run = dry_run
        time = now()
        self._story_expiry = story_expiry(config.keep_for, time)
        self._urls_before = time - config.keep_for.urls if config.keep_for.urls else None
        self._last_story: ExpiryKey | None = None
        self._id_batches: Iterator[list[str]] | None = None  # of findings, then of URLs
        self._parts = deque(
            [
                self._drop_stories,
                self._delete_stories,
                self._delete_findings,
                self._delete_urls,
                self._give_back_space,
            ]
        )

    def delete_batch(self) -> bool:
        """Deletes a batch of stories or URLs, or gives back some space; returns False if nothing is left.

        After a StoreError the same call repeats the batch.
        """
        while self._parts:
            if self._parts[0]():
                return True
            self._parts.popleft()
        return False

    def _drop_stories(self) -> bool:
        if self._story_expiry is None or self._dry_run:
            return False
        count = self._store.drop_expired(self._story_expiry)
        self.deleted.stories += count
        return count > 0

    def _delete_stories(self) -> bool:
        if self._story_expiry is None:
            return False
        keys = self._store.expired_stories(self._story_expiry, after=self._last_story, limit=STORIES_PER_BATCH)
        if keys:
            count = len(keys) if self._dry_run else self._store.delete_stories([key.id for key in keys])
            self.deleted.stories += count
            self._last_story = keys[-1]
        return bool(keys)

    def _delete_findings(self) -> bool:
        if self._story_expiry is None or self._story_expiry.matched_before is None:
            return False
        expired = partial(self._store.expired_findings, self._story_expiry.matched_before)
        count = self._delete_ids(expired, self._store.delete_stories)
        self.deleted.findings += count
        return count > 0

    def _delete_urls(self) -> bool:
        if self._urls_before is None:
            return False
        count = self._delete_ids(partial(self._store.expired_urls, self._urls_before), self._store.delete_urls)
        self.deleted.urls += count
        return count > 0

    def _delete_ids(
        self, expired_ids: Callable[..., Iterator[list[str]]], delete: Callable[[list[str]], object]
    ) -> int:
        """Deletes the next list of expired ids and returns how many they are; 0 after the last one."""
        batches, self._id_batches = self._id_batches, None  # begins anew after a StoreError
        batches = batches or expired_ids(limit=IDS_PER_BATCH)
        ids = next(batches, [])
        if ids:
            if not self._dry_run:
                delete(ids)
            self._id_batches = batches
        return len(ids)

    def _give_back_space(self) -> bool:
        return not self._dry_run and self._store.give_back_space()


def delete_expired(store: Store, config: Config, *, dry_run: bool = False) -> Iterator[Deleted]:
    """Does a whole `Cleanup`; yields the total after each batch."""
    cleanup = Cleanup(store, config, dry_run=dry_run)
    while cleanup.delete_batch():
        yield cleanup.deleted


def begin_cleanup(store: Store, config: Config) -> bool:
    """Returns True if expired data is to be deleted now, by this process: for the first caller in each INTERVAL."""
    if config.keep_for.is_for_ever:
        return False
    last, time = store.setting(LAST_CLEANUP_KEY), now()
    if last is not None and time - INTERVAL < from_rfc3339(last["at"]) <= time:
        return False
    return store.compare_and_set(LAST_CLEANUP_KEY, last, {"at": rfc3339(time)})


async def delete_until_stopped(service: Service, stop: asyncio.Event) -> None:
    """Deletes what has expired, in a cleanup every INTERVAL, until ``stop`` is set."""
    while not stop.is_set():
        if await service.call(begin_cleanup, service.store, service.config):
            cleanup = Cleanup(service.store, service.config)
            while not stop.is_set() and await service.call(cleanup.delete_batch):
                await wait_for_stop(stop, PAUSE_SECONDS)
            if cleanup.deleted != Deleted():
                log.info("deleted %s that keep_for no longer keeps", cleanup.deleted)
        await wait_for_stop(stop, INTERVAL.total_seconds() / 10)
