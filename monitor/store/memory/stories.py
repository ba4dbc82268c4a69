"""The stories and hits of a store in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.models import CommitResult, Outcome
from monitor.similarity import bands
from monitor.store.listed_urls import alias_disposition
from monitor.store.memory.state import QueuedNotification

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.models import Hit, PageCommit, Story
    from monitor.store.memory.state import MemoryState


class Stories:
    """Keeps stories, their versions and hits; implements `monitor.store.protocol.Stories`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def commit(self, commits: Sequence[PageCommit]) -> list[CommitResult]:
        with self._state.lock:
            return [self._commit_page(commit) for commit in commits]

    def _commit_page(self, commit: PageCommit) -> CommitResult:
        state, story, entry = self._state, commit.story, commit.entry
        if story is not None:
            if story.version != state.latest_version_number(story.id) + 1:
                return CommitResult.CONFLICT
            state.put_latest_version(story, commit.signature)
        state.hits.update({(hit.alert, hit.story, hit.version): hit for hit in commit.hits})
        for notification in commit.notifications:
            state.outbox.setdefault(notification.key, QueuedNotification(notification))
        stored_entry = state.frontier_entries.get(entry.id)
        if stored_entry is None or stored_entry.story is None or entry.story is not None:
            state.frontier_entries[entry.id] = entry
        aliased_story = story.id if story is not None else entry.story
        for alias in commit.aliases:
            state.aliases[alias] = aliased_story
            alias_entry = state.frontier_entries.get(alias)
            if alias_entry is not None and alias_entry.story is None:
                outcome = Outcome(disposition=alias_disposition(aliased_story))
                state.frontier_entries[alias] = replace(alias_entry, next_at=None, story=aliased_story, outcome=outcome)
        return CommitResult.WRITTEN

    def stories(self, ids: Sequence[str]) -> dict[str, Story]:
        with self._state.lock:
            return {story: self._state.latest_version(story) for story in ids if story in self._state.story_versions}

    def history(self, story: str) -> list[Story]:
        with self._state.lock:
            return [version for _, version in sorted(self._state.story_versions.get(story, {}).items())]

    def near_duplicates(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """See `monitor.store.protocol.Stories.near_duplicates`.  Stories that share more bands come first."""
        query_bands = set(bands(signature))
        near = []
        with self._state.lock:
            for story, stored_signature in self._state.signatures.items():
                shared_bands = len(query_bands.intersection(bands(stored_signature)))
                latest = self._state.latest_version(story)
                if shared_bands and latest.first_seen_at >= since:
                    near.append((shared_bands, (story, latest.cluster, stored_signature)))
        return [near_duplicate for _, near_duplicate in sorted(near, key=lambda item: item[0], reverse=True)]

    def cluster_members(self, clusters: Sequence[str], *, limit: int = 20) -> dict[str, list[Story]]:
        with self._state.lock:
            stories = [self._state.latest_version(story) for story in self._state.story_versions]
        members: dict[str, list[Story]] = {}
        for story in sorted(stories, key=lambda story: (story.time, story.id)):
            if story.cluster in clusters:
                members.setdefault(story.cluster, []).append(story)
        return {cluster: of_cluster[:limit] for cluster, of_cluster in members.items()}

    def hits(self, alert: str | None = None, *, since: datetime | None = None, limit: int = 1000) -> list[Hit]:
        with self._state.lock:
            selected = [
                hit
                for hit in self._state.hits.values()
                if (alert is None or hit.alert == alert) and (since is None or hit.matched_at >= since)
            ]
        return sorted(selected, key=lambda hit: hit.matched_at, reverse=True)[:limit]
