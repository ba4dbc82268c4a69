"""Time to find near-duplicates of a story among many on Elasticsearch: by a search, and in the per-process copy.

    python -m benchmarks.indexing.near_duplicates URL [--stories 1000000]

The stories consist of random signatures of full size; every second one looked up is a reprint that keeps 40 % of a
stored one.  The bound is the smallest search of the cluster: for the id of one story.
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

from benchmarks.indexing.speed import delete, open_store
from monitor.models import rfc3339
from monitor.similarity import MAX_SIGNATURE_HASHES, bands
from monitor.store.elasticsearch import stories
from monitor.store.elasticsearch.documents import band_term, pack_signature
from monitor.store.elasticsearch.signature_cache import SignatureCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from monitor.store.elasticsearch import ElasticsearchStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=14)
LOOKUPS = 500
SHINGLES = 500  # of a story; its signature holds the smallest hashes of them


def random_signatures(count: int) -> Iterator[tuple[int, ...]]:
    generator = np.random.default_rng(3)
    for _ in range(0, count, 1000):
        hashes = np.sort(generator.integers(1 << 53, size=(1000, SHINGLES)), axis=1)[:, :MAX_SIGNATURE_HASHES]
        for signature in hashes.tolist():
            yield tuple(signature)


def fill(store: ElasticsearchStore, count: int) -> list[tuple[str, tuple[int, ...]]]:
    """Stores stories without text, first seen evenly over two weeks; returns a sample of their signatures."""
    sample = []

    def actions() -> Iterator[dict[str, object]]:
        for number, signature in zip(range(count), random_signatures(count), strict=False):
            name = f"{number:032x}"
            if number % (count // LOOKUPS) == 0:
                sample.append((name, signature))
            seen = rfc3339(SINCE + timedelta(days=14) * number / count)
            document = {"id": name, "cluster": name, "first_seen_at": seen, "date": seen}
            document |= {
                "signature": pack_signature(signature),
                "bands": [band_term(band) for band in bands(signature)],
            }
            yield {"_index": store.cluster.partitions.index(1), "_id": name, "_source": document}

    for done, _ in helpers.parallel_bulk(store.cluster.client, actions(), thread_count=2, chunk_size=1000):
        assert done
    store.cluster.client.indices.refresh(index=store.cluster.alias("stories"))
    return sample


def reprint(signature: Sequence[int], generator: random.Random) -> tuple[int, ...]:
    """Returns the signature of a text that shares two fifths with the given one."""
    shared = [number for number in signature if generator.random() < 0.4]
    rest = [generator.randrange(signature[-1]) for _ in range(MAX_SIGNATURE_HASHES - len(shared))]
    return tuple(sorted({*shared, *rest}))


def timed(lookup: Callable[[tuple[int, ...]], object], signatures: Sequence[tuple[int, ...]]) -> tuple[float, float]:
    """Returns the median and the 95th percentile of the lookups in milliseconds."""
    times = []
    for signature in signatures:
        began = time.perf_counter()
        lookup(signature)
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def resident_bytes() -> int:
    """Returns the memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--stories", type=int, default=1_000_000)
    options = parser.parse_args()
    generator = random.Random(1)
    store = open_store(options.url)
    index = store.cluster.alias("stories")

    def id_query(signature: Sequence[int]) -> dict[str, object]:
        return {"ids": {"values": [f"{signature[0] % options.stories:032x}"]}}

    try:
        sample = fill(store, options.stories)
        signatures = [
            reprint(signature, generator)
            if number % 2
            else tuple(sorted(generator.sample(range(1 << 53), MAX_SIGNATURE_HASHES)))
            for number, (_, signature) in enumerate(sample)
        ]
        bound = timed(
            lambda signature: store.cluster.client.search(index=index, query=id_query(signature), size=1), signatures
        )
        stories.MIN_LOOKUPS = len(signatures) + 1
        by_search = timed(lambda signature: store.near_duplicates(signature, since=SINCE), signatures)
        memory = resident_bytes()
        began = time.perf_counter()
        cache = SignatureCache(store.cluster, since=SINCE)
        while cache.find(signatures[0], since=SINCE) is None:
            time.sleep(0.1)
        copy_seconds = time.perf_counter() - began
        reprints = 0
        for number, (name, _) in enumerate(sample):
            near_duplicates = cache.find(signatures[number], since=SINCE) or ()
            reprints += number % 2 and name in {story for story, *_ in near_duplicates}
        in_copy = timed(lambda signature: cache.find(signature, since=SINCE), signatures)
        copy_bytes = resident_bytes() - memory
        print(f"{options.stories:,} stories, {reprints} of {len(sample) // 2} reprints found    median     95 %")
        for name, (median, slowest) in {"smallest search": bound, "search": by_search, "copy": in_copy}.items():
            print(f"{name:16} {median:36.2f} {slowest:8.2f} ms")
        print(f"search / copy    {by_search[0] / in_copy[0]:36.1f} times")
        cache.close(5.0)
        print(f"the copy was complete after {copy_seconds:.0f} s, and took {copy_bytes / 1e6:.0f} MB of memory")
    finally:
        delete(store)
        store.close()


if __name__ == "__main__":
    main()
