"""Measures a hundred searches of mixed kinds in the SQLite store, and the size of its file.

    python -m benchmarks.search [--stories 20000] [--store FILE]

Without --store, the benchmark generates and commits the stories first, which takes long for 300,000; a file that exists
is used unchanged.  The bound is FTS5 itself in the same run: the MATCH of each compiled query for the same first page,
without compiling, reading stories or counting.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import apsw

from benchmarks.search.stories import NOW, StoryGenerator, page_commit, word
from monitor.errors import MonitorError
from monitor.models import CommitResult
from monitor.query import parse
from monitor.store.sqlite import SqliteStore
from monitor.store.sqlite.query_compiler import compile_query
from monitor.store.sqlite.vocabulary import Vocabulary

LIMIT_MS = 150


def queries(count: int = 100, seed: int = 4) -> list[tuple[str, str, bool]]:
    """Returns (kind, query, by relevance); words range from the most frequent to those of a few stories."""
    rng = random.Random(seed)

    def any_word(low: int = 20, high: int = 30_000) -> str:
        rank = int(low * (high / low) ** rng.random())
        return word(rank, rng.choice(["en", "en", "en", "ru"]))

    def two_words(low: int = 5, high: int = 400) -> tuple[str, str]:
        language = rng.choice(["en", "en", "ru"])
        return word(rng.randint(low, high), language), word(rng.randint(low, high), language)

    kinds = {
        "a word": any_word,
        "a common word": lambda: any_word(3, 60),
        "an exact word": lambda: f'"{any_word()}"',
        "a word as written": lambda: f"raw:{any_word(5, 500).title()}",
        "all of two": lambda: " ".join(two_words(20, 5000)),
        "any of four": lambda: " OR ".join(any_word() for _ in range(4)),
        "groups": lambda: f"({any_word()} OR {any_word()}) ({any_word()} OR {any_word()}) -{any_word()}",
        "a phrase": lambda: '"{} {}"'.format(*two_words(3, 80)),
        "NEAR": lambda: "{} NEAR/10 {}".format(*two_words()),
        "NEAR of groups": lambda: (
            f"({any_word(5, 500)} OR {any_word(5, 500)}) NEAR/5 ({any_word(5, 500)} OR {any_word(5, 500)})"
        ),
        "ONEAR": lambda: "{} ONEAR/5 {}".format(*two_words()),
        "slop": lambda: '"{} {}"~4'.format(*two_words()),
        "a prefix": lambda: f"{any_word()[: rng.randint(3, 5)]}*",
        "a pattern": lambda: f"{(pattern_word := any_word(200))[:2]}?{pattern_word[3:]}*",
        "a misspelling": lambda: f"{any_word(5000)}~1",
        "a word of an outlet": lambda: f'outlet:"Outlet {rng.randrange(300)}" {any_word(5, 500)}',
        "a word of a month": lambda: f"{any_word()} published_at:[2026-03-01 TO 2026-03-31]",
        "a topic without a word": lambda: f"topic:ai language:en -{any_word()}",
        "only NOT": lambda: f"NOT {any_word()}",
        "a title": lambda: f"title:{any_word(5, 2000)} language:ru",
    }
    names = list(kinds)
    return [(name := names[number % len(names)], kinds[name](), number % 3 == 0) for number in range(count)]


ADVERSARIAL_QUERIES = {
    "a thousand words": " OR ".join(word(rank) for rank in range(5, 990)),
    "a thousand words, all": " ".join(word(rank) for rank in range(5, 990)),
    "wide wildcards near": "be* NEAR/3 di* NEAR/3 mo*",
    "wide wildcards near a rare word": f"be* NEAR/0 di* NEAR/0 {word(390_000)[:5]}*",
    "many stars": "be*a*a*a*a*a*a*a*n",
    "a pattern of one letter": "b?*n??a*",
    "fuzzy, short": "bean~1 OR dina~1 OR mona~1",
    "fuzzy, far": "beneagon~2 NEAR/2 dineagon~2",
    "slop of the most frequent": f'"{word(1)} {word(2)} {word(3)} {word(4)}"~1000',
    "NEAR of NEAR of the most frequent": f"(({word(1)} ONEAR/1 {word(2)}) NEAR/1 {word(3)}) ONEAR/1 {word(4)}",
    "nothing but NOT": f"NOT ({word(1)} ONEAR/1000 {word(2)})",
    "verification of every story's text": f"word_count:>999 OR ({word(1)} ONEAR/0 {word(2)} ONEAR/0 {word(90_000)})",
}


def build(path: Path, count: int, *, words: int = 400) -> None:
    """Commits stories of ``words`` words to a new file."""
    store = SqliteStore(path, timeout=timedelta(seconds=30))
    store.setup()
    start, text_bytes, commit_seconds, batch = time.perf_counter(), 0, 0.0, []

    def commit_batch() -> None:
        nonlocal commit_seconds
        commit_start = time.perf_counter()
        assert set(store.commit(batch)) == {CommitResult.WRITTEN}
        commit_seconds += time.perf_counter() - commit_start
        batch.clear()

    for story in StoryGenerator(words=words).stories(count):
        text_bytes += len(story.text.encode()) + len(story.title.encode())
        batch.append(page_commit(story))
        if len(batch) == 200:
            commit_batch()
    if batch:
        commit_batch()
    store.put_setting("benchmark", {"text": text_bytes})
    store.close()
    print(
        f"committed {count:,} stories in {time.perf_counter() - start:.0f} s, "
        f"{count / commit_seconds:.0f} a second in the store"
    )


def print_size(store: SqliteStore, path: Path) -> None:
    with store.database.read_connection() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        text_bytes = connection.execute("SELECT sum(text_size) + sum(length(CAST(title AS BLOB))) FROM story").get
        words = connection.execute("SELECT count(*) FROM word").get
    file_bytes = path.stat().st_size
    print(f"{store.ping()}\nfile {file_bytes:,} bytes, text {text_bytes:,}: {file_bytes / text_bytes:.2f} times")
    print(f"{words:,} written forms of words")


def fts5_milliseconds(store: SqliteStore, text: str) -> float:
    """Returns the milliseconds that FTS5 alone needs for the first page."""
    with store.database.read_connection() as connection:
        compiled = compile_query(parse(text), Vocabulary(connection), NOW)
        if compiled.match is None:
            return 0.0
        start = time.perf_counter()
        rows = connection.execute(
            "SELECT rowid FROM fulltext WHERE fulltext MATCH ? ORDER BY rowid DESC LIMIT 20", (compiled.match,)
        )
        rows.fetchall()
        return (time.perf_counter() - start) * 1000


def measure_queries(store: SqliteStore) -> None:
    times_by_kind: dict[str, list[float]] = defaultdict(list)
    measurements: list[tuple[float, float, str]] = []  # milliseconds of the search and of FTS5 alone, description
    for kind, text, relevance in queries():
        start = time.perf_counter()
        try:
            result = f"{store.search(parse(text), now=NOW, relevance=relevance).total} found"
        except MonitorError as error:
            result = str(error)
        milliseconds = (time.perf_counter() - start) * 1000
        times_by_kind[kind].append(milliseconds)
        description = f"{text} ({result}{', by relevance' * relevance})"
        measurements.append((milliseconds, fts5_milliseconds(store, text), description))
    print(f"{'kind':26}{'median ms':>10}{'worst':>8}")
    for kind, times in times_by_kind.items():
        print(f"{kind:26}{statistics.median(times):10.1f}{max(times):8.1f}")
    times = sorted(search for search, _, _ in measurements)
    print(f"{sum(search <= LIMIT_MS for search in times)} of {len(measurements)} under {LIMIT_MS} ms")
    print(f"median {times[50]:.1f}, 95th {times[94]:.1f}, worst {times[-1]:.1f} ms")
    fts5_alone = sum(fts5 for _, fts5, _ in measurements)
    print(f"total {sum(times):.0f} ms, FTS5 alone {fts5_alone:.0f} ms: {sum(times) / fts5_alone:.1f} times")
    for milliseconds, _, description in sorted(measurements, reverse=True)[:5]:
        print(f"  {milliseconds:7.1f} ms  {description[:110]}")


def measure_adversarial_queries(store: SqliteStore) -> None:
    print("adversarial:")
    for name, text in ADVERSARIAL_QUERIES.items():
        for relevance in (False, True):
            start = time.perf_counter()
            try:
                result = f"{len(store.search(parse(text), now=NOW, relevance=relevance).stories)} shown"
            except MonitorError as error:
                result = str(error)
            milliseconds = (time.perf_counter() - start) * 1000
            print(f"  {name:36}{'relevance' if relevance else 'newest':10}{milliseconds:8.0f} ms  {result[:90]}")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=20_000)
    parser.add_argument("--store", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.store or Path(folder) / "monitor.db"
        if not path.exists():
            build(path, arguments.stories)
        store = SqliteStore(path.absolute(), timeout=timedelta(seconds=30))
        print_size(store, path)
        print(f"SQLite {apsw.sqlite_lib_version()}, the same queries run twice:")
        measure_queries(store)
        measure_queries(store)
        measure_adversarial_queries(store)
        store.close()


if __name__ == "__main__":
    main()
