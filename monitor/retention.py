"""Deletes what `keep_for` no longer keeps, in small batches between which other processes can write."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.models import from_rfc3339, now, rfc3339
from monitor.plural import plural
from monitor.stop_event import wait_for_stop
from monitor.store.protocol import StoryExpiry

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from datetime import datetime

    from monitor.config import Config
    from monitor.config.schema import KeepFor
    from monitor.service import Service
    from monitor.store import Store

log = logging.getLogger(__name__)

STORIES_PER_BATCH = 100
URLS_PER_BATCH = 1000
PAUSE_SECONDS = 0.2  # of `run` between two batches
INTERVAL = timedelta(hours=6)  # between two cleanups, of all processes together
LAST_CLEANUP_KEY = "retention/last_cleanup"  # setting with the time at which the last cleanup began


@dataclass(kw_only=True, slots=True)
class Deleted:
    """How many records a cleanup deleted, or would delete."""

    stories: int = 0
    urls: int = 0

    def __str__(self) -> str:
        return f"{plural(self.stories, 'story', 'stories')} and {plural(self.urls, 'URL')}"


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


def delete_expired(store: Store, config: Config, *, dry_run: bool = False) -> Iterator[Deleted]:
    """Deletes a batch of expired stories or URLs before each item; yields the totals so far.

    With ``dry_run``, only counts them; URLs of stories that would be deleted are then not counted.
    """
    time, deleted = now(), Deleted()
    if expiry := story_expiry(config.keep_for, time):
        after = None
        while keys := store.expired_stories(expiry, after=after, limit=STORIES_PER_BATCH):
            deleted.stories += len(keys) if dry_run else store.delete_stories([key.id for key in keys])
            after = keys[-1]
            yield deleted
    if config.keep_for.urls:
        last = ""
        while ids := store.expired_urls(time - config.keep_for.urls, after=last, limit=URLS_PER_BATCH):
            deleted.urls += len(ids) if dry_run else store.delete_urls(ids)
            last = ids[-1]
            yield deleted
    while not dry_run and store.give_back_space():
        yield deleted


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
            deleted, batches = Deleted(), delete_expired(service.store, service.config)
            while not stop.is_set() and (batch := await service.call(next, batches, None)) is not None:
                deleted = batch
                await wait_for_stop(stop, PAUSE_SECONDS)
            if deleted.stories or deleted.urls:
                log.info("deleted %s that keep_for no longer keeps", deleted)
        await wait_for_stop(stop, INTERVAL.total_seconds() / 10)
