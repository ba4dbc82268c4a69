"""What SQLite finds is what the matcher matches."""

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
from monitor.query.matcher import document, matches
from monitor.store.sqlite import SqliteStore, query_compiler
from monitor.store.sqlite.query_compiler import Check
from monitor.store.sqlite.query_compiler import compile as compile_query
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

PAIRS = int(os.environ.get("MONITOR_TEST_PAIRS", "20000"))
STORIES, QUERIES = 20, 25


def filing(story: Story) -> PageCommit:
    candidate = Candidate(url=story.url, outlet=story.outlet)
    visit = FrontierEntry(id=story.id, candidate=candidate, first_seen_at=story.first_seen_at, next_at=None)
    return PageCommit(entry=visit, outcome=Outcome(disposition=Disposition.STORED), story=story)


@contextmanager
def stored(stories: list[Story]) -> Iterator[SqliteStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "monitor.db", timeout=timedelta(seconds=30))
        try:
            store.setup()
            assert set(store.commit([filing(story) for story in stories])) == {CommitResult.WRITTEN}
            yield store
        finally:
            store.close()


@settings(
    max_examples=max(1, PAIRS // (STORIES * QUERIES)),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to make such a case smaller takes longer than to read it
)
@given(stories=corpora(STORIES), texts=many_queries(QUERIES))
def test_search_and_scan_find_what_the_matcher_matches(stories: list[Story], texts: list[str]) -> None:
    documents = [document(story) for story in stories]
    with stored(stories) as store:
        for text in texts:
            try:
                node = parse(text)
            except QueryError:
                continue
            expected = sorted(found.story.id for found in documents if matches(node, found, NOW))
            assert sorted(found.id for found in store.scan(node, now=NOW)) == expected, text
            newest = store.search(node, now=NOW, limit=100)
            assert sorted(found.id for found in newest.stories) == expected, text
            assert newest.total == len(expected), text
            best = store.search(node, now=NOW, limit=100, relevance=True)
            assert sorted(found.id for found in best.stories) == expected, text


CASES = {
    "words are looked up, not their endings": ("sanction", Check.NOTHING),
    "a NEAR of two different words is FTS5's own": ("chip NEAR/5 AI", Check.NOTHING),
    "a NEAR of groups is one of each pair": ("(chip OR export) NEAR/5 (AI OR control)", Check.NOTHING),
    "FTS5 knows no order": ("chip ONEAR/5 AI", Check.POSITIONS),
    "FTS5 knows no slop": ('"chips AI"~3', Check.POSITIONS),
    "FTS5 lets a word be near itself": ("chip NEAR/5 (chip OR AI)", Check.POSITIONS),
    "what is not certain is not excluded": ("AI NOT (chip ONEAR/5 AI)", Check.POSITIONS),
    "a range is a column": ("chip published_at:>=now-7d", Check.NOTHING),
    "no places from another part of the statement": ("word_count:>5 OR (chip ONEAR/5 AI)", Check.TEXT),
    "each author is a text of its own": ('author:"jane smith"~2', Check.TEXT),
}


@pytest.mark.parametrize("case", CASES)
def test_only_what_sql_cannot_say_is_checked(case: str) -> None:
    text, check = CASES[case]
    with stored([STORY]) as store, store.database.read() as connection:
        plan = compile_query(parse(text), Vocabulary(connection), NOW)
    assert plan.check is check, case


def test_a_query_with_an_unknown_word_asks_for_nothing() -> None:
    with stored([STORY]) as store, store.database.read() as connection:
        plan = compile_query(parse("chip AND (zyzzyva OR zyzzyvas)"), Vocabulary(connection), NOW)
    assert plan.never


def many_words(count: int) -> Story:
    words = [f"w{number:x}" for number in range(count)]
    return replace(STORY, id="many", text=" ".join(words))


def test_a_wildcard_for_many_words_is_a_prefix_of_the_index_and_for_too_many_left_to_the_matcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(query_compiler, "MAX_WORD_FORMS", 10)
    stories = [STORY, many_words(300)]
    for widest, check in ((1000, Check.NOTHING), (20, Check.TEXT)):
        monkeypatch.setattr(query_compiler, "MAX_PREFIX_WORDS", widest)
        with stored(stories) as store:
            with store.database.read() as connection:
                assert compile_query(parse("w1*"), Vocabulary(connection), NOW).check is check
            for text in (
                "w1*",
                "chip NOT w1*",
                "w1* NEAR/3 w2*",
                "NOT (w1* ONEAR/2 w1?)",
                "w1? NOT chip",
                "w1?? AI OR w1*",
            ):
                node = parse(text)
                expected = sorted(one.id for one in stories if matches(node, document(one), NOW))
                assert sorted(one.id for one in store.search(node, now=NOW).stories) == expected, text


@pytest.mark.parametrize("word", ["a" * 250, "ab" * 120])
def test_a_glob_of_many_stars_takes_no_time(word: str) -> None:
    with stored([replace(STORY, text=f"{word} {word}c")]) as store:
        began = time.monotonic()
        assert store.search(parse("a*a*a*a*a*a*a*a*a*a*a*a*a*z"), now=NOW).total == 0
        assert time.monotonic() - began < 20  # a naive one takes longer than anybody lives
