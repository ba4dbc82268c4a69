"""Finds out whether an alert has reported an event before, at another outlet.

The stories of one cluster are one event.  A notification is a late joiner if its alert has an earlier notification
about another story of the cluster.  A new version of a story is none: it matched by what was added.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor import similarity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from monitor.models import Notification, NotificationKey, Story
    from monitor.store import Store

CLUSTER_WINDOW = timedelta(days=14)  # age up to which other stories of a cluster are looked for
MAX_COMPARED_STORIES = 20  # of a cluster, beside its first one


class EarlierEvents:
    """Looks for earlier notifications of a cluster; remembers the results for one delivery."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._others: dict[str, list[Notification]] = {}  # story id -> notifications of the cluster's other stories

    def is_late_joiner(
        self,
        notification: Notification,
        story: Story | None,
        *,
        together: AbstractSet[NotificationKey] = frozenset(),
    ) -> bool:
        """Returns True if the notification's alert tells the event elsewhere: has reported it, or will before this one.

        ``together`` are the notifications that are sent in the same message or batch.
        """
        if story is None or notification.version > 1 or story.cluster in {"", story.id}:
            return False
        if story.id not in self._others:
            self._others[story.id] = list(self._notifications_of_others(story))
        return any(
            (other.alert, other.channel) == (notification.alert, notification.channel)
            and other.key not in together
            and _order(other) < _order(notification)
            for other in self._others[story.id]
        )

    def _notifications_of_others(self, story: Story) -> Iterator[Notification]:
        since = story.first_seen_at - CLUSTER_WINDOW
        similar = self._store.near_duplicates(similarity.signature(story.text), since=since)
        members = [other for other, cluster, _ in similar if cluster == story.cluster and other != story.id]
        for member in dict.fromkeys([story.cluster, *members[:MAX_COMPARED_STORIES]]):
            for record in self._store.story_notifications(member):
                yield record.notification


def _order(notification: Notification) -> tuple[datetime, str]:
    """Returns the order in which notifications of one cluster count as reported."""
    return notification.created_at, notification.story
