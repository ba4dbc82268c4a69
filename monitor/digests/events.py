"""The events of an alert in one message, in the order of their weight.

An event is a cluster of near-duplicates.  It weighs more the stronger its story matches the alert's query, then the
more clauses match its title, then the more outlets have it; of equal ones the newest comes first.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from monitor.notify.grouping import group_by_cluster
from monitor.query.match_strength import MatchStrength, match_strength
from monitor.query.matcher import AnalysedStory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from monitor.models import Hit, Notification, NotificationKey, Story
    from monitor.query import Node


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """The stories of one cluster for which an alert has notifications.

    ``document`` is the story that a message shows: the first of the cluster if it is among them.  It is None if none of
    the stories is stored any more; then ``hit`` describes one of them, if its hit is stored.
    """

    key: str  # the id of the cluster
    notifications: tuple[Notification, ...]
    document: AnalysedStory | None
    others: tuple[Story, ...]  # the other stories
    hit: Hit | None
    match: MatchStrength = field(default_factory=MatchStrength)
    is_repeated: bool = False  # True if the alert has reported the event before and only further outlets are new

    @property
    def outlet_count(self) -> int:
        """The number of outlets that have the event."""
        shown = [self.document.story] if self.document else []
        return len({story.outlet for story in (*shown, *self.others)}) or 1

    @property
    def time(self) -> datetime:
        """The time of the shown story's publication; if that is unknown, when it was first seen."""
        if self.document:
            return self.document.story.time
        return (self.hit and (self.hit.published_at or self.hit.matched_at)) or self.notifications[0].created_at

    @property
    def earliest_time(self) -> datetime:
        """The time of the earliest of its stories."""
        return min((self.time, *(story.time for story in self.others)))

    @property
    def order(self) -> tuple[bool, float, int, int, float]:
        """A sort key: the event with the largest weight comes first, one that was reported before after all others."""
        return (
            self.is_repeated,
            -self.match.strength,
            -self.match.title_hits,
            -self.outlet_count,
            -self.time.timestamp(),
        )


def events_of(
    notifications: Sequence[Notification],
    stories: Mapping[str, Story],
    hits: Mapping[str, Hit],
    node: Node | None,
    *,
    late_joiners: AbstractSet[NotificationKey],
    at: datetime,
) -> list[Event]:
    """Returns the events of one alert's notifications in the order of their weight.

    ``stories`` and ``hits`` are keyed by story id; ``node`` is the alert's query, None if it is no longer configured.
    ``late_joiners`` are the notifications whose events were reported before.
    """
    events = []
    for cluster in group_by_cluster(notifications, stories):
        is_repeated = all(notification.key in late_joiners for notification in cluster)
        events.append(_event(cluster, stories, hits, is_repeated=is_repeated))
    if node:
        events = [replace(event, match=_match(event, node, at)) for event in events]
    return sorted(events, key=lambda event: event.order)


def _match(event: Event, node: Node, at: datetime) -> MatchStrength:
    return match_strength(node, event.document, now=at) if event.document else MatchStrength()


def _event(
    cluster: Sequence[Notification], stories: Mapping[str, Story], hits: Mapping[str, Hit], *, is_repeated: bool
) -> Event:
    stored = {each.story: stories[each.story] for each in cluster if each.story in stories}
    first = next((story for story in stored.values() if story.cluster == story.id), next(iter(stored.values()), None))
    document = AnalysedStory(first) if first else None
    return Event(
        key=(first.cluster if first else "") or cluster[0].story,
        notifications=tuple(cluster),
        document=document,
        others=tuple(story for story in stored.values() if story is not first),
        hit=next((hits[each.story] for each in cluster if each.story in hits), None),
        is_repeated=is_repeated,
    )
