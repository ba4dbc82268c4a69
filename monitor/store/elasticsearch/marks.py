"""The marks and saved searches of a store in Elasticsearch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.errors import StoreUnavailable
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.documents import document_id
from monitor.store.records import MarkKind, TagCount

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster
    from monitor.store.records import Mark, SavedSearch

#: Each mark has one place in this order, which is also that of copies and deletions.
MARK_SORT: list[Json] = [{"story": "asc"}, {"kind": "asc"}, {"key": "asc"}]
SEARCH_SORT: list[Json] = [{"name_key": "asc"}]
MAX_NAME_ATTEMPTS = 5  # each fails only if another process has written the same name meanwhile


class Marks:
    """Implements `monitor.store.protocol.Marks` on Elasticsearch."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def put_marks(self, marks: Sequence[Mark]) -> int:
        """See `Store.put_marks`.  A mark of a story that is deleted at the same time may stay; no search shows it."""
        stories = self._cluster.get_documents("stories", sorted({mark.story for mark in marks}), fields=())
        writes = [mark_write(mark) for mark in marks if mark.story in stories]
        self._cluster.write_documents(writes)
        return len(writes)

    def delete_mark(self, kind: MarkKind, story: str, key: str) -> bool:
        name = document_id(kind.value, story, key)
        (result,) = self._cluster.write_documents([DocumentWrite(kind="marks", id=name, document={}, op="delete")])
        return result.is_done

    def marks(self, stories: Sequence[str], *, user: str) -> list[Mark]:
        of_all: Json = {"terms": {"kind": [MarkKind.TAG.value, MarkKind.NOTE.value]}}
        query: Json = {
            "bool": {
                "filter": [{"terms": {"story": list(stories)}}],
                "should": [of_all, {"term": {"key": user}}],
                "minimum_should_match": 1,
            }
        }
        found = [documents.read_mark(stored.document) for stored in self._cluster.find("marks", query, sort=MARK_SORT)]
        return sorted(found, key=lambda mark: (mark.made_at, mark.identity))

    def marked_stories(self, kind: MarkKind, key: str, *, limit: int) -> list[str]:
        query: Json = {"bool": {"filter": [{"term": {"kind": kind.value}}, {"term": {"key": key}}]}}
        order: list[Json] = [{"made_at": "desc"}, {"story": "desc"}]
        found = self._cluster.find("marks", query, sort=order, limit=limit, fields=("story",))
        return [stored.document["story"] for stored in found]

    def tag_counts(self, *, limit: int) -> list[TagCount]:
        newest: Json = {"top_hits": {"size": 1, "sort": [{"made_at": "desc"}], "_source": ["text"]}}
        order: list[Json] = [{"_count": "desc"}, {"_key": "asc"}]
        tags: Json = {"terms": {"field": "key", "size": limit, "order": order}, "aggregations": {"newest": newest}}
        _, results = self._cluster.aggregate("marks", {"term": {"kind": MarkKind.TAG.value}}, {"tags": tags})
        return [
            TagCount(
                key=bucket["key"],
                name=bucket["newest"]["hits"]["hits"][0]["_source"]["text"],
                count=bucket["doc_count"],
            )
            for bucket in results["tags"]["buckets"]
        ]

    def count_marks(self) -> int:
        return self._cluster.count_documents("marks", {"match_all": {}})


class SavedSearches:
    """Implements `monitor.store.protocol.SavedSearches` on Elasticsearch.

    The id of a document is a hash of the search's name, so that Elasticsearch refuses a second one of that name.  A new
    name is another document, written before the old one is deleted; if the process is killed in between, two documents
    have the id of the search, and only the one that was changed last counts.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def saved_searches(self) -> list[SavedSearch]:
        stored = self._documents()
        current = _current_names(stored)
        return [search for name, search in stored.items() if current[search.id] == name]

    def put_search(self, search: SavedSearch) -> bool:
        """See `Store.put_search`.  Raises StoreUnavailable if other processes keep writing the same name."""
        write = search_write(search)
        for _ in range(MAX_NAME_ATTEMPTS):
            stored = self._documents()
            existing = self._cluster.get_documents("searches", [write.id]).get(write.id)
            if existing is not None:
                holder = documents.read_search(existing.document)
                is_former = any(
                    other.id == holder.id and other.updated_at > holder.updated_at for other in stored.values()
                )
                if holder.id != search.id and not is_former:
                    return False
                write = replace(write, op="index", revision=existing.revision)
            if self._cluster.write_documents([write])[0].is_done:
                self._delete([name for name, other in stored.items() if other.id == search.id and name != write.id])
                return True
        raise StoreUnavailable("other processes are writing a search of this name")

    def delete_search(self, identifier: str) -> bool:
        """See `Store.delete_search`.  Deletes the document that counts last, so that no former one is left to count."""
        stored = self._documents()
        current = _current_names(stored).get(identifier)
        if current is None:
            return False
        self._delete([name for name, search in stored.items() if search.id == identifier and name != current])
        return self._delete([current]) > 0

    def _documents(self) -> dict[str, SavedSearch]:
        """Returns all stored searches by the ids of their documents, former ones too, in the order of their names."""
        found = self._cluster.find("searches", {"match_all": {}}, sort=SEARCH_SORT)
        return {stored.id: documents.read_search(stored.document) for stored in found}

    def _delete(self, names: Sequence[str]) -> int:
        writes = [DocumentWrite(kind="searches", id=name, document={}, op="delete") for name in names]
        return sum(result.is_done for result in self._cluster.write_documents(writes))


def _current_names(stored: Mapping[str, SavedSearch]) -> dict[str, str]:
    """Returns, by the id of each search, the id of the document that counts: the one that was changed last."""
    in_order = sorted(stored.items(), key=lambda item: item[1].updated_at)
    return {search.id: name for name, search in in_order}


def mark_write(mark: Mark) -> DocumentWrite:
    return DocumentWrite(kind="marks", id=document_id(*mark.identity), document=documents.mark_document(mark))


def search_write(search: SavedSearch) -> DocumentWrite:
    """Returns the write that creates a search, unless its name exists."""
    document = documents.search_document(search)
    return DocumentWrite(kind="searches", id=document_id(search.name_key), document=document, op="create")
