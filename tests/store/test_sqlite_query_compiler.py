"""SQLite finds exactly the stories that the matcher matches."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from monitor.errors import QueryError
from monitor.models import Candidate, CommitResult, Disposition, FrontierEntry, Outcome, PageCommit, Story
from monitor.query import parse
from monitor.query.matcher import analysed_story, matches
from monitor.store.sqlite import SqliteStore, query_compiler
from monitor.store.sqlite.query_compiler import Verification, compile_query
from monitor.store.sqlite.vocabulary import Vocabulary
from query.generate import NOW, corpora, many_queries

if TYPE_CHECKING:
    from collections.abc import Iterator

STORY = Story(
    id="0",
    url="https://outlet.example/0",
    outlet="Outlet",
    title="Sanctions",
    text="chips for AI under export controls",
    authors=("Jane Smith",),
    first_seen_at=NOW,
    fetched_at=NOW,
    updated_at=NOW,
)

PAIRS = int(os.environ.get("MONITOR_TEST_PAIRS", "10000"))  # of a story and a query
STORIES, QUERIES = 20, 25  # in one example


def page_commit(story: Story) -> PageCommit:
    candidate = Candidate(url=story.url, outlet=story.outlet)
    entry = FrontierEntry(id=story.id, candidate=candidate, first_seen_at=story.first_seen_at, next_at=None)
    return PageCommit(entry=entry, outcome=Outcome(disposition=Disposition.STORED), story=story)


@contextmanager
def store_with(stories: list[Story]) -> Iterator[SqliteStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "monitor.db", timeout=timedelta(seconds=30))
        try:
            store.setup()
            assert set(store.commit([page_commit(story) for story in stories])) == {CommitResult.WRITTEN}
            yield store
        finally:
            store.close()


@settings(
    max_examples=max(1, PAIRS // (STORIES * QUERIES)),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking such an example takes longer than reading it
)
@given(stories=corpora(STORIES), texts=many_queries(QUERIES))
def test_search_and_scan_find_what_the_matcher_matches(stories: list[Story], texts: list[str]) -> None:
    documents = [analysed_story(story) for story in stories]
    with store_with(stories) as store:
        for text in texts:
            try:
                node = parse(text)
            except QueryError:
                continue
            expected = sorted(analysed.story.id for analysed in documents if matches(node, analysed, NOW))
            assert sorted(story.id for story in store.scan(node, now=NOW)) == expected, text
            newest = store.search(node, now=NOW, limit=100)
            assert sorted(story.id for story in newest.stories) == expected, text
            assert newest.total == len(expected), text
            best = store.search(node, now=NOW, limit=100, relevance=True)
            assert sorted(story.id for story in best.stories) == expected, text


CASES = {
    "words are looked up, not their endings": ("sanction", Verification.NONE),
    "FTS5 decides a NEAR of two different words": ("chip NEAR/5 AI", Verification.NONE),
    "a NEAR of groups becomes one of each pair": ("(chip OR export) NEAR/5 (AI OR control)", Verification.NONE),
    "FTS5's NEAR has no order": ("chip ONEAR/5 AI", Verification.POSITIONS),
    "FTS5's phrases have no slop": ('"chips AI"~3', Verification.POSITIONS),
    "FTS5 lets a word be near itself": ("chip NEAR/5 (chip OR AI)", Verification.POSITIONS),
    "a clause to be verified excludes nothing": ("AI NOT (chip ONEAR/5 AI)", Verification.POSITIONS),
    "a range is a condition on a column": ("chip published_at:>=now-7d", Verification.NONE),
    "a subquery reports no positions": ("word_count:>5 OR (chip ONEAR/5 AI)", Verification.TEXT),
    "a field is read from the story, even if no condition of it is left": (
        "AI OR ((exists:topic OR NOT zyzzyva) AND (chip ONEAR/5 AI))",
        Verification.TEXT,
    ),
    "each author is a text of its own": ('author:"jane smith"~2', Verification.TEXT),
}


@pytest.mark.parametrize("case", CASES)
def test_only_what_sql_cannot_decide_is_verified(case: str) -> None:
    text, verification = CASES[case]
    with store_with([STORY]) as store, store.database.read_connection() as connection:
        compiled = compile_query(parse(text), Vocabulary(connection), NOW)
    assert compiled.verification is verification, case


def test_a_query_with_an_unknown_word_matches_nothing() -> None:
    with store_with([STORY]) as store, store.database.read_connection() as connection:
        compiled = compile_query(parse("chip AND (zyzzyva OR zyzzyvas)"), Vocabulary(connection), NOW)
    assert compiled.matches_nothing


def story_of_many_words(count: int) -> Story:
    words = [f"w{number:x}" for number in range(count)]
    return replace(STORY, id="many", text=" ".join(words))


def test_wide_wildcards_are_prefixes_and_wider_ones_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wildcard for many words is a prefix of the index; one for too many words is left to the matcher."""
    monkeypatch.setattr(query_compiler, "MAX_WORD_FORMS", 10)
    stories = [STORY, story_of_many_words(300)]
    for max_prefix_words, verification in ((1000, Verification.NONE), (20, Verification.TEXT)):
        monkeypatch.setattr(query_compiler, "MAX_PREFIX_WORDS", max_prefix_words)
        with store_with(stories) as store:
            with store.database.read_connection() as connection:
                assert compile_query(parse("w1*"), Vocabulary(connection), NOW).verification is verification
            for text in (
                "w1*",
                "chip NOT w1*",
                "w1* NEAR/3 w2*",
                "NOT (w1* ONEAR/2 w1?)",
                "w1? NOT chip",
                "w1?? AI OR w1*",
            ):
                node = parse(text)
                expected = sorted(story.id for story in stories if matches(node, analysed_story(story), NOW))
                assert sorted(story.id for story in store.search(node, now=NOW).stories) == expected, text


@pytest.mark.parametrize("word", ["a" * 250, "ab" * 120])
def test_a_glob_of_many_stars_is_fast(word: str) -> None:
    with store_with([replace(STORY, text=f"{word} {word}c")]) as store:
        start = time.monotonic()
        assert store.search(parse("a*a*a*a*a*a*a*a*a*a*a*a*a*z"), now=NOW).total == 0
        assert time.monotonic() - start < 20  # a backtracking glob takes exponential time
