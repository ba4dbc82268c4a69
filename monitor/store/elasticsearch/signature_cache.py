"""The stories' signatures, copied beside this process: what is like a new story is found without asking the cluster.

A search over HTTP takes milliseconds, and must first make visible what was just written; a table of our own takes a
fraction of one.  It lies in a temporary file that SQLite deletes by itself, about 1 KB a story, so that memory stays
bounded, and follows the index by the sequence numbers that Elasticsearch gives to all writes.
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
from monitor.store.elasticsearch.client import explained, part
from monitor.store.sqlite import near_duplicates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster, StoredDocument

log = logging.getLogger(__name__)

FOLLOW_SECONDS = 1.0  # seconds between two looks at what was written; as often as the server shows it
MAX_LAG_SECONDS = 3.0  # seconds after a look began within which nobody need ask the cluster instead
OVERLAP_SEQUENCE_NUMBERS = (
    2000  # writes that a look goes back: of those at once, one may show later than another with a higher number
)
MIN_LOOKUPS = 500  # look-ups that are searches before a copy is begun: who crawls once reads no two weeks of stories
PAGE_SIGNATURES = 2000  # signatures of one answer
CACHE_BYTES = 64 << 20  # bytes of the file's pages that are kept in memory

_TABLES = """
CREATE TABLE story (sort_key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, cluster TEXT NOT NULL);
CREATE TABLE signature (sort_key INTEGER PRIMARY KEY, first_seen_at INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX signature_first_seen ON signature (first_seen_at);
CREATE TABLE band (band INTEGER NOT NULL, sort_key INTEGER NOT NULL, PRIMARY KEY (band, sort_key)) WITHOUT ROWID;
CREATE TRIGGER forget AFTER DELETE ON signature BEGIN DELETE FROM story WHERE sort_key = old.sort_key; END;
"""
_KNOWN = "SELECT sort_key, cluster, data FROM story JOIN signature USING (sort_key) WHERE id = ?"
_PUT = "INSERT OR REPLACE INTO story (sort_key, id, cluster) VALUES (?, ?, ?)"


@dataclass(frozen=True, kw_only=True, slots=True)
class StorySignature:
    """A stored story as far as likeness is concerned; without a signature nothing is like it."""

    story: str
    cluster: str
    first_seen_at: datetime
    signature: tuple[int, ...]


class SignatureTable:
    """A table of sketches in a temporary file, for several threads."""

    def __init__(self) -> None:
        self._connection = apsw.Connection("")
        self._connection.pragma("journal_mode", "OFF")
        self._connection.pragma("cache_size", -CACHE_BYTES >> 10)
        self._connection.execute(_TABLES)
        self._lock = threading.Lock()
        self._moment = 0

    def put(self, sketches: Iterable[StorySignature]) -> None:
        """Keeps sketches, each instead of what was kept of its story."""
        with self._lock, self._connection:
            latest = {sketch.story: sketch for sketch in sketches}
            put: dict[int, tuple[datetime, Sequence[int]]] = {}
            for sketch in latest.values():
                known = self._connection.execute(_KNOWN, (sketch.story,)).get
                if known and sketch.signature and known[1:] == (sketch.cluster, near_duplicates.pack(sketch.signature)):
                    continue
                if known:
                    near_duplicates.drop(self._connection, known[0])
                if sketch.signature:
                    self._moment += 1
                    self._connection.execute(_PUT, (self._moment, sketch.story, sketch.cluster))
                    put[self._moment] = sketch.first_seen_at, sketch.signature
            near_duplicates.put(self._connection, put)

    def find(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """See `Store.near_duplicates`."""
        with self._lock:
            return near_duplicates.find(self._connection, signature, since=since)

    def close(self) -> None:
        with self._lock:
            self._connection.close()


@dataclass(kw_only=True, slots=True)
class ShardProgress:
    """How far a shard was read: the highest sequence number, and the latest of those that were met."""

    highest: int = -1
    met: deque[int] = field(default_factory=lambda: deque(maxlen=OVERLAP_SEQUENCE_NUMBERS))


class SignatureCache:
    """Sketches that follow an index of stories in a thread of their own, as long as they are asked for."""

    def __init__(self, cluster: Cluster, *, since: datetime) -> None:
        self._cluster = cluster
        self._since = since
        self._signatures = SignatureTable()
        self._shards: dict[tuple[str, int], ShardProgress] = {}  # by index and number
        self._looked_at = float("-inf")  # when the last look that reached the end began
        self._asked, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name="mirror of signatures", daemon=True)
        self._thread.start()

    def similar(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]] | None:
        """See `Store.near_duplicates`; None where the cluster must be asked, as the copy is not whole or not fresh."""
        self._asked.set()
        if self._ended.is_set() or time.monotonic() - self._looked_at > MAX_LAG_SECONDS:
            return None
        try:
            return self._signatures.find(signature, since=since)
        except apsw.Error as error:
            self._give_up(error)
            return None

    def put(self, sketches: Iterable[StorySignature]) -> None:
        """Shows at once what this process has written."""
        if not self._ended.is_set():
            try:
                self._signatures.put(sketches)
            except apsw.Error as error:
                self._give_up(error)

    def close(self, timeout: float) -> None:
        """Ends the thread, and waits so many seconds for a request that is under way."""
        self._ended.set()
        self._asked.set()
        self._thread.join(timeout)
        self._signatures.close()

    def _give_up(self, error: Exception) -> None:
        self._ended.set()
        self._asked.set()
        log.warning("what is like a story is searched for in the cluster from now on: %s", error)

    def _follow(self) -> None:
        while self._asked.wait() and not self._ended.is_set():
            self._asked.clear()
            began = time.monotonic()
            try:
                self._look()
                self._looked_at = began
            except StoreUnavailable as error:  # who looks up meanwhile asks the cluster, and is told the same
                log.debug("signatures are not followed for now: %s", error)
            except (StoreRefused, apsw.Error) as error:
                self._give_up(error)
            self._ended.wait(FOLLOW_SECONDS)

    def _look(self) -> None:
        """Reads what was written since the last look, of an index that may be another by now."""
        with explained():
            answer = self._cluster.client.search_shards(index=self._cluster.alias("stories"))
        there = sorted({(copy["index"], copy["shard"]) for copies in part(answer, "shards") for copy in copies})
        self._shards = {key: self._shards.get(key, ShardProgress()) for key in there}
        for (_, number), shard in self._shards.items():
            for page in batched(self._written(number, shard), PAGE_SIGNATURES):
                if self._ended.is_set():
                    return
                self._signatures.put(_story_signature(stored) for stored in page)
                numbers = [stored.version[0] for stored in page]
                shard.met.extend(numbers)
                shard.highest = max(shard.highest, *numbers)

    def _written(self, number: int, shard: ShardProgress) -> Iterator[StoredDocument]:
        recent: Json = {"range": {"first_seen_at": {"gte": rfc3339(self._since)}}}
        behind: Json = {"range": {"_seq_no": {"gt": shard.highest - OVERLAP_SEQUENCE_NUMBERS}}}
        met: Json = {"terms": {"_seq_no": list(shard.met)}}
        return self._cluster.find(
            "stories",
            {"bool": {"filter": [behind, recent], "must_not": [met]}},
            sort=[{"_seq_no": "asc"}],
            fields=["cluster", "first_seen_at", "signature"],
            page=PAGE_SIGNATURES,
            shard=number,
        )


def _story_signature(stored: StoredDocument) -> StorySignature:
    document = stored.document
    return StorySignature(
        story=stored.id,
        cluster=document["cluster"],
        first_seen_at=from_rfc3339(document["first_seen_at"]),
        signature=tuple(document.get("signature", ())),
    )
