"""Finds and deletes expired stories and URLs in Elasticsearch, by searches and bulk deletes.

Deletes by query are not used, because they need the reindex module, a privilege for scroll searches, and have no bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.itertools_compat import batched
from monitor.models import from_rfc3339, rfc3339
from monitor.store.elasticsearch import documents, schema
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.cluster import PAGE_DOCUMENTS
from monitor.store.elasticsearch.marks import MARK_SORT
from monitor.store.microseconds import micros
from monitor.store.records import ExpiryKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster
    from monitor.store.records import StoryExpiry

MAX_LOST_PARTITIONS = 10_000  # the newest; locations in earlier ones were deleted with them
EXPIRY_SORT: list[Json] = [{"first_seen_at": "asc"}, {"id": "asc"}]
#: Kinds whose documents belong to a story, in the order in which they are deleted: before the story, so that a killed
#: deletion is repeated.
KINDS_OF_STORY = {
    "outbox": [{"story": "asc"}, {"alert": "asc"}, {"version": "asc"}, {"channel": "asc"}],
    "hits": [{"story": "asc"}, {"alert": "asc"}, {"version": "asc"}],
    "versions": [{"story": "asc"}, {"version": "asc"}],
    "marks": MARK_SORT,
}


class Retention:
    """Implements `monitor.store.protocol.Retention` on Elasticsearch."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def expired_stories(self, expiry: StoryExpiry, *, after: ExpiryKey | None, limit: int) -> list[ExpiryKey]:
        query = _story_query(expiry)
        while True:
            found = self._find_stories(query, after, limit)
            waiting = self._stories_with_unsent([key.id for key in found])
            expired = [key for key in found if key.id not in waiting]
            if expired or len(found) < limit:
                return expired
            after = found[-1]

    def _stories_with_unsent(self, ids: Sequence[str]) -> set[str]:
        """Returns the stories of which a notification waits in the outbox."""
        unsent: Json = {
            "bool": {
                "filter": [{"terms": {"story": list(ids)}}],
                "must_not": [{"exists": {"field": "sent_at"}}],
            }
        }
        found = self._cluster.find("outbox", unsent, sort=KINDS_OF_STORY["outbox"], fields=("story",))
        return {stored.document["story"] for stored in found}

    def drop_expired(self, expiry: StoryExpiry) -> int:
        """See `Store.drop_expired`.  A part is a partition other than the last one."""
        if not self._cluster.partitions.is_allowed:
            return 0
        self._cluster.partitions.open_all()
        self._delete_lost_locations()
        expired: Json = _story_query(expiry)
        kept: Json = {"bool": {"must_not": [expired]}}

        def is_needed(index: str) -> bool:
            return self._cluster.count_documents("stories", kept, index=index) > 0 or self._has_unsent(index)

        for number in self._cluster.partitions.numbers(reread=True)[:-1]:
            index = self._cluster.partitions.index(number)
            if is_needed(index):
                continue
            self._cluster.refresh(index)  # to find what other processes wrote in the last second
            count = 0
            for page in batched(self._cluster.scan("stories", expired, fields=(), index=index), PAGE_DOCUMENTS):
                self._delete_of_stories([stored.id for stored in page])
                count += len(page)
            if self._cluster.partitions.drop(number, unless=is_needed):
                self._delete_lost_locations()
                if count:
                    return count
        return 0

    def _has_unsent(self, index: str) -> bool:
        """Returns True if a notification of a story in the index waits in the outbox."""
        unsent: Json = {"bool": {"must_not": [{"exists": {"field": "sent_at"}}]}}
        waiting = self._cluster.scan("outbox", unsent, fields=("story",))
        return any(
            self._cluster.count_documents("stories", {"ids": {"values": list(stories)}}, index=index)
            for page in batched(waiting, PAGE_DOCUMENTS)
            for stories in [{stored.document["story"] for stored in page}]
        )

    def _delete_lost_locations(self) -> None:
        """Deletes the locations of stories in partitions that were dropped, also by a process that was killed."""
        existing = self._cluster.partitions.numbers(reread=True)
        # None above the newest: another process may make the next partition, and locations in it, at this moment.
        missing = [schema.partition_text(number) for number in range(1, existing[-1]) if number not in existing]
        lost: Json = {"terms": {"partition": missing[-MAX_LOST_PARTITIONS:]}}
        for page in batched(self._cluster.scan("locations", lost, fields=()), PAGE_DOCUMENTS):
            self._cluster.write_documents(  # one that conflicts has got another partition meanwhile
                [
                    DocumentWrite(kind="locations", id=stored.id, document={}, op="delete", revision=stored.revision)
                    for stored in page
                ]
            )

    def delete_stories(self, ids: Sequence[str]) -> int:
        """See `Store.delete_stories`.  The locations stay as long as their partition: another process may know them."""
        self._delete_of_stories(ids)
        return self._delete("stories", ids)

    def _delete_of_stories(self, ids: Sequence[str]) -> None:
        """Deletes the versions, hits and notifications of stories."""
        query: Json = {"terms": {"story": list(ids)}}
        for kind, sort in KINDS_OF_STORY.items():
            found = self._cluster.find(kind, query, sort=sort, fields=("story",))
            self._delete(kind, [stored.id for stored in found])

    def expired_findings(self, before: datetime, *, limit: int) -> Iterator[list[str]]:
        found: set[str] = set()  # a finding is in both kinds
        for kind, field in (("hits", "matched_at"), ("outbox", "created_at")):
            old: Json = {"range": {field: {"lt": rfc3339(before)}}}
            query: Json = {"bool": {"filter": [{"wildcard": {"story": {"value": "*-*"}}}, old]}}
            for page in batched(self._cluster.scan(kind, query, fields=("story",)), limit):
                ids = {stored.document["story"] for stored in page} - found
                found |= ids
                if expired := sorted(ids - self._stories_with_unsent(sorted(ids))):
                    yield expired

    def expired_urls(self, before: datetime, *, limit: int) -> Iterator[list[str]]:
        query: Json = {
            "bool": {
                "filter": [{"range": {"first_seen_at": {"lt": rfc3339(before)}}}],
                "must_not": [{"exists": {"field": "next_at"}}, {"term": {"alias": True}}],
            }
        }
        for page in batched(self._cluster.scan("urls", query, fields=("story",)), limit):
            story_of = {each.id: documents.story_of_url(each.id, each.document) for each in page}
            stored = self._cluster.get_documents(
                "stories", sorted({each for each in story_of.values() if each}), fields=()
            )
            if expired := [url for url, story in story_of.items() if story not in stored]:
                yield expired

    def delete_urls(self, ids: Sequence[str]) -> int:
        entries = self._cluster.get_documents("urls", ids, fields=("story",))
        stories = sorted(
            {story for each in entries.values() if (story := documents.story_of_url(each.id, each.document))}
        )
        aliases: Json = {"bool": {"filter": [{"term": {"alias": True}}, {"terms": {"story": stories}}]}}
        found = list(self._cluster.scan("urls", aliases, fields=("story",))) if stories else []
        self._delete("urls", [stored.id for stored in found])
        return self._delete("urls", ids)

    def give_back_space(self) -> bool:
        return False  # Lucene's merges do

    def compact(self) -> None:
        """Does nothing: Elasticsearch merges segments with many deleted documents by itself."""

    def _find_stories(self, query: Json, after: ExpiryKey | None, limit: int) -> list[ExpiryKey]:
        # Elasticsearch's dates have milliseconds.
        position = [micros(after.first_seen_at) // 1000, after.id] if after else None
        found = self._cluster.find(
            "stories", query, sort=EXPIRY_SORT, after=position, limit=limit, fields=("first_seen_at",)
        )
        return [ExpiryKey(from_rfc3339(each.document["first_seen_at"]), each.id) for each in found]

    def _delete(self, kind: str, ids: Sequence[str]) -> int:
        writes = [DocumentWrite(kind=kind, id=each, document={}, op="delete") for each in ids]
        results = self._cluster.write_documents(writes)
        return sum(result.is_done for result in results)


def _story_query(expiry: StoryExpiry) -> Json:
    def before(time: datetime | None) -> Json:
        return {"range": {"first_seen_at": {"lt": rfc3339(time)}}} if time else {"match_none": {}}

    matched: Json = {"exists": {"field": "alerts"}}
    kept_for_topic: list[Json] = [
        {"bool": {"filter": [{"term": {"topics": topic}}], "must_not": [before(time)]}}
        for topic, time in expiry.topics_before.items()
    ]
    return {
        "bool": {
            "minimum_should_match": 1,
            "should": [
                {"bool": {"filter": [before(expiry.unmatched_before)], "must_not": [matched]}},
                {"bool": {"filter": [before(expiry.matched_before), matched]}},
            ],
            "must_not": kept_for_topic,
        }
    }
