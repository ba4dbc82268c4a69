"""Assigns stories to clusters of near-duplicates."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor import similarity

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitor.models import Story
    from monitor.store import Store

CLUSTER_WINDOW = timedelta(days=14)  # age up to which a similar story joins a cluster; reprints appear within days


class ClusterAssigner:
    """Assigns stories to clusters of near-duplicates; safe to use from several threads."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        # Stories with a cluster but not committed: the store does not find them, and a reprint may follow at once.
        self._pending_stories: dict[str, tuple[tuple[int, ...], str]] = {}
        self._lock = threading.Lock()

    def assign_cluster(self, story: Story, signature: tuple[int, ...]) -> str:
        """Returns the cluster of the most similar recent story, or the story's id as a new cluster if none is similar.

        Later calls compare their story with this one; after its commit, `release_story` must be called.
        """
        with self._lock:  # two reprints assigned at the same time must get the same cluster
            # A copy: `release_story` changes the dict without the lock, as the event loop must not wait for it.
            pending = [
                (cluster, other) for key, (other, cluster) in list(self._pending_stories.items()) if key != story.id
            ]
            stored = self._store.near_duplicates(signature, since=self._now() - CLUSTER_WINDOW)
            _, cluster = max(
                (
                    (similarity.similarity(signature, other), cluster)
                    for cluster, other in (*((cluster, other) for _, cluster, other in stored), *pending)
                    if similarity.is_reprint(signature, other)
                ),
                default=(0.0, story.id),
            )
            self._pending_stories[story.id] = signature, cluster
        return cluster

    def release_story(self, story: str) -> None:
        """Stops comparing later stories with this one; called after its commit, when the store can return it."""
        self._pending_stories.pop(story, None)
