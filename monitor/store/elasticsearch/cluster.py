"""The indices of one monitor in a cluster: gets documents by id, searches page by page, and writes in bulk."""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.itertools_compat import batched
from monitor.models import now, rfc3339
from monitor.store.elasticsearch import bulk, indices, schema
from monitor.store.elasticsearch.bulk import DocumentWrite, WriteResult
from monitor.store.elasticsearch.client import (
    error_reason,
    nested_value,
    search_stopped_error,
    store_error,
    translated_errors,
)
from monitor.store.elasticsearch.documents import document_id
from monitor.store.elasticsearch.locations import Locations
from monitor.store.elasticsearch.partitions import Partitions
from monitor.store.elasticsearch.schema import PARTITIONED_KIND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from elastic_transport import ObjectApiResponse
    from elasticsearch import Elasticsearch

    from monitor.config.schema import StoreSettings
    from monitor.models import Json

log = logging.getLogger(__name__)

POINT_IN_TIME_KEEP_ALIVE = "15m"  # how long a point in time stays open after each response
PAGE_DOCUMENTS = 1000  # maximum number of documents in one response
# Kinds whose indices are small and coordinate processes; a search for them refreshes the index first.
ALWAYS_REFRESHED_KINDS = frozenset({"outbox", "outlets"})


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as it is stored in the cluster."""

    id: str
    document: Json
    revision: tuple[int, int]  # sequence number and primary term; a write can be made conditional on it
    sort: tuple[Any, ...] = ()  # sort values, if the document comes from a search


class Cluster:
    """Reads and writes the documents of one monitor, whose indices begin with ``prefix``, through one client.

    `get_documents` returns every completed write.  A search finds everything that was written through this object,
    because the index is refreshed before the first search after a write, and so after a write that was in conflict with
    one of another process.  A search finds writes of other processes after at most a second, and at once in the indices
    of `ALWAYS_REFRESHED_KINDS`, unless it is made without ``refresh``.
    """

    def __init__(self, client: Elasticsearch, settings: StoreSettings) -> None:
        self.client = client
        self.prefix = settings.prefix
        self.settings = settings
        self._set_up_kinds: set[str] = set()
        self.partitions = Partitions(self, settings.rollover)
        self.locations = Locations(self, self.partitions)
        self._lock = threading.Lock()
        # Numbers of documents by kind: written through this object, and those of them that a refresh made visible.
        self._write_counts: Counter[str] = Counter()
        self._refreshed_write_counts: Counter[str] = Counter()
        self._refresh_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def alias(self, kind: str) -> str:
        """Returns the name of the alias of a kind's index."""
        return schema.alias_name(self.prefix, kind)

    # ---- reading

    def get_documents(
        self, kind: str, ids: Sequence[str], *, fields: Sequence[str] | None = None
    ) -> dict[str, StoredDocument]:
        """Returns the stored documents by id; leaves out ids that are not stored.

        With ``fields``, the documents have only these fields; with an empty ``fields``, they are empty.
        """
        stored, absent = self._get(kind, ids, fields)
        if absent:  # in partitions that do not exist: another process may have stored them in another one since
            existing = set(map(self.partitions.index, self.partitions.numbers(reread=True)))
            self.locations.forget(absent)
            stored_since, absent = self._get(kind, list(absent), fields)
            stored |= stored_since
            if broken := existing.intersection(absent.values()):
                raise store_error(404, f"no such index [{min(broken)}]")
        return stored

    def _get(
        self, kind: str, ids: Sequence[str], fields: Sequence[str] | None
    ) -> tuple[dict[str, StoredDocument], dict[str, str]]:
        """Returns the stored documents by id, and the indices that do not exist of stories that should be in them."""
        index_of = self._indices_of_stored(kind, ids)
        stored: dict[str, StoredDocument] = {}
        absent: dict[str, str] = {}
        source = fields or fields is None
        for page in batched(index_of, PAGE_DOCUMENTS):
            docs = [{"_index": index_of[name], "_id": name} for name in page]
            with translated_errors():
                response = self.client.mget(docs=docs, source=source, realtime=True)
            for item in nested_value(response, "docs"):
                if "error" in item:  # mget succeeds even if a shard or the index is missing
                    is_absent = item["error"].get("type") == "index_not_found_exception"
                    if not (is_absent and kind == PARTITIONED_KIND):
                        raise store_error(404 if is_absent else 503, error_reason(item["error"]))
                    absent[item["_id"]] = item["_index"]
                elif item["found"]:
                    revision = item["_seq_no"], item["_primary_term"]
                    stored[item["_id"]] = StoredDocument(item["_id"], item.get("_source", {}), revision)
        return stored, absent

    def _indices_of_stored(self, kind: str, ids: Sequence[str]) -> dict[str, str]:
        """Returns the index or alias that has each document if it is stored; leaves out ids that are not stored."""
        if kind == PARTITIONED_KIND:
            return {name: self.partitions.index(number) for name, number in self.locations.find(ids).items()}
        return dict.fromkeys(ids, self.alias(kind))

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
        shard: tuple[str, int] | None = None,
        refresh: bool = True,
        max_seconds: float | None = None,
        search_type: Literal["dfs_query_then_fetch"] | None = None,
    ) -> Iterator[StoredDocument]:
        """Yields up to ``limit`` documents that match a query, in the order of ``sort``.

        Its last key must be unique if ``limit`` may exceed ``page``, else some of equal documents may be left out.
        ``after`` are the sort values of the document before the first.  The documents have only ``fields``, if given,
        and not the fields in ``without``.  Each response has up to ``page`` documents.  With ``shard``, the name of an
        index and a number, searches only that shard.  Without ``refresh``, may not find the writes of the last second.
        Raises StoreRefused if the server needs more than ``max_seconds`` for a response.
        """
        if refresh:
            self._refresh_before_search(kind)
        while limit is None or limit > 0:
            size = page if limit is None else min(page, limit)
            with translated_errors():
                response = self.client.search(
                    index=shard[0] if shard else self.alias(kind),
                    query=query,
                    sort=list(sort),
                    size=size,
                    search_after=after,
                    source_includes=list(fields) or None,
                    source_excludes=list(without) or None,
                    seq_no_primary_term=True,
                    preference=f"_shards:{shard[1]}" if shard else None,
                    track_total_hits=False,
                    allow_partial_search_results=False,
                    timeout=_timeout(max_seconds),
                    search_type=search_type,
                )
            hits = nested_value(response, "hits", "hits")
            _require_in_time(response)
            for hit in hits:
                yield StoredDocument(
                    hit["_id"], hit["_source"], (hit["_seq_no"], hit["_primary_term"]), tuple(hit["sort"])
                )
            if len(hits) < size:
                return
            after = hits[-1]["sort"]
            limit = None if limit is None else limit - size

    def scan(
        self, kind: str, query: Json, *, fields: Sequence[str] | None = None, index: str | None = None
    ) -> Iterator[StoredDocument]:
        """Yields the documents that match a query at this moment, in any order; with ``fields`` only these fields.

        With ``index``, those of an index that need not be behind the alias.
        """
        self._refresh_before_search(kind)
        source: Any = True if fields is None else list(fields) or False
        with translated_errors():
            opened = self.client.open_point_in_time(
                index=index or self.alias(kind), keep_alive=POINT_IN_TIME_KEEP_ALIVE
            )
        point_in_time, after = opened["id"], None
        try:
            while True:
                with translated_errors():
                    response = self.client.search(
                        pit={"id": point_in_time, "keep_alive": POINT_IN_TIME_KEEP_ALIVE},
                        query=query,
                        size=PAGE_DOCUMENTS,
                        sort=[{"_shard_doc": "asc"}],
                        search_after=after,
                        source=source,
                        seq_no_primary_term=True,
                        track_total_hits=False,
                        allow_partial_search_results=False,
                    )
                hits = nested_value(response, "hits", "hits")
                for hit in hits:
                    revision = hit["_seq_no"], hit["_primary_term"]
                    yield StoredDocument(hit["_id"], hit.get("_source", {}), revision)
                if len(hits) < PAGE_DOCUMENTS:
                    return
                point_in_time, after = response["pit_id"], hits[-1]["sort"]
        finally:
            with suppress(StoreUnavailable, StoreRefused), translated_errors():  # it closes by itself
                self.client.options(ignore_status=404).close_point_in_time(id=point_in_time)

    def composite_buckets(
        self, kind: str, query: Json, *, keys: Sequence[Json], aggregations: Json, refresh: bool = True
    ) -> Iterator[tuple[Json, int, Json]]:
        """Yields each combination of ``keys`` in the matching documents: values, number of documents, complete bucket.

        ``keys`` are the sources of a composite aggregation, ``aggregations`` those within each of its buckets.
        """
        if refresh:
            self._refresh_before_search(kind)
        composite: Json = {"size": PAGE_DOCUMENTS, "sources": list(keys)}
        while True:
            with translated_errors():
                response = self.client.search(
                    index=self.alias(kind),
                    query=query,
                    size=0,
                    aggregations={"buckets": {"composite": composite, "aggregations": aggregations}},
                    track_total_hits=False,
                    allow_partial_search_results=False,
                )
            result = nested_value(response, "aggregations", "buckets")
            for bucket in result["buckets"]:
                yield bucket["key"], bucket["doc_count"], bucket
            if "after_key" not in result:
                return
            composite["after"] = result["after_key"]

    def aggregate(
        self, kind: str, query: Json, aggregations: Json, *, max_seconds: float | None = None
    ) -> tuple[int, Json]:
        """Returns the number of documents that match a query, and the results of the aggregations by name.

        Raises StoreRefused if the server needs more than ``max_seconds``.
        """
        self._refresh_before_search(kind)
        with translated_errors():
            response = self.client.search(
                index=self.alias(kind),
                query=query,
                size=0,
                aggregations=aggregations,
                track_total_hits=True,
                allow_partial_search_results=False,
                timeout=_timeout(max_seconds),
            )
        total = int(nested_value(response, "hits", "total", "value"))
        _require_in_time(response)
        return total, nested_value(response, "aggregations") if aggregations else {}

    def count_documents(self, kind: str, query: Json, *, index: str | None = None) -> int:
        """Returns the number of documents that match, with ``index`` in one of the kind's indices.

        Raises StoreUnavailable if a shard could not be counted.
        """
        self._refresh_before_search(kind)
        with translated_errors():
            response = self.client.count(index=index or self.alias(kind), query=query)
        shards = nested_value(response, "_shards")
        if shards["failed"] or shards["successful"] < shards["total"]:
            raise StoreUnavailable(f"Elasticsearch could not count all documents of {index or self.alias(kind)}")
        return int(nested_value(response, "count"))

    def _refresh_before_search(self, kind: str) -> None:
        if kind in ALWAYS_REFRESHED_KINDS:
            self._refresh_index(kind)
        else:
            self.refresh_after_writes(kind)

    def refresh_after_writes(self, kind: str) -> None:
        """Refreshes a kind's index if anything was written through this object since its last refresh."""
        with self._lock:
            written, refresh_lock = self._write_counts[kind], self._refresh_locks[kind]
        if self._refreshed_write_counts[kind] < written:
            with refresh_lock:  # waits until a running refresh ends, which may have begun before the last write
                if self._refreshed_write_counts[kind] < written:
                    self._refresh_index(kind)

    def _refresh_index(self, kind: str) -> None:
        with self._lock:
            written = self._write_counts[kind]
        self.refresh(self.alias(kind))
        with self._lock:
            self._refreshed_write_counts[kind] = max(self._refreshed_write_counts[kind], written)

    def refresh(self, index: str) -> None:
        """Makes all writes to an index or alias visible to searches, unless the key may not write."""
        with translated_errors():  # 403: a key without write privileges may not refresh, and has written nothing
            self.client.options(ignore_status=403).indices.refresh(index=index)

    def refresh_all_after_writes(self) -> None:
        """Refreshes all indices with unrefreshed writes of this object, so that every process finds these writes."""
        with self._lock:
            kinds = [
                kind for kind, written in self._write_counts.items() if self._refreshed_write_counts[kind] < written
            ]
        for kind in sorted(kinds):
            self.refresh_after_writes(kind)

    # ---- writing

    def write_documents(self, writes: Sequence[DocumentWrite], *, keep_rejected: bool = False) -> list[WriteResult]:
        """Writes documents and returns one result for each, in order; see `bulk.write_documents`.

        Documents that the mapping rejects become dead letters if ``keep_rejected`` is True; otherwise raises
        StoreRefused.
        """
        results = self.bulk_write(writes)
        if rejected := [pair for pair in zip(writes, results, strict=True) if pair[1].is_rejected]:
            if not keep_rejected:
                write, result = rejected[0]
                raise StoreRefused(
                    f"Elasticsearch rejects the document {write.id} of {self.alias(write.kind)}: {result.reason}"
                )
            self._keep_as_dead_letters(rejected)
        return results

    def bulk_write(self, writes: Sequence[DocumentWrite]) -> list[WriteResult]:
        """Writes documents to the indices of their kinds, and counts them for `refresh_after_writes`.

        Raises StoreRefused if an index does not exist.
        """
        if not writes:
            return []
        stories = [write for write in writes if write.kind == PARTITIONED_KIND]
        locations = self.locations.assign(write.id for write in stories if write.op != "delete")
        locations |= self.locations.find(write.id for write in stories if write.op == "delete")
        results = self._write(writes, locations)
        if misplaced := [number for number, result in enumerate(results) if result.is_misplaced]:
            results = self._write_to_other_partitions(writes, results, misplaced)
        return results

    def _write_to_other_partitions(
        self, writes: Sequence[DocumentWrite], results: Sequence[WriteResult], misplaced: Sequence[int]
    ) -> list[WriteResult]:
        """Writes stories whose partitions were dropped to those for new stories; returns the results of all writes."""
        again = [writes[number] for number in misplaced]
        if not all(write.kind == PARTITIONED_KIND for write in again):
            raise store_error(404, next(result.reason for result in results if result.is_misplaced))
        locations = self.locations.reassign(write.id for write in again if write.op != "delete")
        repeated = dict(zip(misplaced, self._write(again, locations), strict=True))
        for result in repeated.values():
            if result.is_misplaced:
                raise store_error(404, result.reason)
        return [repeated.get(number, result) for number, result in enumerate(results)]

    def _write(self, writes: Sequence[DocumentWrite], locations: Mapping[str, int]) -> list[WriteResult]:
        """Writes documents, stories to the partitions in ``locations``; a story without one counts as not stored."""
        self._require_indices({write.kind for write in writes})
        located = [write for write in writes if write.kind != PARTITIONED_KIND or write.id in locations]
        targets = [
            self.partitions.index(locations[write.id])
            if write.kind == PARTITIONED_KIND
            else schema.index_name(self.prefix, write.kind)
            for write in located
        ]
        try:
            written = iter(bulk.write_documents(self.client, located, targets))
        finally:
            with self._lock:
                self._write_counts.update(write.kind for write in located)
        is_located = set(map(id, located))
        return [next(written) if id(write) in is_located else WriteResult(404, "not stored") for write in writes]

    def _require_indices(self, kinds: set[str]) -> None:
        """Raises StoreRefused if a kind has no index with the mapping of this program; asks once for each kind.

        Without templates, which `setup` makes, a write would make an index with a guessed mapping.
        """
        if kinds <= self._set_up_kinds:
            return
        current = {
            name.kind
            for name in indices.stored_indices(self).values()
            if name.version == schema.MAPPING_VERSIONS[name.kind]
        }
        if missing := sorted(kinds - current):
            raise StoreRefused(
                f"the store is not set up: {self.alias(missing[0])} has no index with the mapping of this program",
                hint="media-monitor setup",
            )
        self._set_up_kinds |= current

    def _keep_as_dead_letters(self, rejected: Sequence[tuple[DocumentWrite, WriteResult]]) -> None:
        """Stores rejected documents as dead letters.

        If a dead letter is too large for a proxy, stores it again without the document's body.
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
        """Stores a dead letter for each pair of a write and its rejection.

        Returns each pair together with the result of storing its dead letter.

        Without ``bodies``, the dead letters do not contain the documents.
        """
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
        return list(zip(rejected, self.bulk_write(writes), strict=True))


def _timeout(max_seconds: float | None) -> str | None:
    return None if max_seconds is None else f"{1000 * max_seconds:.0f}ms"


def _require_in_time(response: ObjectApiResponse[Any]) -> None:
    """Raises StoreRefused if the server stopped a search at its time limit, and so returned a part of the results."""
    if response.body.get("timed_out"):
        raise search_stopped_error()
