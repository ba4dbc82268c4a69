"""Finds and deletes expired stories and URLs of a store in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.itertools_compat import batched
from monitor.store.records import ExpiryKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.store.memory.state import MemoryState
    from monitor.store.records import StoryExpiry


class Retention:
    """Implements `monitor.store.protocol.Retention` on data in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def expired_stories(self, expiry: StoryExpiry, *, after: ExpiryKey | None, limit: int) -> list[ExpiryKey]:
        with self._state.lock:
            unsent = {each.notification.story for each in self._state.outbox.values() if each.sent_at is None}
            stories = [self._state.latest_version(story) for story in self._state.story_versions]
            expired = [
                ExpiryKey(story.first_seen_at, story.id)
                for story in stories
                if story.id not in unsent and expiry.covers(story)
            ]
        return sorted(key for key in expired if after is None or key > after)[:limit]

    def drop_expired(self, expiry: StoryExpiry) -> int:  # noqa: ARG002  the store has no parts
        return 0

    def delete_stories(self, ids: Sequence[str]) -> int:
        with self._state.lock:
            deleted = [story for story in ids if self._state.story_versions.pop(story, None)]
            for story in ids:
                self._state.signatures.pop(story, None)
            for records in (self._state.hits, self._state.outbox, self._state.marks):
                for key in [key for key in records if key[1] in ids]:
                    del records[key]  # type: ignore[arg-type]  # each dict has its own kind of key
        return len(deleted)

    def expired_findings(self, before: datetime, *, limit: int) -> Iterator[list[str]]:
        with self._state.lock:
            unsent = {each.notification.story for each in self._state.outbox.values() if each.sent_at is None}
            found = {hit.story for hit in self._state.hits.values() if hit.matched_at < before}
            found |= {
                each.notification.story for each in self._state.outbox.values() if each.notification.created_at < before
            }
        yield from map(list, batched(sorted(story for story in found - unsent if "-" in story), limit))

    def expired_urls(self, before: datetime, *, limit: int) -> Iterator[list[str]]:
        with self._state.lock:
            expired = [
                entry.id
                for entry in self._state.frontier_entries.values()
                if entry.first_seen_at < before
                and entry.next_at is None
                and entry.story not in self._state.story_versions
            ]
        yield from map(list, batched(sorted(expired), limit))

    def delete_urls(self, ids: Sequence[str]) -> int:
        with self._state.lock:
            deleted = [self._state.frontier_entries.pop(each) for each in ids if each in self._state.frontier_entries]
            stories = {entry.story for entry in deleted if entry.story}
            for alias in [alias for alias, story in self._state.aliases.items() if story in stories]:
                del self._state.aliases[alias]
        return len(deleted)

    def give_back_space(self) -> bool:
        return False

    def compact(self) -> None:
        """Does nothing: Python frees the memory."""
