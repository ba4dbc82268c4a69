"""Access to the documents of one cluster, shared by all parts of the store: get by id, search in pages, bulk write."""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.itertools_compat import batched
from monitor.models import now, rfc3339
from monitor.store.elasticsearch import bulk, schema
from monitor.store.elasticsearch.bulk import DocumentWrite, WriteResult
from monitor.store.elasticsearch.client import error_reason, nested_value, store_error, translated_errors
from monitor.store.elasticsearch.documents import document_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from elasticsearch import Elasticsearch

    from monitor.models import Json

log = logging.getLogger(__name__)

PAGE_DOCUMENTS = 1000  # documents of one response
ALWAYS_REFRESHED_KINDS = frozenset({"outbox", "outlets", "settings"})  # small; processes coordinate through them


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the cluster has it."""

    id: str
    document: Json
    revision: tuple[int, int]  # sequence number and primary term; a write can be made conditional on it
    sort: tuple[Any, ...] = ()


class Cluster:
    """A client and a prefix.

    Reading by id sees every write at once.  A search sees everything that was written through this object, because
    an index is refreshed before the first search after a write.  Writes of other processes are visible within a
    second, and at once in `ALWAYS_REFRESHED_KINDS`.
    """

    def __init__(self, client: Elasticsearch, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self._lock = threading.Lock()
        self._write_counts: Counter[str] = Counter()  # number of writes, by kind
        self._refreshed_write_counts: Counter[str] = Counter()  # number of those that a refresh has made visible
        self._refresh_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def alias(self, kind: str) -> str:
        return schema.alias_name(self.prefix, kind)

    # ---- reading

    def get_documents(
        self, kind: str, ids: Sequence[str], *, fields: Sequence[str] | None = None
    ) -> dict[str, StoredDocument]:
        """Returns the stored documents among ``ids``, by id, reduced to ``fields`` if given (none: empty documents)."""
        stored: dict[str, StoredDocument] = {}
        source = fields or fields is None
        for page in batched(ids, PAGE_DOCUMENTS):
            with translated_errors():
                response = self.client.mget(index=self.alias(kind), ids=page, source=source, realtime=True)
            for item in nested_value(response, "docs"):
                if "error" in item:  # an unavailable shard fails its items, not the request
                    absent = item["error"].get("type") == "index_not_found_exception"
                    raise store_error(404 if absent else 503, error_reason(item["error"]))
                if item["found"]:
                    revision = item["_seq_no"], item["_primary_term"]
                    stored[item["_id"]] = StoredDocument(item["_id"], item.get("_source", {}), revision)
        return stored

    def find(
        self,
        kind: str,
        query: Json,
        *,
        sort: Sequence[Json],
        limit: int | None = None,
        after: Sequence[Any] | None = None,
        fields: Sequence[str] = (),
        without: Sequence[str] = (),
        page: int = PAGE_DOCUMENTS,
        shard: int | None = None,
    ) -> Iterator[StoredDocument]:
        """Yields the matching documents in the order of ``sort``, whose last key must be unique, page by page.

        They hold only ``fields`` if given, and never those of ``without``.  With ``shard`` the search is limited to
        that shard and does not refresh the index.
        """
        if shard is None:
            self.refresh_after_writes(kind)
        while limit is None or limit > 0:
            size = page if limit is None else min(page, limit)
            with translated_errors():
                response = self.client.search(
                    index=self.alias(kind),
                    query=query,
                    sort=list(sort),
                    size=size,
                    search_after=after,
                    source_includes=list(fields) or None,
                    source_excludes=list(without) or None,
                    seq_no_primary_term=True,
                    preference=None if shard is None else f"_shards:{shard}",
                    track_total_hits=False,
                    allow_partial_search_results=False,
                )
            hits = nested_value(response, "hits", "hits")
            for hit in hits:
                yield StoredDocument(
                    hit["_id"], hit["_source"], (hit["_seq_no"], hit["_primary_term"]), tuple(hit["sort"])
                )
            if len(hits) < size:
                return
            after = hits[-1]["sort"]
            limit = None if limit is None else limit - size

    def count_documents(self, kind: str, query: Json) -> int:
        self.refresh_after_writes(kind)
        with translated_errors():
            response = self.client.count(index=self.alias(kind), query=query)
        if nested_value(response, "_shards", "failed"):
            raise StoreUnavailable(f"Elasticsearch could not count all documents of {self.alias(kind)}")
        return int(nested_value(response, "count"))

    def refresh_after_writes(self, kind: str) -> None:
        """Makes everything that any thread wrote through this object visible to a search."""
        if kind in ALWAYS_REFRESHED_KINDS:
            self._refresh_index(kind)
            return
        with self._lock:
            written, refresh_lock = self._write_counts[kind], self._refresh_locks[kind]
        if self._refreshed_write_counts[kind] < written:
            with refresh_lock:  # waits for a running refresh, which may have begun before the last write
                if self._refreshed_write_counts[kind] < written:
                    self._refresh_index(kind)

    def _refresh_index(self, kind: str) -> None:
        with self._lock:
            written = self._write_counts[kind]
        with translated_errors():  # a key that may only read may not refresh, and has written nothing
            self.client.options(ignore_status=403).indices.refresh(index=self.alias(kind))
        with self._lock:
            self._refreshed_write_counts[kind] = max(self._refreshed_write_counts[kind], written)

    def refresh_all_after_writes(self) -> None:
        """Makes everything that was written through this object visible to the searches of all processes."""
        with self._lock:
            kinds = [
                kind for kind, written in self._write_counts.items() if self._refreshed_write_counts[kind] < written
            ]
        for kind in sorted(kinds):
            self.refresh_after_writes(kind)

    # ---- writing

    def write_documents(self, writes: Sequence[DocumentWrite], *, keep_rejected: bool = False) -> list[WriteResult]:
        """Writes documents and returns the results in order; see `bulk.write_all`.

        If the mapping rejects a document, it becomes a dead letter with ``keep``, and raises StoreRefused without.
        """
        results = self._bulk_write(writes)
        if rejected := [pair for pair in zip(writes, results, strict=True) if pair[1].is_rejected]:
            if not keep_rejected:
                write, result = rejected[0]
                raise StoreRefused(
                    f"Elasticsearch rejects the document {write.id} of {self.alias(write.kind)}: {result.reason}"
                )
            self._keep_as_dead_letters(rejected)
        return results

    def _bulk_write(self, writes: Sequence[DocumentWrite]) -> list[WriteResult]:
        if not writes:
            return []
        try:
            return bulk.write_documents(
                self.client, writes, targets={write.kind: self.alias(write.kind) for write in writes}
            )
        finally:
            with self._lock:
                self._write_counts.update(write.kind for write in writes)

    def _keep_as_dead_letters(self, rejected: Sequence[tuple[DocumentWrite, WriteResult]]) -> None:
        """Stores rejected documents as dead letters, to be listed and replayed.

        If a proxy's limit is too small even for that, only the id and the reason are stored.
        """
        for write, result in rejected:
            log.error("%s rejects the document %s: %s", self.alias(write.kind), write.id, result.reason)
        too_large = [pair for pair, kept in self._put_dead_letters(rejected, bodies=True) if not kept.is_done]
        for (write, _), kept in self._put_dead_letters(too_large, bodies=False):
            if not kept.is_done:
                log.error("%s cannot be kept in %s: %s", write.id, self.alias("failed"), kept.reason)

    def _put_dead_letters(
        self, rejected: Sequence[tuple[DocumentWrite, WriteResult]], *, bodies: bool
    ) -> list[tuple[tuple[DocumentWrite, WriteResult], WriteResult]]:
        """Returns each rejected write with the result of storing its dead letter."""
        failed_at = rfc3339(now())
        writes = [
            DocumentWrite(
                kind="failed",
                id=document_id(write.kind, write.id),
                document={
                    "kind": write.kind,
                    "document": write.id,
                    "op": write.op,
                    "body": bulk.json_bytes(write.document).decode() if bodies else "",
                    "reason": result.reason[: schema.MAX_KEYWORD_CHARACTERS],
                    "failed_at": failed_at,
                },
            )
            for write, result in rejected
        ]
        return list(zip(rejected, self._bulk_write(writes), strict=True))
