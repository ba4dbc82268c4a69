"""A per-process copy of the stories' signatures, to find near-duplicates without a request to the cluster.

A search over HTTP takes milliseconds and needs a refresh after every write; a local table takes a fraction of one.
The table is in a temporary file that SQLite deletes by itself, about 1 KB a story, so that memory stays bounded.  A
thread keeps it up to date by the sequence numbers that Elasticsearch assigns to all writes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import apsw

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.itertools_compat import batched
from monitor.models import from_rfc3339, rfc3339
from monitor.store import signature_index
from monitor.store.elasticsearch.client import nested_value, translated_errors
from monitor.store.elasticsearch.documents import unpack_signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster, StoredDocument

log = logging.getLogger(__name__)

MAX_REFUSALS = 10  # of reads in a row, before the copy is given up
FOLLOW_SECONDS = 1.0  # between two reads of new writes; the server makes writes visible as often
MAX_LAG_SECONDS = 3.0  # age of the last read up to which the copy is used instead of a search
OVERLAP_SEQUENCE_NUMBERS = 2000  # read again each time: of concurrent writes, a lower number may become visible later
MIN_LOOKUPS = 500  # lookups by search before a process makes a copy; a single crawl need not read two weeks of stories
PAGE_SIGNATURES = 2000  # signatures of one response
CACHE_BYTES = 64 << 20  # of the file's pages kept in memory

#: A story is kept as long as its signature.
_STORY_TABLE = """
CREATE TABLE story (sort_key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, cluster TEXT NOT NULL) STRICT;
CREATE TRIGGER story_expires AFTER DELETE ON signature BEGIN DELETE FROM story WHERE sort_key = old.sort_key; END;
"""
_SORT_KEY_AND_CLUSTER = "SELECT sort_key, cluster FROM story WHERE id = ?"
_PUT_STORY = "INSERT OR REPLACE INTO story (sort_key, id, cluster) VALUES (?, ?, ?)"


@dataclass(frozen=True, kw_only=True, slots=True)
class StorySignature:
    """The fields of a story that near-duplicate lookup needs; an empty signature is not stored."""

    story: str
    cluster: str
    first_seen_at: datetime
    signature: tuple[int, ...]


class SignatureTable:
    """A table of signatures in a temporary file, usable from several threads."""

    def __init__(self) -> None:
        self._connection = apsw.Connection("")
        self._connection.pragma("journal_mode", "OFF")
        self._connection.pragma("cache_size", -CACHE_BYTES >> 10)
        self._connection.execute(signature_index.TABLES + _STORY_TABLE)
        self._lock = threading.Lock()
        self._sort_key = 0

    def put(self, signatures: Iterable[StorySignature]) -> None:
        """Stores signatures; each replaces the previous one of its story."""
        with self._lock, self._connection:
            latest = {signed.story: signed for signed in signatures}
            added: dict[int, tuple[datetime, Sequence[int]]] = {}
            for signed in latest.values():
                row = self._connection.execute(_SORT_KEY_AND_CLUSTER, (signed.story,)).get
                if row:
                    sort_key, cluster = row
                    if cluster == signed.cluster and signature_index.holds(
                        self._connection, sort_key, signed.signature
                    ):
                        continue
                    signature_index.drop(self._connection, sort_key)
                if signed.signature:
                    self._sort_key += 1
                    self._connection.execute(_PUT_STORY, (self._sort_key, signed.story, signed.cluster))
                    added[self._sort_key] = signed.first_seen_at, signed.signature
            signature_index.put(self._connection, added)

    def find(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """See `Store.near_duplicates`."""
        with self._lock:
            return signature_index.find(self._connection, signature, since=since)

    def close(self) -> None:
        with self._lock:
            self._connection.close()


@dataclass(kw_only=True, slots=True)
class ShardProgress:
    """How far a shard has been read: the highest sequence number, and the last ones that were read."""

    highest: int = -1
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=OVERLAP_SEQUENCE_NUMBERS))


class SignatureCache:
    """Signatures of the stories first seen since a time, kept up to date by a thread while they are looked up."""

    def __init__(self, cluster: Cluster, *, since: datetime) -> None:
        self._cluster = cluster
        self._since = since
        self._signatures = SignatureTable()
        self._shards: dict[tuple[str, int], ShardProgress] = {}  # by index name and shard number
        self._read_at = float("-inf")  # monotonic time at which the last complete read began
        self._lookup, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name="signature cache", daemon=True)
        self._thread.start()

    def find(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]] | None:
        """See `Store.near_duplicates`.  Returns None if the copy is incomplete or out of date."""
        self._lookup.set()
        if self._stopped.is_set() or time.monotonic() - self._read_at > MAX_LAG_SECONDS:
            return None
        try:
            return self._signatures.find(signature, since=since)
        except apsw.Error as error:
            self._disable(error)
            return None

    def put(self, signatures: Iterable[StorySignature]) -> None:
        """Adds stories that this process has written, which the thread would read later."""
        if not self._stopped.is_set():
            try:
                self._signatures.put(signatures)
            except apsw.Error as error:
                self._disable(error)

    def close(self, timeout: float) -> None:
        """Stops the thread; waits up to ``timeout`` seconds for its running request."""
        self._stopped.set()
        self._lookup.set()
        self._thread.join(timeout)
        self._signatures.close()

    def _disable(self, error: Exception) -> None:
        self._stopped.set()
        self._lookup.set()
        log.warning("the copy of the signatures failed, near-duplicates are searched for in the cluster: %s", error)

    def _follow(self) -> None:
        refusals = 0  # in a row: the first may be that of an index of stories that was dropped meanwhile
        while self._lookup.wait() and not self._stopped.is_set():
            self._lookup.clear()
            began = time.monotonic()
            try:
                self._read_new()
                self._read_at, refusals = began, 0
            except StoreUnavailable as error:  # lookups now search the cluster and meet the same error
                log.debug("new signatures cannot be read for now: %s", error)
            except StoreRefused as error:
                refusals += 1
                if refusals == MAX_REFUSALS:
                    self._disable(error)
            except apsw.Error as error:
                self._disable(error)
            self._stopped.wait(FOLLOW_SECONDS)

    def _read_new(self) -> None:
        """Reads the writes since the last read; there may be further partitions by now."""
        with translated_errors():
            response = self._cluster.client.search_shards(index=self._cluster.alias("stories"))
        existing = {(copy["index"], copy["shard"]) for copies in nested_value(response, "shards") for copy in copies}
        recent = self._cluster.partitions.indices_since(self._since, {index for index, _ in existing})
        current = sorted((index, number) for index, number in existing if index in recent)
        self._shards = {key: self._shards.get(key, ShardProgress()) for key in current}
        for key, shard in self._shards.items():
            for page in batched(self._written(key, shard), PAGE_SIGNATURES):
                if self._stopped.is_set():
                    return
                self._signatures.put(_story_signature(stored) for stored in page)
                numbers = [stored.revision[0] for stored in page]
                shard.recent.extend(numbers)
                shard.highest = max(shard.highest, *numbers)

    def _written(self, key: tuple[str, int], shard: ShardProgress) -> Iterator[StoredDocument]:
        """Yields the stories of a shard that were written since it was last read, with an overlap."""
        first_seen: Json = {"range": {"first_seen_at": {"gte": rfc3339(self._since)}}}
        behind: Json = {"range": {"_seq_no": {"gt": shard.highest - OVERLAP_SEQUENCE_NUMBERS}}}
        already_read: Json = {"terms": {"_seq_no": list(shard.recent)}}
        return self._cluster.find(
            "stories",
            {"bool": {"filter": [behind, first_seen], "must_not": [already_read]}},
            sort=[{"_seq_no": "asc"}],
            fields=["cluster", "first_seen_at", "signature"],
            page=PAGE_SIGNATURES,
            shard=key,
            refresh=False,
        )


def _story_signature(stored: StoredDocument) -> StorySignature:
    document = stored.document
    return StorySignature(
        story=stored.id,
        cluster=document["cluster"],
        first_seen_at=from_rfc3339(document["first_seen_at"]),
        signature=unpack_signature(document.get("signature", "")),
    )
