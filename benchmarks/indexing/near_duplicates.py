"""What the look for stories like a new one costs among very many on Elasticsearch: by a search, and in the copy.

    python -m benchmarks.indexing.near_duplicates URL [--stories 1000000]

The stories consist of random signatures of the full size; every other one looked for is a reprint that keeps 40 % of
a stored one.  The bound is the cluster's smallest answer: to a search for one story's id.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from elasticsearch import helpers

from benchmarks.indexing.speed import drop, opened
from monitor.models import rfc3339
from monitor.similarity import SIGNATURE_HASHES, bands
from monitor.store.elasticsearch import stories
from monitor.store.elasticsearch.signature_cache import SignatureCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from monitor.store.elasticsearch import ElasticsearchStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=14)
LOOKS = 500
SHINGLES = 500  # of a story, of which its signature holds the smallest


def sketched(count: int) -> Iterator[tuple[int, ...]]:
    chance = np.random.default_rng(3)
    for _ in range(0, count, 1000):
        for hashes in np.sort(chance.integers(1 << 53, size=(1000, SHINGLES)), axis=1)[:, :SIGNATURE_HASHES].tolist():
            yield tuple(hashes)


def fill(store: ElasticsearchStore, count: int) -> list[tuple[str, tuple[int, ...]]]:
    """Stores bare stories, first seen evenly over two weeks; returns some of them."""
    some = []

    def actions() -> Iterator[dict[str, object]]:
        for number, signature in zip(range(count), sketched(count), strict=False):
            name = f"{number:032x}"
            if number % (count // LOOKS) == 0:
                some.append((name, signature))
            seen = rfc3339(SINCE + timedelta(days=14) * number / count)
            document = {"id": name, "cluster": name, "first_seen_at": seen, "date": seen}
            document |= {"signature": list(signature), "bands": [str(band) for band in bands(signature)]}
            yield {"_index": store.alias("stories"), "_id": name, "_source": document}

    for done, _ in helpers.parallel_bulk(store.client, actions(), thread_count=2, chunk_size=1000):
        assert done
    store.client.indices.refresh(index=store.alias("stories"))
    return some


def reprint(signature: Sequence[int], chance: random.Random) -> tuple[int, ...]:
    """The signature of a text with two fifths of the other's."""
    kept = [number for number in signature if chance.random() < 0.4]
    rest = [chance.randrange(signature[-1]) for _ in range(SIGNATURE_HASHES - len(kept))]
    return tuple(sorted({*kept, *rest}))


def timed(look: Callable[[tuple[int, ...]], object], wanted: Sequence[tuple[int, ...]]) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    took = []
    for signature in wanted:
        began = time.perf_counter()
        look(signature)
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took), statistics.quantiles(took, n=20)[-1]


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--stories", type=int, default=1_000_000)
    options = parser.parse_args()
    chance = random.Random(1)
    store = opened(options.url)
    index = store.alias("stories")

    def one(signature: Sequence[int]) -> dict[str, object]:
        return {"ids": {"values": [f"{signature[0] % options.stories:032x}"]}}

    try:
        some = fill(store, options.stories)
        wanted = [
            reprint(signature, chance) if place % 2 else tuple(sorted(chance.sample(range(1 << 53), SIGNATURE_HASHES)))
            for place, (_, signature) in enumerate(some)
        ]
        bound = timed(lambda signature: store.client.search(index=index, query=one(signature), size=1), wanted)
        stories.MIN_LOOKUPS = len(wanted) + 1
        searched = timed(lambda signature: store.near_duplicates(signature, since=SINCE), wanted)
        memory = resident()
        began = time.perf_counter()
        mirror = SignatureCache(store, since=SINCE)
        while mirror.similar(wanted[0], since=SINCE) is None:
            time.sleep(0.1)
        copied = time.perf_counter() - began
        found = 0
        for place, (name, _) in enumerate(some):
            found += place % 2 and name in {story for story, *_ in mirror.similar(wanted[place], since=SINCE) or ()}
        looked = timed(lambda signature: mirror.similar(signature, since=SINCE), wanted)
        grown = resident() - memory
        print(f"{options.stories:,} stories, {found} of {len(some) // 2} reprints found    median     95 %")
        for name, (median, slowest) in {"smallest search": bound, "search": searched, "copy": looked}.items():
            print(f"{name:16} {median:36.2f} {slowest:8.2f} ms")
        print(f"search / copy    {searched[0] / looked[0]:36.1f} times")
        mirror.close(5.0)
        print(f"the copy was whole after {copied:.0f} s, and took {grown / 1e6:.0f} MB of memory")
    finally:
        drop(store)
        store.close()


if __name__ == "__main__":
    main()
