"""Searches in the SQLite store: how long a hundred of mixed kinds take, and what the file weighs.

    python -m search [--stories 20000] [--store FILE]          (in benchmarks/)

Without --store the stories are generated and filed first (300,000 take their time); a file that exists is used as it
is.  The bound is FTS5 itself in the same run: the bare MATCH of each plan for the same first page, with neither
planning, reading of stories nor counting.
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

from monitor.errors import MonitorError
from monitor.models import CommitResult
from monitor.query import parse
from monitor.store.sqlite import SqliteStore
from monitor.store.sqlite.query_compiler import compile_query
from monitor.store.sqlite.vocabulary import Vocabulary
from search.stories import NOW, Generator, filing, word

LIMIT_MS = 150


def queries(count: int = 100, seed: int = 4) -> list[tuple[str, str, bool]]:
    """Kind, query and whether by relevance; words from the commonest to those of a few stories."""
    rng = random.Random(seed)

    def some(low: int = 20, high: int = 30_000) -> str:
        rank = int(low * (high / low) ** rng.random())
        return word(rank, rng.choice(["en", "en", "en", "ru"]))

    def two(low: int = 5, high: int = 400) -> tuple[str, str]:
        language = rng.choice(["en", "en", "ru"])
        return word(rng.randint(low, high), language), word(rng.randint(low, high), language)

    kinds = {
        "a word": some,
        "a common word": lambda: some(3, 60),
        "an exact word": lambda: f'"{some()}"',
        "a word as written": lambda: f"raw:{some(5, 500).title()}",
        "all of two": lambda: " ".join(two(20, 5000)),
        "any of four": lambda: " OR ".join(some() for _ in range(4)),
        "groups": lambda: f"({some()} OR {some()}) ({some()} OR {some()}) -{some()}",
        "a phrase": lambda: '"{} {}"'.format(*two(3, 80)),
        "NEAR": lambda: "{} NEAR/10 {}".format(*two()),
        "NEAR of groups": lambda: f"({some(5, 500)} OR {some(5, 500)}) NEAR/5 ({some(5, 500)} OR {some(5, 500)})",
        "ONEAR": lambda: "{} ONEAR/5 {}".format(*two()),
        "slop": lambda: '"{} {}"~4'.format(*two()),
        "a prefix": lambda: f"{some()[: rng.randint(3, 5)]}*",
        "a pattern": lambda: f"{(made := some(200))[:2]}?{made[3:]}*",
        "a misspelling": lambda: f"{some(5000)}~1",
        "a word of an outlet": lambda: f'outlet:"Outlet {rng.randrange(300)}" {some(5, 500)}',
        "a word of a month": lambda: f"{some()} published_at:[2026-03-01 TO 2026-03-31]",
        "a topic without a word": lambda: f"topic:ai language:en -{some()}",
        "only NOT": lambda: f"NOT {some()}",
        "a title": lambda: f"title:{some(5, 2000)} language:ru",
    }
    names = list(kinds)
    return [(name := names[number % len(names)], kinds[name](), number % 3 == 0) for number in range(count)]


ADVERSARIAL = {
    "a thousand words": " OR ".join(word(rank) for rank in range(5, 990)),
    "a thousand words, all": " ".join(word(rank) for rank in range(5, 990)),
    "wide wildcards near": "be* NEAR/3 di* NEAR/3 mo*",
    "wide wildcards near a rare word": f"be* NEAR/0 di* NEAR/0 {word(390_000)[:5]}*",
    "many stars": "be*a*a*a*a*a*a*a*n",
    "a pattern of one letter": "b?*n??a*",
    "fuzzy, short": "bean~1 OR dina~1 OR mona~1",
    "fuzzy, far": "beneagon~2 NEAR/2 dineagon~2",
    "slop of the commonest": f'"{word(1)} {word(2)} {word(3)} {word(4)}"~1000',
    "NEAR of NEAR of the commonest": f"(({word(1)} ONEAR/1 {word(2)}) NEAR/1 {word(3)}) ONEAR/1 {word(4)}",
    "nothing but NOT": f"NOT ({word(1)} ONEAR/1000 {word(2)})",
    "text to be read for every story": f"word_count:>999 OR ({word(1)} ONEAR/0 {word(2)} ONEAR/0 {word(90_000)})",
}


def build(path: Path, count: int) -> None:
    store = SqliteStore(path, timeout=timedelta(seconds=30))
    store.setup()
    began, size, spent, batch = time.perf_counter(), 0, 0.0, []

    def file() -> None:
        nonlocal spent
        start = time.perf_counter()
        assert set(store.commit(batch)) == {CommitResult.WRITTEN}
        spent += time.perf_counter() - start
        batch.clear()

    for story in Generator().stories(count):
        size += len(story.text.encode()) + len(story.title.encode())
        batch.append(filing(story))
        if len(batch) == 200:
            file()
    if batch:
        file()
    store.put_setting("benchmark", {"text": size})
    store.close()
    print(f"filed {count:,} stories in {time.perf_counter() - began:.0f} s, {count / spent:.0f} a second in the store")


def weigh(store: SqliteStore, path: Path) -> None:
    with store.database.read() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        text = connection.execute("SELECT sum(text_size) + sum(length(CAST(title AS BLOB))) FROM story").get
        words = connection.execute("SELECT count(*) FROM word").get
    size = path.stat().st_size
    print(
        f"{store.ping()}\nfile {size:,} bytes, text {text:,}: {size / text:.2f} times; {words:,} written forms of words"
    )


def bare(store: SqliteStore, text: str) -> float:
    """Milliseconds that FTS5 alone needs for the first page."""
    with store.database.read() as connection:
        plan = compile_query(parse(text), Vocabulary(connection), NOW)
        if plan.match is None:
            return 0.0
        start = time.perf_counter()
        rows = connection.execute(
            "SELECT rowid FROM fulltext WHERE fulltext MATCH ? ORDER BY rowid DESC LIMIT 20", (plan.match,)
        )
        rows.fetchall()
        return (time.perf_counter() - start) * 1000


def measure(store: SqliteStore) -> None:
    times: dict[str, list[float]] = defaultdict(list)
    everything: list[tuple[float, float, str]] = []
    for kind, text, relevance in queries():
        start = time.perf_counter()
        try:
            answer = f"{store.search(parse(text), now=NOW, relevance=relevance).total} found"
        except MonitorError as error:
            answer = str(error)
        spent = (time.perf_counter() - start) * 1000
        times[kind].append(spent)
        everything.append((spent, bare(store, text), f"{text} ({answer}{', by relevance' * relevance})"))
    print(f"{'kind':26}{'median ms':>10}{'worst':>8}")
    for kind, spent in times.items():
        print(f"{kind:26}{statistics.median(spent):10.1f}{max(spent):8.1f}")
    under = sum(spent <= LIMIT_MS for spent, _, _ in everything)
    spent = sorted(one for one, _, _ in everything)
    print(f"{under} of {len(everything)} under {LIMIT_MS} ms")
    print(f"median {spent[50]:.1f}, 95th {spent[94]:.1f}, worst {spent[-1]:.1f} ms")
    alone = sum(one for _, one, _ in everything)
    print(f"all together {sum(spent):.0f} ms, FTS5 alone {alone:.0f} ms: {sum(spent) / alone:.1f} times")
    for took, _, text in sorted(everything, reverse=True)[:5]:
        print(f"  {took:7.1f} ms  {text[:110]}")


def attack(store: SqliteStore) -> None:
    print("adversarial:")
    for name, text in ADVERSARIAL.items():
        for relevance in (False, True):
            start = time.perf_counter()
            try:
                answer = f"{len(store.search(parse(text), now=NOW, relevance=relevance).stories)} shown"
            except MonitorError as error:
                answer = str(error)
            spent = time.perf_counter() - start
            print(f"  {name:34}{'relevance' if relevance else 'newest':10}{spent * 1000:8.0f} ms  {answer[:90]}")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=20_000)
    parser.add_argument("--store", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = asked.store or Path(folder) / "monitor.db"
        if not path.exists():
            build(path, asked.stories)
        store = SqliteStore(path.absolute(), timeout=timedelta(seconds=30))
        weigh(store, path)
        print(f"SQLite {apsw.sqlite_lib_version()}, a second run of the same queries follows the first:")
        measure(store)
        measure(store)
        attack(store)
        store.close()


if __name__ == "__main__":
    main()
