"""Finds and deletes expired stories and URLs in Elasticsearch, by searches and bulk deletes.

Deletes by query are not used, because they need the reindex module, a privilege for scroll searches, and have no bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.models import from_rfc3339, rfc3339
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.marks import MARK_SORT
from monitor.store.microseconds import micros
from monitor.store.records import ExpiryKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster
    from monitor.store.records import StoryExpiry

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

    def delete_stories(self, ids: Sequence[str]) -> int:
        query: Json = {"terms": {"story": list(ids)}}
        for kind, sort in KINDS_OF_STORY.items():
            found = self._cluster.find(kind, query, sort=sort, fields=("story",))
            self._delete(kind, [stored.id for stored in found])
        return self._delete("stories", ids)

    def expired_urls(self, before: datetime, *, after: str, limit: int) -> list[str]:
        query: Json = {
            "bool": {
                "filter": [{"range": {"first_seen_at": {"lt": rfc3339(before)}}}],
                "must_not": [{"exists": {"field": "next_at"}}, {"term": {"alias": True}}],
            }
        }
        while True:
            found = list(
                self._cluster.find("urls", query, sort=[{"id": "asc"}], after=[after], limit=limit, fields=("story",))
            )
            story_of = {each.id: each.document.get("story") for each in found}
            stored = self._cluster.get_documents(
                "stories", sorted({each for each in story_of.values() if each}), fields=()
            )
            expired = [url for url, story in story_of.items() if story not in stored]
            if expired or len(found) < limit:
                return expired
            after = found[-1].id

    def delete_urls(self, ids: Sequence[str]) -> int:
        entries = self._cluster.get_documents("urls", ids, fields=("story",))
        stories = sorted({each.document["story"] for each in entries.values() if each.document.get("story")})
        aliases: Json = {"bool": {"filter": [{"term": {"alias": True}}, {"terms": {"story": stories}}]}}
        found = self._cluster.find("urls", aliases, sort=[{"id": "asc"}], fields=("story",)) if stories else ()
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
