"""The stored stories that a query would have caught as an alert: by day, with samples.  Sends nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.models import Story

LONG_DAYS = 60  # with more days, the chart begins on the day before the first story


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertPreview:
    """The stories since a time that an alert or query matches; ``samples`` are the newest."""

    since: datetime
    until: datetime
    total: int
    event_count: int  # clusters of the stories
    by_day: Counter[date]
    other_alerts: Counter[str]  # stories by the name of each other alert that has caught them
    caught_by_others: int
    samples: tuple[Story, ...]

    @property
    def stories_per_day(self) -> float:
        return self.total / max((self.until - self.since).total_seconds() / 86400, 1)

    @property
    def daily_counts(self) -> list[tuple[date, int]]:
        """The number of stories of each day, the first one first; empty without stories."""
        if not self.by_day:
            return []
        start, end = self.since.date(), self.until.date()
        if (end - start).days > LONG_DAYS:
            start = max(start, min(self.by_day) - timedelta(days=1))
        days = [start + timedelta(days=number) for number in range((end - start).days + 1)]
        return [(day, self.by_day[day]) for day in days]


def preview_alert(
    stories: Iterable[Story], *, name: str | None = None, since: datetime, now: datetime, samples: int = 5
) -> AlertPreview:
    """Counts the stories that match a query.  ``name`` is that of the alert, which is not one of the others."""
    by_day: Counter[date] = Counter()
    other_alerts: Counter[str] = Counter()
    clusters: set[str] = set()
    total = caught_by_others = 0
    newest: list[Story] = []
    for story in stories:
        total += 1
        by_day[story.time.date()] += 1
        clusters.add(story.cluster or story.id)
        others = [alert for alert in story.alerts if alert != name]
        other_alerts.update(others)
        caught_by_others += bool(others)
        newest.append(story)
        if len(newest) > 4 * samples + 100:
            newest = newest_stories(newest, samples)
    return AlertPreview(
        since=since,
        until=now,
        total=total,
        event_count=len(clusters),
        by_day=by_day,
        other_alerts=other_alerts,
        caught_by_others=caught_by_others,
        samples=tuple(newest_stories(newest, samples)),
    )


def newest_stories(stories: Iterable[Story], limit: int) -> list[Story]:
    """Returns up to ``limit`` stories by time, the newest first."""
    return sorted(stories, key=lambda story: story.time, reverse=True)[:limit]
