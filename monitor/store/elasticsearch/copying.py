"""Copies the documents of an index to another one while other processes write to the first."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.itertools_compat import batched
from monitor.store.elasticsearch import bulk, indices, schema
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.client import error_reason, nested_value, translated_errors
from monitor.store.elasticsearch.locations import location_write
from monitor.time_text import short_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster
    from monitor.store.elasticsearch.transforms import WriteTransform

log = logging.getLogger(__name__)

PAGE_DOCUMENTS = 1000
PROGRESS_SECONDS = 10.0  # between two messages
STORE_SECONDS = 60.0  # between two times that the progress is stored, which changes the state of the cluster
#: In the ``_meta`` of the new index, by shard of the old one: the sequence number up to which documents are copied,
#: and that of the beginning, up to which a copy is never newer than the document.
COPIED, BASE = "copied", "base"


class IndexCopy:
    """A copy of an index under way: each `catch_up` copies what has been written since the one before.

    A document of the beginning is created in the new index, a later state of it has its sequence number as external
    version: so neither replaces a newer state, and any number of processes may copy at once.  The progress is stored
    in the new index, so that a killed copy goes on where it was.
    """

    def __init__(
        self, cluster: Cluster, kind: str, old: str, new: str, transform: WriteTransform, *, meta: Json
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._old, self._new = old, new
        self._transform = transform
        self._meta = meta
        self._base = {int(shard): number for shard, number in meta[BASE].items()}
        self._copied = {int(shard): number for shard, number in meta[COPIED].items()}
        self._progress_at = self._stored_at = time.monotonic()

    @classmethod
    def begin(cls, cluster: Cluster, kind: str, old: str, new: str, transform: WriteTransform) -> IndexCopy:
        """Makes the new index, or takes up the copy to an existing one."""
        base = {str(number): shard.checkpoint for number, shard in indices.shard_states(cluster, old).items()}
        partition = schema.parse_index_name(cluster.prefix, new)
        assert partition is not None
        indices.create_index(
            cluster,
            kind,
            partition.partition or schema.FIRST_PARTITION,
            is_visible=False,
            meta={**_times(indices.index_meta(cluster, old)), BASE: base, COPIED: dict.fromkeys(base, -1)},
        )
        meta = indices.index_meta(cluster, new)
        if BASE not in meta:  # made by the copy of an earlier version
            meta = {**meta, BASE: base, COPIED: dict.fromkeys(base, -1)}
        copy = cls(cluster, kind, old, new, transform, meta=meta)
        is_new = all(number == -1 for number in copy._copied.values())
        log.info("%s %s to %s", "copying" if is_new else "taking up the copy of", old, new)
        return copy

    def catch_up(self) -> int:
        """Copies what has been written since the last call, or since the beginning; returns how many documents."""
        states = indices.shard_states(self._cluster, self._old)
        with translated_errors():
            self._cluster.client.indices.refresh(index=self._old)
        total = sum(shard.documents for shard in states.values())
        count, began = 0, time.monotonic()
        done_before = self._documents_up_to(states)
        for number in states:
            for page in batched(self._written_since(number), PAGE_DOCUMENTS):
                self._copy(list(page), self._base.get(number, -1))
                count += len(page)
                # Up to the checkpoint all writes are visible; of later ones, some may become visible later.
                self._copied[number] = min(page[-1][1], states[number].checkpoint)
                self._report(done_before + count, total, began, count)
            self._copied[number] = states[number].checkpoint
        self._store_progress()
        return count

    def complete(self, *, can_delete: bool) -> int:
        """Checks the copy of an index that takes no writes any more; returns the number of documents in the new one.

        With ``can_delete``, deletes copies of documents that were deleted meanwhile, which reads the complete new index
        if there are any.
        Raises StoreRefused if the new index has fewer documents than the old one, and StoreUnavailable if a shard could
        not be counted.
        """
        old_count, new_count = self._count(self._old), self._count(self._new)
        if old_count < new_count and can_delete:
            self.delete_deleted()
            new_count = self._count(self._new)
        if old_count > new_count:
            raise StoreRefused(f"{self._old} has {old_count} documents, its copy {self._new} only {new_count}")
        return new_count

    def _count(self, index: str) -> int:
        with translated_errors():
            self._cluster.client.indices.refresh(index=index)
        return self._cluster.count_documents(self._kind, {"match_all": {}}, index=index)

    def _documents_up_to(self, states: dict[int, indices.ShardState]) -> int:
        """Estimates how many documents are copied already, from the sequence numbers."""
        return sum(
            round(state.documents * min(1.0, (self._copied.get(number, -1) + 1) / (state.checkpoint + 1)))
            for number, state in states.items()
            if state.checkpoint >= 0
        )

    def _written_since(self, shard: int) -> Iterator[tuple[DocumentWrite, int]]:
        """Yields the documents of a shard behind the copied sequence number, each with its number, in their order."""
        after = self._copied.get(shard, -1)
        for stored in self._cluster.find(
            self._kind,
            {"range": {"_seq_no": {"gt": after}}},
            sort=[{"_seq_no": "asc"}],
            shard=(self._old, shard),
            page=PAGE_DOCUMENTS,
            refresh=False,
        ):
            yield DocumentWrite(kind=self._kind, id=stored.id, document=stored.document), stored.revision[0]

    def _copy(self, page: list[tuple[DocumentWrite, int]], base: int) -> None:
        copies = [
            replace(self._transform(write), op="create")
            if number <= base
            else replace(self._transform(write), external_version=number + 2)  # a created document has version 1
            for write, number in page
        ]
        if self._kind == schema.PARTITIONED_KIND:
            self._locate([write.id for write in copies])
        results = bulk.write_documents(self._cluster.client, copies, [self._new] * len(copies))
        for write, result in zip(copies, results, strict=True):
            if not (result.is_done or result.is_conflict):
                raise StoreRefused(f"the document {write.id} does not fit {self._new}: {result.reason}")

    def _locate(self, stories: list[str]) -> None:
        """Makes the locations of stories, before the stories."""
        name = schema.parse_index_name(self._cluster.prefix, self._new)
        assert name is not None
        self._cluster.write_documents([location_write(story, name.partition or 1) for story in stories])

    def delete_deleted(self) -> None:
        """Deletes from the new index the documents that the old one does not have; reads the complete new index.

        Other processes may write and copy meanwhile: a copy that has changed since it was read is not deleted.
        Raises StoreUnavailable if a document of the old index could not be looked up.
        """
        client = self._cluster.client
        log.info("looking in %s for documents that were deleted in %s meanwhile", self._new, self._old)
        with translated_errors():
            client.indices.refresh(index=self._new)
        copies = self._cluster.scan(self._kind, {"match_all": {}}, fields=(), index=self._new)
        for page in batched(copies, PAGE_DOCUMENTS):
            with translated_errors():
                response = client.mget(index=self._old, ids=[stored.id for stored in page], source=False)
            items = nested_value(response, "docs")
            if error := next((item["error"] for item in items if "error" in item), None):
                raise StoreUnavailable(f"{self._old} could not be compared with {self._new}: {error_reason(error)}")
            writes = [
                DocumentWrite(kind=self._kind, id=stored.id, document={}, op="delete", revision=stored.revision)
                for stored, item in zip(page, items, strict=True)
                if not item["found"]
            ]
            bulk.write_documents(client, writes, [self._new] * len(writes))

    # ---- progress

    def _report(self, done: int, total: int, began: float, count: int) -> None:
        """Logs the progress with the time left, and stores it, if that has not been done for a while."""
        now = time.monotonic()
        if now - self._progress_at < PROGRESS_SECONDS:
            return
        self._progress_at = now
        rate = count / (now - began)
        left = timedelta(seconds=round(max(total - done, 0) / rate))
        log.info(
            "%s: %d of about %d documents copied, %d a second, %s left",
            self._new,
            min(done, total),
            total,
            rate,
            short_duration(left),
        )
        if now - self._stored_at >= STORE_SECONDS:
            self._store_progress()
            self._stored_at = now

    def _store_progress(self) -> None:
        meta = {**self._meta, COPIED: {str(number): copied for number, copied in self._copied.items()}}
        with translated_errors():
            self._cluster.client.indices.put_mapping(index=self._new, meta=meta)


def _times(meta: Json) -> Json:
    """Returns when an index was made, for the one that replaces it."""
    return {name: value for name, value in meta.items() if name == indices.OPENED_AT}
