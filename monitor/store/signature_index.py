"""An index of stories' signatures in an SQLite database, to find near-duplicates by the bands that they share.

Each function takes a connection whose database has `TABLES` and a table ``story`` with the columns ``sort_key``, ``id``
and ``cluster``; it takes part in the connection's transaction.  A sort key identifies a story; of two stories, the
newer one has the greater key.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from monitor.models import now
from monitor.store.microseconds import micros

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import apsw

SIGNATURE_RETENTION = timedelta(days=30)  # before the newest story; near-duplicates are looked up for two weeks
MAX_EXPIRED_PER_WRITE = 500  # signatures
MAX_BAND_STORIES = 200  # the newest; a band that more stories share is boilerplate
MAX_NEAR_DUPLICATES = 100  # of the same wire report on hundreds of sites, any part leads to the one cluster

#: Creates the tables in a new database; times are microseconds since 1970, a band is its low 32 bits.
TABLES = """
CREATE TABLE signature (sort_key INTEGER PRIMARY KEY, first_seen_at INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE INDEX signature_first_seen ON signature (first_seen_at);
CREATE TABLE band (
  band INTEGER NOT NULL, sort_key INTEGER NOT NULL, PRIMARY KEY (band, sort_key)
) STRICT, WITHOUT ROWID;
"""
_PUT_SIGNATURE = "INSERT OR REPLACE INTO signature (sort_key, first_seen_at, data) VALUES (?, ?, ?)"
_DELETE_SIGNATURE = "DELETE FROM signature WHERE sort_key = ? RETURNING data"
_SIGNATURE = "SELECT data FROM signature WHERE sort_key = ?"
_EXPIRED_SIGNATURES = "SELECT sort_key FROM signature WHERE first_seen_at < ? LIMIT ?"
_NEWEST_SIGNATURE_TIME = "SELECT max(first_seen_at) FROM signature"
_PUT_BAND = "INSERT OR IGNORE INTO band (band, sort_key) VALUES (?, ?)"
_DELETE_BAND = "DELETE FROM band WHERE band = ? AND sort_key = ?"
_SORT_KEYS_IN_BAND = "SELECT sort_key FROM band WHERE band = ? ORDER BY sort_key DESC LIMIT ?"
_SIGNED_STORY = """
SELECT id, cluster, data FROM signature JOIN story USING (sort_key) WHERE sort_key = ? AND signature.first_seen_at >= ?
"""


def put(connection: apsw.Connection, signatures: Mapping[int, tuple[datetime, Sequence[int]]]) -> None:
    """Stores signatures by sort key, each with its story's ``first_seen_at``, and deletes some expired ones.

    Does not store empty signatures and those that have expired already.
    """
    from monitor.similarity import bands

    newest_stored = connection.execute(_NEWEST_SIGNATURE_TIME).get
    signed = [
        (sort_key, micros(first_seen_at), signature)
        for sort_key, (first_seen_at, signature) in signatures.items()
        if signature
    ]
    newest = max([newest_stored or 0, *(first_seen_at for _, first_seen_at, _ in signed)])
    newest = min(newest, micros(now()))  # a story of a clock that was ahead must not make all others expire
    oldest = newest - SIGNATURE_RETENTION // timedelta(microseconds=1)
    kept = [row for row in signed if row[1] >= oldest]
    connection.executemany(
        _PUT_SIGNATURE,
        [(sort_key, first_seen_at, _pack(signature)) for sort_key, first_seen_at, signature in kept],
    )
    pairs = sorted((_low_bits(band), sort_key) for sort_key, _, signature in kept for band in bands(signature))
    connection.executemany(_PUT_BAND, pairs)
    expired: list[tuple[Any, ...]] = connection.execute(_EXPIRED_SIGNATURES, (oldest, MAX_EXPIRED_PER_WRITE)).fetchall()
    for (sort_key,) in expired:
        drop(connection, sort_key)


def drop(connection: apsw.Connection, sort_key: int) -> None:
    """Deletes the signature of the story with this sort key, if there is one."""
    from monitor.similarity import bands

    data = connection.execute(_DELETE_SIGNATURE, (sort_key,)).get
    if data is not None:
        connection.executemany(_DELETE_BAND, [(_low_bits(band), sort_key) for band in bands(_unpack(data))])


def holds(connection: apsw.Connection, sort_key: int, signature: Sequence[int]) -> bool:
    """Returns True if this signature is stored under the sort key; an empty one never is."""
    return bool(signature) and bool(connection.execute(_SIGNATURE, (sort_key,)).get == _pack(signature))


def find(
    connection: apsw.Connection, signature: Sequence[int], *, since: datetime
) -> list[tuple[str, str, tuple[int, ...]]]:
    """Returns (story, cluster, signature) of stories that share a band, those that share most bands first.

    Leaves out stories first seen before ``since``, and those beyond `MAX_NEAR_DUPLICATES`.
    """
    from monitor.similarity import bands

    query_bands = bands(signature)
    shared_bands: Counter[int] = Counter()
    for band in query_bands:
        band_rows = connection.execute(_SORT_KEYS_IN_BAND, (_low_bits(band), MAX_BAND_STORIES))
        shared_bands.update(sort_key for (sort_key,) in band_rows)
    distinct_bands, oldest = set(query_bands), micros(since)
    near_duplicates = []
    for sort_key, _ in shared_bands.most_common():
        row = connection.execute(_SIGNED_STORY, (sort_key, oldest)).get
        if row is None:
            continue
        story, cluster, data = row
        stored_signature = _unpack(data)
        if distinct_bands.isdisjoint(bands(stored_signature)):  # only the low 32 bits are equal
            continue
        near_duplicates.append((story, cluster, stored_signature))
        if len(near_duplicates) == MAX_NEAR_DUPLICATES:
            break
    return near_duplicates


def _low_bits(band: int) -> int:
    """Returns a band's low 32 bits as a signed integer, which SQLite stores in four bytes."""
    return (band & 0xFFFFFFFF) - 0x80000000


def _pack(signature: Sequence[int]) -> bytes:
    """Returns a signature as its first number and the differences between its ascending numbers.

    The first byte is the width of each number in bytes: that of the largest.  This takes three quarters of the space of
    the numbers themselves.
    """
    differences = [signature[0], *(after - before for before, after in pairwise(signature))]
    width = max(1, (max(differences).bit_length() + 7) // 8)
    return bytes([width]) + b"".join(difference.to_bytes(width, "big") for difference in differences)


def _unpack(data: bytes) -> tuple[int, ...]:
    width = data[0]
    differences = (int.from_bytes(data[start : start + width], "big") for start in range(1, len(data), width))
    return tuple(accumulate(differences))
