"""Groups notifications whose stories belong to the same cluster."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.models import Notification, Story


def group_by_cluster(notifications: Sequence[Notification], stories: Mapping[str, Story]) -> list[list[Notification]]:
    """Returns one list of notifications per cluster, in the order of each cluster's first notification.

    A story that is missing from ``stories`` or has no cluster counts as a cluster with no other story.
    """
    grouped: dict[str, list[Notification]] = defaultdict(list)
    for notification in notifications:
        story = stories.get(notification.story)
        grouped[(story.cluster if story else "") or notification.story].append(notification)
    return list(grouped.values())
