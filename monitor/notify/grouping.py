"""Groups notifications that report the same event."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.models import Notification, Story


def group_by_cluster(notifications: Sequence[Notification], stories: Mapping[str, Story]) -> list[list[Notification]]:
    """Groups notifications by the cluster of their story, in the order of each cluster's first notification."""
    grouped: dict[str, list[Notification]] = defaultdict(list)
    for notification in notifications:
        story = stories.get(notification.story)
        grouped[(story.cluster if story else "") or notification.story].append(notification)
    return list(grouped.values())
