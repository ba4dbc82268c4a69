"""Searches a store in memory by evaluating the query on every story."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from monitor.query.matcher import AnalysedStory, story_predicate
from monitor.query.occurrences import spans
from monitor.query.syntax import AtLeast, Near, Not, NotNear, Phrase, Word, children
from monitor.store.facet_counts import day_counts, most_frequent
from monitor.store.records import FACET_FIELDS, Facets, SearchResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from monitor.models import Story
    from monitor.query.syntax import Node
    from monitor.store.memory.state import MemoryState
    from monitor.store.records import DayCount, StorySelection


class Search:
    """Finds stories by query; implements `monitor.store.protocol.Search`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def search(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 20,
        offset: int = 0,
        relevance: bool = False,
        selection: StorySelection | None = None,
    ) -> SearchResult:
        matching = self._matching_documents(query, now=now, since=since, before=before, selection=selection)
        newest = sorted(matching, key=lambda document: document.story.time, reverse=True)
        if relevance and query is not None:
            newest.sort(key=lambda document: _relevance_score(query, document), reverse=True)
        page = newest[offset : offset + limit]
        return SearchResult(stories=tuple(document.story for document in page), total=len(newest))

    def facets(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 10,
        selection: StorySelection | None = None,
    ) -> Facets:
        counts: dict[str, Counter[str]] = {field: Counter() for field in FACET_FIELDS}
        counted = 0
        for document in self._matching_documents(query, now=now, since=since, before=before, selection=selection):
            counted += 1
            for field in FACET_FIELDS:
                counts[field].update(_values(document, field))
        return Facets(
            values={field: most_frequent(of_field, limit) for field, of_field in counts.items()}, counted=counted
        )

    def daily_counts(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        field: str | None = None,
        limit: int = 10,
        selection: StorySelection | None = None,
    ) -> list[DayCount]:
        counts: Counter[tuple[date, str]] = Counter()
        for document in self._matching_documents(query, now=now, since=since, before=before, selection=selection):
            day = document.story.time.date()
            counts.update((day, value) for value in (_values(document, field) if field else {""}))
        return day_counts(counts, limit=limit)

    def first_seen_at(self) -> datetime | None:
        with self._state.lock:
            stories = map(self._state.latest_version, self._state.story_versions)
            return min((story.first_seen_at for story in stories), default=None)

    def scan(
        self,
        query: Node | None = None,
        *,
        now: datetime,
        since: datetime | None = None,
        after: str | None = None,
    ) -> Iterator[Story]:
        """Yields the stories that match, in order of id, as they were stored when iteration began."""
        for document in self._matching_documents(query, now=now, since=since, after=after or ""):
            yield document.story

    def _matching_documents(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None,
        before: datetime | None = None,
        after: str = "",
        selection: StorySelection | None = None,
    ) -> Iterator[AnalysedStory]:
        """Yields the matching stories in order of id, of those stored when iteration began, with their tokens."""
        with self._state.lock:
            stories = [
                self._state.latest_version(story) for story in sorted(self._state.story_versions) if story > after
            ]
        if selection is not None:
            stories = [
                story
                for story in stories
                if (selection.only is None or story.id in selection.only) and story.id not in selection.without
            ]
        is_match = story_predicate(query) if query is not None else None
        for document in map(AnalysedStory, stories):
            if since is not None and document.story.time < since:
                continue
            if before is not None and document.story.time >= before:
                continue
            if is_match is None or is_match(document, now):
                yield document


def _values(document: AnalysedStory, field: str) -> set[str]:
    """Returns the story's values of one of `FACET_FIELDS`."""
    value = getattr(document.story, FACET_FIELDS[field])
    return {value} if isinstance(value, str) else set(value or ())


def _relevance_score(query: Node, document: AnalysedStory) -> float:
    """Returns the fraction of a field's words that a clause matches, summed over all clauses and fields.

    Clauses under NOT count 0.
    """
    match query:
        case Word() | Phrase() | Near() | NotNear() | AtLeast():
            return sum(
                len(spans(query, text)) / len(text) for text in document.analysed_texts(query.field) if len(text)
            )
        case Not():
            return 0.0
        case _:
            return sum(_relevance_score(child, document) for child in children(query))
