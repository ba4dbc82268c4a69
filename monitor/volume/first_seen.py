"""Findings of names that no earlier story of the query has."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import QueryError
from monitor.notify.findings import Finding, is_finding
from monitor.plural import plural
from monitor.query import parse
from monitor.volume.names import name_query, names_of, sentence_with

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.config import Alert
    from monitor.models import Story
    from monitor.query.fragments import Fragments
    from monitor.store import Store
    from monitor.volume.state import VolumeState

OVERLAP = timedelta(hours=1)  # a story may be stored so long after it was fetched
MAX_STORIES = 1000  # of one look
MAX_FOUND_STORIES = 20  # that a search for a name reads; a name with so many is not new


class FirstSeen:
    """Looks for new names in the stories of one alert."""

    def __init__(self, store: Store, alert: Alert, fragments: Fragments) -> None:
        self._store = store
        self._alert = alert
        self._fragments = fragments

    def look(self, state: VolumeState, until: datetime, *, is_learning: bool) -> tuple[list[Finding], VolumeState]:
        """Returns the findings in the stories since the last look, and the state after this one."""
        hits = self._store.hits(self._alert.name, since=state.looked_until - OVERLAP, limit=MAX_STORIES)
        ids = [hit.story for hit in reversed(hits) if not is_finding(hit) and hit.version == 1]
        stories = self._store.stories([each for each in ids if each not in state.seen_stories])
        state = replace(state, looked_until=until, seen_stories=tuple(ids))
        if is_learning:
            return [], state
        findings = [self._finding(story, until) for story in stories.values()]
        return [finding for finding in findings if finding is not None], state

    def _finding(self, story: Story, at: datetime) -> Finding | None:
        names = [name for name in names_of(story.title, story.text) if self._is_new(name, story, at)]
        if not names:
            return None
        sentences = [f"{name}: {sentence_with(name, story.text)}" for name in names[:3]]
        return Finding(
            alert=self._alert.name,
            key=f"first-{story.id}",
            title=f"New {plural(len(names), 'name')}: {', '.join(names[:8])}",
            lines=(f"In: {story.title}", *sentences),
            stories=(story,),
            found_at=at,
        )

    def _is_new(self, name: str, story: Story, at: datetime) -> bool:
        """Returns True if no story of the query that was seen before, and is not of the same event, has the name."""
        try:
            node = parse(f"({self._alert.rule_query}) AND {name_query(name)}", fragments=self._fragments)
        except QueryError:  # a word that has another meaning in a query
            return False
        found = self._store.search(node, now=at, limit=MAX_FOUND_STORIES).stories
        return len(found) < MAX_FOUND_STORIES and not any(_is_earlier(other, story) for other in found)


def _is_earlier(other: Story, story: Story) -> bool:
    if other.id == story.id or (story.cluster and other.cluster == story.cluster):
        return False
    return (other.first_seen_at, other.id) < (story.first_seen_at, story.id)
