"""Queues stored stories that an alert has not reported, for one digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.alert_stories import alert_stories
from monitor.itertools_compat import batched
from monitor.models import Hit
from monitor.notify.delivery_times import next_digest_time
from monitor.notify.new_notifications import new_notifications
from monitor.query import parse
from monitor.query.fragments import PACKS_ONLY
from monitor.query.matcher import AnalysedStory
from monitor.query.snippets import best_context_line
from monitor.store.records import OutboxRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from monitor.config import Alert
    from monitor.models import Story
    from monitor.query import Node
    from monitor.query.fragments import Fragments
    from monitor.store import Store

STORIES_PER_WRITE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Backfill:
    """The stored stories since a time that match an alert and that it has not reported."""

    alert: Alert
    node: Node  # the alert's query
    stories: tuple[Story, ...]
    due_at: datetime  # of the digest

    @property
    def event_count(self) -> int:
        """The number of clusters of the stories."""
        return len({story.cluster or story.id for story in self.stories})


def find_backfill(
    store: Store, alert: Alert, *, fragments: Fragments = PACKS_ONLY, since: datetime, now: datetime
) -> Backfill:
    """Returns what `queue_backfill` would queue for the alert's next digest, of an instant alert that at its ``rest``.

    Leaves out stories for which the outbox has a notification of the alert, sent or not.
    """
    node = parse(alert.query, positive=True, fragments=fragments)
    found = alert_stories(store, alert, fragments=fragments, since=since, now=now)
    stories = [story for story in found if not _is_reported(store, alert, story)]
    return Backfill(alert=alert, node=node, stories=tuple(stories), due_at=next_digest_time(alert, now))


def queue_backfill(store: Store, backfill: Backfill, *, now: datetime) -> None:
    """Adds the hits and notifications of a backfill.  After a kill, a new backfill queues the rest."""
    for stories in batched(backfill.stories, STORIES_PER_WRITE):
        store.load([record for story in stories for record in _records(backfill, story, now)])


def _is_reported(store: Store, alert: Alert, story: Story) -> bool:
    return any(record.notification.alert == alert.name for record in store.story_notifications(story.id))


def _records(backfill: Backfill, story: Story, now: datetime) -> Iterator[Hit | OutboxRecord]:
    context = best_context_line(backfill.node, AnalysedStory(story))
    yield Hit.of_story(backfill.alert.name, story, matched_at=now, context=context)
    for notification in new_notifications(
        backfill.alert, story=story.id, version=story.version, due_at=backfill.due_at, created_at=now
    ):
        yield OutboxRecord(notification=notification, sent_at=None)
