"""Disk use of stories and of addresses on Elasticsearch, and the time of searches before and after a force merge.

    python -m benchmarks.indexing.disk URL [--stories 300000] [--addresses 300000] [--fields]

Half of the addresses are off topic, a third has a story, the others are no articles.  The bound is the
text of the stories and the URLs of the addresses, compressed by zlib in blocks of 128 kB.  ``--fields`` also prints the
bytes of each field.
"""

from __future__ import annotations

import argparse
import itertools
import zlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from benchmarks.indexing.size import search_times
from benchmarks.indexing.speed import BATCH_COMMITS, commit_with_hits, delete, open_store
from benchmarks.search.stories import NOW, SPAN, StoryGenerator, word
from monitor.models import Candidate, CommitResult, Disposition, FrontierEntry, Outcome, PageCommit
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.store.elasticsearch import ElasticsearchStore

OUTLETS = 500
BLOCK_BYTES = 128_000  # that are compressed together for the bound


@dataclass(slots=True)
class Compressed:
    """Bytes of texts after compression in blocks."""

    size: int = 0
    _block: list[bytes] = field(default_factory=list)
    _block_bytes: int = 0

    def add(self, text: str) -> None:
        self._block.append(text.encode())
        self._block_bytes += len(self._block[-1])
        if self._block_bytes > BLOCK_BYTES:
            self.end_block()

    def end_block(self) -> None:
        self.size += len(zlib.compress(b"\n".join(self._block)))
        self._block, self._block_bytes = [], 0


def address(number: int, count: int) -> PageCommit:
    """Returns the commit of an address that was fetched, without a story of its own."""
    outlet = number % OUTLETS
    published_at = (NOW - SPAN + SPAN * (number / count)).replace(microsecond=0)
    title = " ".join(word((number * step) % 9973) for step in (1, 7, 31, 57, 101, 151, 211, 307))
    slug = title.replace(" ", "-")
    url = f"https://www.outlet-{outlet}.example/{published_at:%Y/%m/%d}/{slug}-{number}.html"
    candidate = Candidate(
        url=url,
        outlet=f"Outlet {outlet}",
        source=f"https://www.outlet-{outlet}.example/rss.xml",
        title=title.capitalize(),
        published_at=published_at,
        language="en",
    )
    name, seen_at = story_id(url), published_at + timedelta(minutes=7, microseconds=number % 1_000_000)
    disposition = (Disposition.OFF_TOPIC, Disposition.STORED, Disposition.NOT_ARTICLE)[(0, 0, 0, 1, 1, 2)[number % 6]]
    outcome = Outcome(disposition=disposition, kind="index" if disposition is Disposition.NOT_ARTICLE else "")
    entry = FrontierEntry(
        id=name,
        candidate=candidate,
        first_seen_at=seen_at,
        next_at=None,
        story=name if disposition is Disposition.STORED else None,
        rechecks=2 if disposition is Disposition.STORED else 0,
        etag=f'"{number:x}-{number * 7919:x}"' if disposition is Disposition.STORED else None,
        outcome=outcome,
        settled_at=seen_at + timedelta(seconds=number % 90, microseconds=number * 31 % 1_000_000),
    )
    return PageCommit(entry=entry, outcome=outcome)


def fill(store: ElasticsearchStore, commits: Iterator[PageCommit]) -> None:
    while batch := list(itertools.islice(commits, BATCH_COMMITS)):
        assert set(store.commit(batch)) == {CommitResult.WRITTEN}


def bytes_on_disk(store: ElasticsearchStore, kind: str) -> int:
    client, alias = store.cluster.client, store.cluster.alias(kind)
    client.indices.flush(index=alias, force=True, wait_if_ongoing=True)
    return int(client.indices.stats(index=alias, metric="store")["_all"]["primaries"]["store"]["size_in_bytes"])


def print_fields(store: ElasticsearchStore, kind: str, count: int) -> None:
    """Prints the bytes a document of each field, those of more than half a percent."""
    client = store.cluster.client.options(request_timeout=600)
    usage: Any = client.indices.disk_usage(index=store.cluster.alias(kind), run_expensive_tasks=True).body
    totals: dict[str, dict[str, int]] = {}
    for index, parts in usage.items():
        if index != "_shards":
            for name, sizes in parts["fields"].items():
                total = totals.setdefault(name, {})
                for part, size in sizes.items():
                    if isinstance(size, int):
                        total[part] = total.get(part, 0) + size
    everything = sum(sizes["total_in_bytes"] for sizes in totals.values())
    for name, sizes in sorted(totals.items(), key=lambda item: -item[1]["total_in_bytes"]):
        if sizes["total_in_bytes"] * 200 > everything:
            parts = {
                part.removesuffix("_in_bytes"): round(size / count, 1)
                for part, size in sizes.items()
                if size * 200 > everything and part != "total_in_bytes"
            }
            print(f"    {name:24} {sizes['total_in_bytes'] / count:8.1f}  {parts}")


def measure(store: ElasticsearchStore, kind: str, count: int, bound: int, *, fields: bool) -> None:
    store.cluster.refresh_all_after_writes()
    written = bytes_on_disk(store, kind)
    times = search_times(store) if kind == "stories" else None
    client = store.cluster.client.options(request_timeout=3600)
    client.indices.forcemerge(index=store.cluster.alias(kind), max_num_segments=1)
    store.cluster.client.indices.refresh(index=store.cluster.alias(kind))
    merged = bytes_on_disk(store, kind)
    stored = store.cluster.count_documents(kind, {"match_all": {}})
    print(f"{stored:,} {kind}: {written / stored:,.0f} bytes each, merged {merged / stored:,.0f}, ", end="")
    print(f"{merged / stored / (bound / count):.2f} of the bound of {bound / count:,.0f}")
    if times:
        merged_times = search_times(store)
        print(f"    search, median and 95 %: {times[0]:.1f} and {times[1]:.1f} ms, ", end="")
        print(f"merged {merged_times[0]:.1f} and {merged_times[1]:.1f} ms", flush=True)
    if fields:
        print_fields(store, kind, stored)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--stories", type=int, default=300_000)
    parser.add_argument("--addresses", type=int, default=300_000)
    parser.add_argument("--fields", action="store_true")
    options = parser.parse_args()
    store = open_store(options.url, timeout="300s")
    try:
        bound = Compressed()

        def addresses() -> Iterator[PageCommit]:
            for number in range(options.addresses):
                commit = address(number, options.addresses)
                bound.add(commit.entry.candidate.url)
                yield commit

        fill(store, addresses())
        bound.end_block()
        if options.addresses:
            measure(store, "urls", options.addresses, bound.size, fields=options.fields)
        bound = Compressed()

        def stories() -> Iterator[PageCommit]:
            for story in StoryGenerator().stories(options.stories):
                bound.add(f"{story.title}\n{story.text}")
                yield commit_with_hits(story)

        fill(store, stories())
        bound.end_block()
        if options.stories:
            measure(store, "stories", options.stories, bound.size, fields=options.fields)
    finally:
        delete(store)
        store.cluster.client.close()


if __name__ == "__main__":
    main()
