"""What every part of the store asks of the cluster: documents by id, found documents in pages, bulk writes."""

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
from monitor.store.elasticsearch.bulk import Write, WriteResult
from monitor.store.elasticsearch.client import explained, part, reason_of, refusal
from monitor.store.elasticsearch.documents import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from elasticsearch import Elasticsearch

    from monitor.models import Json

log = logging.getLogger(__name__)

PAGE_DOCUMENTS = 1000  # documents of one answer
COORDINATING = frozenset({"outbox", "outlets", "settings"})  # small, and refreshed before every search


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the cluster has it; ``version`` is what a write can be made conditional on."""

    id: str
    document: Json
    version: tuple[int, int]
    sort: tuple[Any, ...] = ()


class Cluster:
    """A client and a prefix.

    Reading by id sees every write at once.  A search sees all that was written through this object, because an index
    that was written to is refreshed before it is searched; what others wrote it sees within a second, and at once
    where processes coordinate (`COORDINATING`).
    """

    def __init__(self, client: Elasticsearch, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self._lock = threading.Lock()
        self._written: Counter[str] = Counter()  # writes of each kind so far
        self._shown: Counter[str] = Counter()  # how many of them a refresh has made visible
        self._refreshing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def alias(self, kind: str) -> str:
        return schema.alias(self.prefix, kind)

    # ---- reading

    def get(self, kind: str, ids: Sequence[str], *, fields: Sequence[str] | None = None) -> dict[str, StoredDocument]:
        """The stored documents among ``ids``, of which only ``fields`` where given; empty ones where these are none."""
        found: dict[str, StoredDocument] = {}
        source = fields or fields is None
        for page in batched(ids, PAGE_DOCUMENTS):
            with explained():
                answer = self.client.mget(index=self.alias(kind), ids=page, source=source, realtime=True)
            for item in part(answer, "docs"):
                if "error" in item:  # a shard that is away fails its items, not the request
                    absent = item["error"].get("type") == "index_not_found_exception"
                    raise refusal(404 if absent else 503, reason_of(item["error"]))
                if item["found"]:
                    version = item["_seq_no"], item["_primary_term"]
                    found[item["_id"]] = StoredDocument(item["_id"], item.get("_source", {}), version)
        return found

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
        """Documents that match, in the order of ``sort`` (whose last key must be unique), a page at a time.

        They hold only ``fields`` where given, and never those of ``without``.  Of one ``shard`` they are those that
        the cluster shows by itself.
        """
        if shard is None:
            self.refresh(kind)
        while limit is None or limit > 0:
            size = page if limit is None else min(page, limit)
            with explained():
                answer = self.client.search(
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
            hits = part(answer, "hits", "hits")
            for hit in hits:
                yield StoredDocument(
                    hit["_id"], hit["_source"], (hit["_seq_no"], hit["_primary_term"]), tuple(hit["sort"])
                )
            if len(hits) < size:
                return
            after = hits[-1]["sort"]
            limit = None if limit is None else limit - size

    def count(self, kind: str, query: Json) -> int:
        self.refresh(kind)
        with explained():
            answer = self.client.count(index=self.alias(kind), query=query)
        if part(answer, "_shards", "failed"):
            raise StoreUnavailable(f"Elasticsearch could not count all of {self.alias(kind)}")
        return int(part(answer, "count"))

    def refresh(self, kind: str) -> None:
        """Makes what was written through this object visible to a search, whichever thread wrote it."""
        if kind in COORDINATING:
            self._refresh(kind)
            return
        with self._lock:
            written, refreshing = self._written[kind], self._refreshing[kind]
        if self._shown[kind] < written:
            with refreshing:  # one under way may have begun before the last write
                if self._shown[kind] < written:
                    self._refresh(kind)

    def _refresh(self, kind: str) -> None:
        with self._lock:
            written = self._written[kind]
        with explained():  # who may only read sees what is visible anyway
            self.client.options(ignore_status=403).indices.refresh(index=self.alias(kind))
        with self._lock:
            self._shown[kind] = max(self._shown[kind], written)

    def refresh_all(self) -> None:
        """Makes all that was written through this object visible to everybody's searches."""
        with self._lock:
            kinds = [kind for kind, written in self._written.items() if self._shown[kind] < written]
        for kind in sorted(kinds):
            self.refresh(kind)

    # ---- writing

    def write(self, writes: Sequence[Write], *, keep: bool = False) -> list[WriteResult]:
        """Writes all and tells the fate of each, in order; see `bulk.bulk`.

        A document that the mapping rejects is, with ``keep``, set aside with its reason; without, StoreRefused.
        """
        results = self._bulk(writes)
        if rejected := [pair for pair in zip(writes, results, strict=True) if pair[1].rejected]:
            if not keep:
                write, why = rejected[0]
                raise StoreRefused(
                    f"Elasticsearch rejects the document {write.id} of {self.alias(write.kind)}: {why.reason}"
                )
            self._keep_rejected(rejected)
        return results

    def _bulk(self, writes: Sequence[Write]) -> list[WriteResult]:
        if not writes:
            return []
        try:
            return bulk.bulk(self.client, writes, names={write.kind: self.alias(write.kind) for write in writes})
        finally:
            with self._lock:
                self._written.update(write.kind for write in writes)

    def _keep_rejected(self, rejected: Sequence[tuple[Write, WriteResult]]) -> None:
        """Sets rejected documents aside, to be shown and replayed.

        One that is too large even for that (a proxy's limit) leaves its id and the reason.
        """
        for write, result in rejected:
            log.error("%s rejects the document %s: %s", self.alias(write.kind), write.id, result.reason)
        refused = [pair for pair, kept in self._put_dead_letters(rejected, bodies=True) if not kept.done]
        for (write, _), kept in self._put_dead_letters(refused, bodies=False):
            if not kept.done:
                log.error("%s cannot be kept in %s: %s", write.id, self.alias("failed"), kept.reason)

    def _put_dead_letters(
        self, rejected: Sequence[tuple[Write, WriteResult]], *, bodies: bool
    ) -> list[tuple[tuple[Write, WriteResult], WriteResult]]:
        moment = rfc3339(now())
        writes = [
            Write(
                kind="failed",
                id=digest(write.kind, write.id),
                document={
                    "kind": write.kind,
                    "document": write.id,
                    "op": write.op,
                    "body": bulk.dumps(write.document).decode() if bodies else "",
                    "reason": result.reason[: schema.MAX_KEYWORD_CHARACTERS],
                    "failed_at": moment,
                },
            )
            for write, result in rejected
        ]
        return list(zip(rejected, self._bulk(writes), strict=True))
