"""Stories a second that the store commits to Elasticsearch, compared with the client's bulk helper.

    python -m benchmarks.indexing.speed URL [--stories 4000] [--repeats 3]

Both write the same documents of each commit (story, hits, notifications, frontier entry) into indices of the same
mapping, in batches of 200 commits; the helper writes them in any order and detects no conflicts.  The two alternate;
the result is the median of the repeats.
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
from monitor.store.elasticsearch import ElasticsearchStore, documents, schema
from monitor.store.elasticsearch.documents import document_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.models import PageCommit, Story

BATCH_COMMITS = 200


def commit_with_hits(story: Story) -> PageCommit:
    """Returns the commit of a story, with a hit and a notification for each of its alerts."""
    seen_at = story.first_seen_at
    hits = [
        Hit(
            alert=alert,
            story=story.id,
            version=1,
            outlet=story.outlet,
            title=story.title,
            url=story.url,
            matched_at=seen_at,
            context=story.text[:200],
        )
        for alert in story.alerts
    ]
    notifications = [
        Notification(
            alert=alert,
            story=story.id,
            version=1,
            channel="email",
            targets=("a@b.example",),
            due_at=seen_at,
            created_at=seen_at,
        )
        for alert in story.alerts
    ]
    return replace(page_commit(story), hits=tuple(hits), notifications=tuple(notifications))


def actions(prefix: str, batch: list[PageCommit]) -> Iterator[dict[str, Any]]:
    """Yields the helper's actions for the documents that the store writes."""
    for commit in batch:
        assert commit.story is not None
        for hit in commit.hits:
            name = document_id(hit.alert, hit.story, hit.version)
            yield {"_index": schema.index_name(prefix, "hits"), "_id": name, "_source": documents.hit_document(hit)}
        for notification in commit.notifications:
            document = documents.notification_document(notification)
            yield {
                "_index": schema.index_name(prefix, "outbox"),
                "_id": document_id(*notification.key),
                "_source": document,
            }
        story = documents.story_document(commit.story, commit.signature)
        yield {"_index": schema.index_name(prefix, "stories"), "_id": commit.story.id, "_source": story}
        entry = documents.frontier_entry_document(replace(commit.entry, outcome=commit.outcome))
        yield {"_index": schema.index_name(prefix, "urls"), "_id": commit.entry.id, "_source": entry}


def open_store(url: str, **settings: Any) -> ElasticsearchStore:
    """Sets up a store under a new prefix; see `delete`."""
    store = ElasticsearchStore.open(StoreSettings(url=url, prefix=f"bench-{uuid.uuid4().hex[:8]}", **settings))
    store.setup()
    return store


def delete(store: ElasticsearchStore) -> None:
    """Deletes the indices of a store."""
    for name in store.cluster.client.indices.get(index=f"{store.cluster.prefix}-*").body:
        store.cluster.client.indices.delete(index=name)


def batches(commits: list[PageCommit]) -> Iterator[list[PageCommit]]:
    for start in range(0, len(commits), BATCH_COMMITS):
        yield commits[start : start + BATCH_COMMITS]


def store_rate(url: str, commits: list[PageCommit]) -> float:
    """Returns the stories a second that the store commits."""
    store = open_store(url)
    began = time.perf_counter()
    for batch in batches(commits):
        assert set(store.commit(batch)) == {CommitResult.WRITTEN}
    seconds = time.perf_counter() - began
    delete(store)
    return len(commits) / seconds


def helper_rate(url: str, commits: list[PageCommit]) -> float:
    """Returns the stories a second whose documents the bulk helper writes."""
    store = open_store(url)
    began = time.perf_counter()
    for batch in batches(commits):
        helpers.bulk(store.cluster.client, actions(store.cluster.prefix, batch))
    seconds = time.perf_counter() - began
    delete(store)
    return len(commits) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--stories", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    commits = [commit_with_hits(story) for story in StoryGenerator().stories(options.stories)]
    helper_rate(options.url, commits[:1000])  # warms the server up
    rates: dict[str, list[float]] = {"store": [], "helper": []}
    for number in range(options.repeats):
        pair = [("store", store_rate), ("helper", helper_rate)]
        for name, measure in pair if number % 2 else reversed(pair):
            rates[name].append(measure(options.url, commits))
    store, helper = (statistics.median(rates[name]) for name in ("store", "helper"))
    print(f"store               {store:8.0f} stories/s")
    print(f"helpers.bulk        {helper:8.0f} stories/s")
    print(f"ratio               {store / helper:8.2f}   (target: at least 0.8)")


if __name__ == "__main__":
    main()
