"""Measures searches that marks restrict, in a SQLite store with many stories and as many marks as a search reads.

    python -m benchmarks.marks [--stories 300000] [--store FILE]

A store that exists is used unchanged.  Prints the milliseconds of CPU time of what a page of results asks for (the
marks, a page, the counts beside it and by day) for each restriction, and their ratio to the same search without one in
the same run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.search.stories import NOW, SPAN, StoryGenerator, word
from monitor.itertools_compat import batched
from monitor.marks import marks_of_stories
from monitor.store.microseconds import micros
from monitor.store.records import MAX_SELECTED_STORIES, Mark, MarkKind
from monitor.store.sqlite import SqliteStore, fulltext, rows, sql
from monitor.story_search import StorySearch

USER = "ines"
WORDS = 12  # of a story: few, so that the store is built soon
PADDING = b"x" * 1000  # of a story, so that rows have the size of compressed texts
EXAMPLES = 500
REPEATS = 5
SEARCHES = {
    "no mark": {},
    "a tag of 10,000": {"tag": ("spread",)},
    "a tag of 50": {"tag": ("rare",)},
    "10,000 stars": {"starred": ("1",)},
    "unread, the newest 10,000 read": {"unread": ("1",)},
    "star and unread": {"starred": ("1",), "unread": ("1",)},
}


def build(path: Path, count: int) -> None:
    """Writes many stories with the texts of a few, which is faster than to commit each, and their marks."""
    store = SqliteStore(path, timeout=timedelta(seconds=30))
    store.setup()
    examples = list(StoryGenerator(words=WORDS).stories(EXAMPLES))
    entries = [fulltext.build_index_entry(story) for story in examples]
    word_cache = fulltext.WordCache()
    ids = [f"{number:032x}" for number in range(count)]
    for batch in batched(range(count), 20_000):
        with store.database.write_transaction() as connection:
            by_sort_key = {}
            for number in batch:
                example = examples[number % EXAMPLES]
                at = NOW - SPAN + SPAN * (number / count)
                sort_key = micros(at) // 1000
                values = rows.story_values(replace(example, id=ids[number], published_at=at, cluster=""), sort_key)
                connection.execute(sql.INSERT_STORY, values | {"text": PADDING, "text_size": len(PADDING)})
                by_sort_key[sort_key] = entries[number % EXAMPLES]
            fulltext.index_stories(connection, by_sort_key, word_cache)
    step = max(count // MAX_SELECTED_STORIES, 1)

    def marks(kind: MarkKind, key: str, stories: list[str]) -> list[Mark]:
        return [
            Mark(kind=kind, story=story, key=key, user=USER, made_at=NOW + timedelta(seconds=n), text=key)
            for n, story in enumerate(stories)
        ]

    store.put_marks(marks(MarkKind.TAG, "spread", ids[::step]))
    store.put_marks(marks(MarkKind.TAG, "rare", ids[:: max(count // 50, 1)]))
    store.put_marks(marks(MarkKind.STAR, USER, ids[1::step]))
    store.put_marks(marks(MarkKind.READ, USER, ids[-4 * MAX_SELECTED_STORIES :]))  # more than a search leaves out
    store.close()


def page_milliseconds(store: SqliteStore, search: StorySearch) -> tuple[float, int]:
    """Returns the median CPU time of all that a page of results asks the store for, and the matches counted."""
    times = []
    for _ in range(REPEATS):
        start = time.thread_time()
        prepared = search.prepare(store, {}, now=NOW, user=USER)
        result = prepared.stories(limit=20)
        marks_of_stories(store, [story.id for story in result.stories], user=USER)
        store.tag_counts(limit=20)
        counted = prepared.facets(limit=8).counted
        prepared.daily_counts(since=NOW - timedelta(days=60))
        times.append((time.thread_time() - start) * 1000)
    return statistics.median(times), counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=300_000)
    parser.add_argument("--store", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.store or Path(folder) / "monitor.db"
        if not path.exists():
            build(path, arguments.stories)
        store = SqliteStore(path.absolute(), timeout=timedelta(seconds=30))
        print(f"{store.ping()}, {store.count_marks():,} marks")
        print(f"{'query':12}{'restriction':34}{'ms':>8}{'ratio':>8}{'counted':>10}")
        for query in ("", word(40), word(5), f"{word(40)} NEAR/5 {word(5)}"):
            bound = 0.0
            for name, values in SEARCHES.items():
                milliseconds, counted = page_milliseconds(store, StorySearch.from_values({**values, "q": (query,)}))
                bound = bound or milliseconds
                print(f"{query[:11]:12}{name:34}{milliseconds:8.1f}{milliseconds / bound:8.2f}{counted:10,}")
        store.close()


if __name__ == "__main__":
    main()
