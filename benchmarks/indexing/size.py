"""Cost of many stories on Elasticsearch and on SQLite: commits, searches, near-duplicate lookups, disk and heap.

    python -m benchmarks.indexing.size URL [--stories 300000] [--only elasticsearch|sqlite]

Prints a table.  The searches are a fixed random sequence of five kinds of query.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.indexing.speed import BATCH_COMMITS, commit_with_hits, delete, open_store
from benchmarks.search.stories import NOW, StoryGenerator, word
from monitor.models import CommitResult
from monitor.query import parse
from monitor.similarity import signature
from monitor.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from monitor.store import Store
    from monitor.store.elasticsearch import ElasticsearchStore

SEARCHES = 200


def queries(generator: random.Random) -> list[str]:
    def word_between(low: int, high: int) -> str:
        return word(generator.randint(low, high))

    kinds = [
        lambda: word_between(100, 5000),
        lambda: f"{word_between(50, 500)} {word_between(50, 500)}",
        lambda: f'"{word_between(20, 100)} {word_between(20, 100)}"',
        lambda: f"{word_between(50, 500)} NEAR/10 {word_between(50, 500)}",
        lambda: f"({word_between(100, 2000)} OR {word_between(100, 2000)}) AND topic:ai",
    ]
    return [generator.choice(kinds)() for _ in range(SEARCHES)]


def fill(store: Store, count: int) -> float:
    """Commits ``count`` stories and returns the stories a second."""
    batch: list[Any] = []
    seconds = 0.0
    for number, story in enumerate(StoryGenerator().stories(count), 1):
        batch.append(commit_with_hits(story))
        if len(batch) == BATCH_COMMITS or number == count:
            began = time.perf_counter()
            assert set(store.commit(batch)) == {CommitResult.WRITTEN}
            seconds += time.perf_counter() - began
            batch = []
    return count / seconds


def search_times(store: Store) -> tuple[float, float]:
    """Returns the median and the 95th percentile of a search for twenty stories, in milliseconds."""
    times = []
    for text in queries(random.Random(7)):
        node = parse(text)
        began = time.perf_counter()
        store.search(node, now=NOW + timedelta(days=1), limit=20)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def near_duplicate_time(store: Store) -> float:
    """Returns the median of a near-duplicate lookup in milliseconds; half are reprints of stored stories."""
    times = []
    since = NOW - timedelta(days=14)
    newest = store.search(None, now=NOW + timedelta(days=1), limit=2 * SEARCHES).stories
    for number, story in enumerate(story for story in newest if story.first_seen_at > since):
        text = story.text if number % 2 else " ".join(reversed(story.text.split()))
        text_signature = signature(text)
        began = time.perf_counter()
        near_duplicates = store.near_duplicates(text_signature, since=since)
        times.append((time.perf_counter() - began) * 1000)
        assert not number % 2 or story.id in {name for name, _, _ in near_duplicates}
    return statistics.median(times)


def elasticsearch(url: str, count: int) -> dict[str, str]:
    store: ElasticsearchStore = open_store(url)
    try:
        rate = fill(store, count)
        store.cluster.refresh_all_after_writes()
        median, slowest = search_times(store)
        indices = store.cluster.client.indices.stats(index=f"{store.cluster.prefix}-*").body
        size = indices["_all"]["primaries"]["store"]["size_in_bytes"]
        nodes = store.cluster.client.nodes.stats(metric="jvm").body["nodes"].values()
        heap = sum(node["jvm"]["mem"]["heap_used_in_bytes"] for node in nodes)
        return row(rate, median, slowest, near_duplicate_time(store), size) | {"heap in use": f"{heap / 1e6:,.0f} MB"}
    finally:
        delete(store)


def sqlite(count: int) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "monitor.db"
        store = SqliteStore(path, timeout=timedelta(seconds=30))
        store.setup()
        rate = fill(store, count)
        median, slowest = search_times(store)
        near_duplicates = near_duplicate_time(store)
        store.close()
        size = sum(file.stat().st_size for file in path.parent.iterdir())
        return row(rate, median, slowest, near_duplicates, size) | {"heap in use": "-"}


def row(rate: float, median: float, slowest: float, near_duplicates: float, size: int) -> dict[str, str]:
    return {
        "commits a second": f"{rate:,.0f}",
        "search, median": f"{median:.1f} ms",
        "search, 95 %": f"{slowest:.1f} ms",
        "near-duplicates, median": f"{near_duplicates:.2f} ms",
        "disk": f"{size / 1e6:,.0f} MB",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--stories", type=int, default=300_000)
    parser.add_argument("--only", choices=["elasticsearch", "sqlite"])
    options = parser.parse_args()
    table: dict[str, dict[str, str]] = {}
    if options.only != "sqlite":
        table["Elasticsearch"] = elasticsearch(options.url, options.stories)
    if options.only != "elasticsearch":
        table["SQLite"] = sqlite(options.stories)
    names = list(next(iter(table.values())))
    print(f"| {options.stories:,} stories | {' | '.join(names)} |")
    print(f"| --- |{' --- |' * len(names)}")
    for store, figures in table.items():
        print(f"| {store} | {' | '.join(figures[name] for name in names)} |")


if __name__ == "__main__":
    main()
