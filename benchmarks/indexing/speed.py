"""Stories a second into Elasticsearch through the store, beside the client's own bulk helper with the same documents.

    python -m benchmarks.indexing.speed URL [--stories 4000] [--rounds 3]

Both write every document a filing leads to (story, hits, notices, visit) into indices of the same mapping, in batches
of 200 filings; the helper writes them in any order and knows of no conflict.  Rounds alternate, the median counts.
"""

from __future__ import annotations

import argparse
import statistics
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from elasticsearch import helpers

from benchmarks.search.stories import StoryGenerator, page_commit
from monitor.config.schema import StoreSettings
from monitor.models import CommitResult, Hit, Notification
from monitor.store.elasticsearch import ElasticsearchStore, documents
from monitor.store.elasticsearch.documents import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.models import PageCommit, Story

BATCH = 200


def caught(story: Story) -> PageCommit:
    """The story as a crawl files it, with a hit and its mail for each of its alerts."""
    at = story.first_seen_at
    hits = [
        Hit(
            alert=alert,
            story=story.id,
            version=1,
            outlet=story.outlet,
            title=story.title,
            url=story.url,
            matched_at=at,
            context=story.text[:200],
        )
        for alert in story.alerts
    ]
    notices = [
        Notification(alert=alert, story=story.id, version=1, to=("a@b.example",), due_at=at, created_at=at)
        for alert in story.alerts
    ]
    return replace(page_commit(story), hits=tuple(hits), notifications=tuple(notices))


def actions(prefix: str, batch: list[PageCommit]) -> Iterator[dict[str, Any]]:
    """What the helper is given: the documents that the store writes."""
    for one in batch:
        assert one.story is not None
        for hit in one.hits:
            name = digest(hit.alert, hit.story, hit.version)
            yield {"_index": f"{prefix}-hits", "_id": name, "_source": documents.hit(hit)}
        for notice in one.notifications:
            yield {"_index": f"{prefix}-outbox", "_id": digest(*notice.key), "_source": documents.notification(notice)}
        story = documents.story(one.story, one.signature)
        yield {"_index": f"{prefix}-stories", "_id": one.story.id, "_source": story}
        visit = documents.frontier_entry(one.entry, one.outcome)
        yield {"_index": f"{prefix}-urls", "_id": one.entry.id, "_source": visit}


def opened(url: str) -> ElasticsearchStore:
    store = ElasticsearchStore.open(StoreSettings(url=url, prefix=f"bench-{uuid.uuid4().hex[:8]}"))
    store.setup()
    return store


def drop(store: ElasticsearchStore) -> None:
    for name in store.client.indices.get(index=f"{store.prefix}-*").body:
        store.client.indices.delete(index=name)


def batches(made: list[PageCommit]) -> Iterator[list[PageCommit]]:
    for start in range(0, len(made), BATCH):
        yield made[start : start + BATCH]


def through_the_store(url: str, made: list[PageCommit]) -> float:
    store = opened(url)
    began = time.perf_counter()
    for batch in batches(made):
        assert set(store.commit(batch)) == {CommitResult.WRITTEN}
    seconds = time.perf_counter() - began
    drop(store)
    return len(made) / seconds


def through_the_helper(url: str, made: list[PageCommit]) -> float:
    store = opened(url)
    began = time.perf_counter()
    for batch in batches(made):
        helpers.bulk(store.client, actions(store.prefix, batch))
    seconds = time.perf_counter() - began
    drop(store)
    return len(made) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--stories", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    made = [caught(story) for story in StoryGenerator().stories(options.stories)]
    through_the_helper(options.url, made[:1000])  # the server's first thousand warm it
    rates: dict[str, list[float]] = {"store": [], "helper": []}
    for number in range(options.rounds):
        pair = [("store", through_the_store), ("helper", through_the_helper)]
        for name, way in pair if number % 2 else reversed(pair):
            rates[name].append(way(options.url, made))
    store, helper = (statistics.median(rates[name]) for name in ("store", "helper"))
    print(f"through the store   {store:8.0f} stories/s")
    print(f"helpers.bulk        {helper:8.0f} stories/s")
    print(f"ratio               {store / helper:8.2f}   (to be at least 0.8)")


if __name__ == "__main__":
    main()
