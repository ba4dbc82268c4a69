"""What an alert costs and how noisy it is, measured on stored stories, for ``alerts show``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.plural import plural
from monitor.query import parse
from monitor.query.match_strength import match_strength
from monitor.query.matcher import AnalysedStory, story_predicate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.config import Alert
    from monitor.models import Hit, Json, Story
    from monitor.query.fragments import Fragments
    from monitor.store import Store

MAX_STORIES = 200  # of the newest, on which an alert is measured
WEAK_STRENGTH = 1.0  # of a match by one plain word alone


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertQuality:
    """What an alert costs, and what its last stories were."""

    microseconds_per_story: float | None  # of the query alone on an analysed story; None without stored stories
    stories: int  # of the last hits that are still stored
    reprints: int  # of them, stories of events that another of them tells
    weak: int  # of them, matches by one plain word or less

    @property
    def cost_text(self) -> str:
        if self.microseconds_per_story is None:
            return "-"
        return f"{self.microseconds_per_story:,.0f} µs to match a story"

    @property
    def noise_text(self) -> str:
        if not self.stories:
            return "-"
        stories = plural(self.stories, "story", "stories")
        return (
            f"{self.reprints / self.stories:.0%} reprints, {self.weak / self.stories:.0%} weak, of the last {stories}"
        )

    def to_json(self) -> Json:
        return {
            "cost_microseconds_per_story": self.microseconds_per_story,
            "noise": {"stories": self.stories, "reprints": self.reprints, "weak": self.weak},
        }


def measure_quality(
    store: Store, alert: Alert, hits: Sequence[Hit], *, fragments: Fragments, at: datetime
) -> AlertQuality:
    """Measures an alert on the newest stored stories and on those of its newest hits.  Raises StoreError."""
    newest = store.search(None, now=at, limit=MAX_STORIES).stories
    last = sorted(hits, key=lambda hit: hit.matched_at, reverse=True)[:MAX_STORIES]
    matched = [*store.stories([hit.story for hit in last]).values()]
    node = parse(alert.query, fragments=fragments)
    strengths = [match_strength(node, AnalysedStory(story), now=at).strength for story in matched]
    return AlertQuality(
        microseconds_per_story=_matching_time(alert, newest, fragments, at),
        stories=len(matched),
        reprints=len(matched) - len({story.cluster or story.id for story in matched}),
        weak=sum(strength <= WEAK_STRENGTH for strength in strengths),
    )


def _matching_time(alert: Alert, stories: Sequence[Story], fragments: Fragments, at: datetime) -> float | None:
    """Returns the mean time of matching one analysed story, in microseconds of this process."""
    if not stories:
        return None
    predicate = story_predicate(parse(alert.rule_query, fragments=fragments))
    documents = [AnalysedStory(story) for story in stories]
    for document in documents:
        predicate(document, at)  # the first match analyses the text, which all alerts share
    began = time.process_time()
    for document in documents:
        predicate(document, at)
    return (time.process_time() - began) / len(documents) * 1e6
