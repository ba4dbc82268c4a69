"""What SQLite finds is what the matcher matches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import QueryError
from monitor.models import Candidate, Disposition, Filing, Outcome, Story, Visit
from monitor.query import parse
from monitor.query.matcher import document, matches
from monitor.store.sqlite import SqliteStore
from query.generate import NOW, corpora, queries

PAIRS = 12 * 10  # stories and queries of one example


def filing(story: Story) -> Filing:
    candidate = Candidate(url=story.url, outlet=story.outlet)
    visit = Visit(id=story.id, candidate=candidate, first_seen_at=story.first_seen_at, next_at=None)
    return Filing(visit=visit, outcome=Outcome(disposition=Disposition.STORED), story=story)


@contextmanager
def stored(stories: list[Story]) -> Iterator[SqliteStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "monitor.db", timeout=timedelta(seconds=30))
        try:
            store.setup()
            assert all(store.file([filing(story) for story in stories]))
            yield store
        finally:
            store.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(corpora(12), st.lists(queries, min_size=10, max_size=10))
def test_search_and_scan_find_what_the_matcher_matches(stories: list[Story], texts: list[str]) -> None:
    documents = [document(story) for story in stories]
    with stored(stories) as store:
        for text in texts:
            try:
                node = parse(text)
            except QueryError:
                continue
            expected = [found.story.id for found in documents if matches(node, found, NOW)]
            assert sorted(found.id for found in store.scan(node, now=NOW)) == sorted(expected), text
            newest = store.search(node, now=NOW, limit=100)
            assert sorted(found.id for found in newest.stories) == sorted(expected), text
            assert newest.total == len(expected), text
            best = store.search(node, now=NOW, limit=100, relevance=True)
            assert sorted(found.id for found in best.stories) == sorted(expected), text
