"""How many stories an alert matched in each hour: from its hits, and before these from the stored stories."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from monitor.notify.findings import is_finding
from monitor.query import parse
from monitor.volume.habit import HISTORY_HOURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from monitor.config import Alert
    from monitor.models import Hit
    from monitor.query.fragments import Fragments
    from monitor.store import Store

MAX_HITS = 200_000  # that are counted of one alert
# A story that was found later than this after its publication is not counted: those of a new outlet, or of one that was
# away, come all at once.
MAX_STORY_AGE = timedelta(days=2)
HOUR = timedelta(hours=1)


def hour_of(time: datetime) -> datetime:
    """Returns the beginning of the hour."""
    return time.replace(minute=0, second=0, microsecond=0)


def countable_hits(store: Store, alert: str, *, since: datetime) -> list[Hit]:
    """Returns the alert's hits since a time, one for each story, without findings and stories that were found late."""
    first: dict[str, Hit] = {}
    for hit in store.hits(alert, since=since, limit=MAX_HITS):  # the newest first
        if not is_finding(hit) and (hit.published_at is None or hit.matched_at - hit.published_at <= MAX_STORY_AGE):
            first[hit.story] = hit
    return list(first.values())


def stored_counts(
    store: Store, alert: Alert, *, fragments: Fragments, since: datetime, now: datetime
) -> dict[datetime, int]:
    """Returns the number of stored stories that match the alert by the hour in which they were first seen."""
    counts: dict[datetime, int] = {}
    node = parse(alert.rule_query, positive=True, fragments=fragments)
    for story in store.scan(node, now=now, since=since):
        is_late = story.published_at is not None and story.first_seen_at - story.published_at > MAX_STORY_AGE
        if not is_late and story.first_seen_at >= since:
            hour = hour_of(story.first_seen_at)
            counts[hour] = counts.get(hour, 0) + 1
    return counts


def hourly_counts(
    hits: Iterable[Hit], seed: Mapping[datetime, int], *, begin: datetime, end: datetime
) -> NDArray[np.int64]:
    """Returns the number of stories of each hour from ``begin`` to ``end``, at most of `HISTORY_HOURS`.

    ``seed`` has those of the hours before the alert's first hit could be.
    """
    begin = max(begin, end - HISTORY_HOURS * HOUR)
    counts = np.zeros(max(int((end - begin) / HOUR), 0), dtype=np.int64)

    def add(time: datetime, count: int) -> None:
        if begin <= time < end:
            counts[int((time - begin) / HOUR)] += count

    for hour, count in seed.items():
        add(hour, count)
    for hit in hits:
        add(hit.matched_at, 1)
    return counts
