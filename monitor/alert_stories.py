"""The stored stories that an alert reports: of its query, in its filters, and strong enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.query import parse
from monitor.query.fragments import PACKS_ONLY
from monitor.query.match_strength import match_strength
from monitor.query.matcher import AnalysedStory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from monitor.config import Alert
    from monitor.models import Story
    from monitor.query.fragments import Fragments
    from monitor.store.protocol import Search


def alert_stories(
    store: Search, alert: Alert, *, fragments: Fragments = PACKS_ONLY, since: datetime, now: datetime
) -> Iterator[Story]:
    """Yields the stored stories since a time that match the alert's query and filters and have its ``min_strength``."""
    rule = parse(alert.rule_query, positive=True, fragments=fragments)
    node = parse(alert.query, positive=True, fragments=fragments)
    for story in store.scan(rule, now=now, since=since):
        if not alert.min_strength or match_strength(node, AnalysedStory(story), now=now).strength >= alert.min_strength:
            yield story
