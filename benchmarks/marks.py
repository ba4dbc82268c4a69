"""Measures searches that marks restrict, in a SQLite store with many stories and as many marks as a search reads.

    PYTHONPATH=.:benchmarks python benchmarks/marks.py [--stories 300000] [--store FILE]

A store that exists is used unchanged.  Prints the milliseconds of what a page of results asks for (the marks, a page,
the counts beside it and by day) for each restriction, and their ratio to the same search without one in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from search.stories import NOW, StoryGenerator, page_commit, word

from monitor.marks import marks_of_stories
from monitor.store.records import MAX_SELECTED_STORIES, Mark, MarkKind
from monitor.store.sqlite import SqliteStore
from monitor.story_search import StorySearch

USER = "ines"
WORDS = 40  # of a story; its size matters little here, as only the shown stories are read
REPEATS = 9
SEARCHES = {
    "no mark": {},
    "a tag of 10,000": {"tag": ("spread",)},
    "a tag of 50": {"tag": ("rare",)},
    "10,000 stars": {"starred": ("1",)},
    "unread, the newest 10,000 read": {"unread": ("1",)},
    "star and unread": {"starred": ("1",), "unread": ("1",)},
}


def build(path: Path, count: int) -> None:
    store = SqliteStore(path, timeout=timedelta(seconds=30))
    store.setup()
    ids, batch = [], []
    for story in StoryGenerator(words=WORDS).stories(count):
        ids.append(story.id)
        batch.append(page_commit(story))
        if len(batch) == 1000:
            store.commit(batch)
            batch.clear()
    store.commit(batch)
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
    """Returns the median time of all that a page of results asks the store for, and the number of matches counted."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        prepared = search.prepare(store, {}, now=NOW, user=USER)
        result = prepared.stories(limit=20)
        marks_of_stories(store, [story.id for story in result.stories], user=USER)
        store.tag_counts(limit=20)
        counted = prepared.facets(limit=8).counted
        prepared.daily_counts(since=NOW - timedelta(days=60))
        times.append((time.perf_counter() - start) * 1000)
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
