"""What many stories cost: filing, searching, finding the like of one, disk and heap, on Elasticsearch and on SQLite.

    python -m benchmarks.indexing.size URL [--stories 300000] [--only elasticsearch|sqlite]

Prints a table.  Searches are five kinds of query, each asked often, in the order of a fixed random seed.
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

from benchmarks.indexing.speed import BATCH, caught, drop, opened
from benchmarks.search.stories import NOW, StoryGenerator, word
from monitor.models import CommitResult
from monitor.query import parse
from monitor.similarity import signature
from monitor.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from monitor.store import Store
    from monitor.store.elasticsearch import ElasticsearchStore

SEARCHES = 200


def queries(chance: random.Random) -> list[str]:
    def some(low: int, high: int) -> str:
        return word(chance.randint(low, high))

    kinds = [
        lambda: some(100, 5000),
        lambda: f"{some(50, 500)} {some(50, 500)}",
        lambda: f'"{some(20, 100)} {some(20, 100)}"',
        lambda: f"{some(50, 500)} NEAR/10 {some(50, 500)}",
        lambda: f"({some(100, 2000)} OR {some(100, 2000)}) AND topic:ai",
    ]
    return [chance.choice(kinds)() for _ in range(SEARCHES)]


def fill(store: Store, count: int) -> float:
    """Files so many stories; the rate."""
    batch: list[Any] = []
    spent = 0.0
    for number, story in enumerate(StoryGenerator().stories(count), 1):
        batch.append(caught(story))
        if len(batch) == BATCH or number == count:
            began = time.perf_counter()
            assert set(store.commit(batch)) == {CommitResult.WRITTEN}
            spent += time.perf_counter() - began
            batch = []
    return count / spent


def searched(store: Store) -> tuple[float, float]:
    """Median and 95th percentile of a search for twenty stories, in milliseconds."""
    took = []
    for text in queries(random.Random(7)):
        node = parse(text)
        began = time.perf_counter()
        store.search(node, now=NOW + timedelta(days=1), limit=20)
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=20)
    return statistics.median(took), cuts[-1]


def likened(store: Store) -> float:
    """Median of a look for what is like a new story, in milliseconds: every other one is a reprint of a stored one."""
    took = []
    since = NOW - timedelta(days=14)
    newest = store.search(None, now=NOW + timedelta(days=1), limit=2 * SEARCHES).stories
    for number, story in enumerate(story for story in newest if story.first_seen_at > since):
        text = story.text if number % 2 else " ".join(reversed(story.text.split()))
        wanted = signature(text)
        began = time.perf_counter()
        found = store.near_duplicates(wanted, since=since)
        took.append((time.perf_counter() - began) * 1000)
        assert not number % 2 or story.id in {name for name, _, _ in found}
    return statistics.median(took)


def elasticsearch(url: str, count: int) -> dict[str, str]:
    store: ElasticsearchStore = opened(url)
    try:
        rate = fill(store, count)
        store.refresh_all()
        median, slowest = searched(store)
        size = store.client.indices.stats(index=f"{store.prefix}-*").body["_all"]["primaries"]["store"]["size_in_bytes"]
        nodes = store.client.nodes.stats(metric="jvm").body["nodes"].values()
        heap = sum(node["jvm"]["mem"]["heap_used_in_bytes"] for node in nodes)
        return row(rate, median, slowest, likened(store), size) | {"heap in use": f"{heap / 1e6:,.0f} MB"}
    finally:
        drop(store)


def sqlite(count: int) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "monitor.db"
        store = SqliteStore(path, timeout=timedelta(seconds=30))
        store.setup()
        rate = fill(store, count)
        median, slowest = searched(store)
        alike = likened(store)
        store.close()
        size = sum(one.stat().st_size for one in path.parent.iterdir())
        return row(rate, median, slowest, alike, size) | {"heap in use": "-"}


def row(rate: float, median: float, slowest: float, alike: float, size: int) -> dict[str, str]:
    return {
        "filed a second": f"{rate:,.0f}",
        "search, median": f"{median:.1f} ms",
        "search, 95 %": f"{slowest:.1f} ms",
        "look for the like, median": f"{alike:.2f} ms",
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
