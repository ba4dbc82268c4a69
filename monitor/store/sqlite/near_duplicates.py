"""Signatures of stories, and the bands that find near-duplicates; kept for `SIGNATURE_RETENTION`."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from monitor.store.sqlite import rows, sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import apsw

SIGNATURE_RETENTION = timedelta(days=30)  # before the newest story; near-duplicates are looked up for two weeks
MAX_EXPIRED_PER_WRITE = 500  # signatures
MAX_BAND_STORIES = 200  # the newest; a band that more stories share is boilerplate
MAX_NEAR_DUPLICATES = 100


def put(connection: apsw.Connection, signatures: Mapping[int, tuple[datetime, Sequence[int]]]) -> None:
    """Stores signatures by sort key, each with its story's ``first_seen_at``, and deletes some expired ones."""
    from monitor.similarity import bands

    ((newest_stored,),) = rows.fetch(connection, sql.NEWEST_SIGNATURE_TIME)
    signed = [
        (sort_key, rows.micros(first_seen_at), signature)
        for sort_key, (first_seen_at, signature) in signatures.items()
        if signature
    ]
    newest = max([newest_stored or 0, *(first_seen_at for _, first_seen_at, _ in signed)])
    oldest = newest - SIGNATURE_RETENTION // timedelta(microseconds=1)
    kept = [row for row in signed if row[1] >= oldest]
    connection.executemany(
        sql.PUT_SIGNATURE,
        [(sort_key, first_seen_at, pack(signature)) for sort_key, first_seen_at, signature in kept],
    )
    pairs = sorted((_low_bits(band), sort_key) for sort_key, _, signature in kept for band in bands(signature))
    connection.executemany(sql.PUT_BAND, pairs)
    for (sort_key,) in rows.fetch(connection, sql.EXPIRED_SIGNATURES, (oldest, MAX_EXPIRED_PER_WRITE)):
        drop(connection, sort_key)


def drop(connection: apsw.Connection, sort_key: int) -> None:
    """Deletes the signature of the story with this sort key, if there is one."""
    from monitor.similarity import bands

    data = connection.execute(sql.DELETE_SIGNATURE, (sort_key,)).get
    if data is not None:
        connection.executemany(sql.DELETE_BAND, [(_low_bits(band), sort_key) for band in bands(_unpack(data))])


def find(
    connection: apsw.Connection, signature: Sequence[int], *, since: datetime
) -> list[tuple[str, str, tuple[int, ...]]]:
    """Returns (story, cluster, signature) of stories that share a band, those that share most bands first."""
    from monitor.similarity import bands

    query_bands = bands(signature)
    shared_bands: Counter[int] = Counter()
    for band in query_bands:
        band_rows = rows.fetch(connection, sql.SORT_KEYS_IN_BAND, (_low_bits(band), MAX_BAND_STORIES))
        shared_bands.update(sort_key for (sort_key,) in band_rows)
    near_duplicates = []
    for sort_key, _ in shared_bands.most_common():
        row = connection.execute(sql.SIGNED_STORY, (sort_key, rows.micros(since))).get
        if row is None:
            continue
        story, cluster, data = row
        stored_signature = _unpack(data)
        if set(query_bands).isdisjoint(bands(stored_signature)):  # only the low 32 bits are equal
            continue
        near_duplicates.append((story, cluster, stored_signature))
        if len(near_duplicates) == MAX_NEAR_DUPLICATES:
            break
    return near_duplicates


def _low_bits(band: int) -> int:
    """Returns a band's low 32 bits as a signed integer, which SQLite stores in four bytes."""
    return (band & 0xFFFFFFFF) - 0x80000000


def pack(signature: Sequence[int]) -> bytes:
    """Returns a signature as its first number and the differences between its ascending numbers.

    The first byte is the width of each number in bytes: that of the largest.  This takes three quarters of the space of
    the numbers themselves.
    """
    differences = [signature[0], *(after - before for before, after in pairwise(signature))]
    width = (max(differences).bit_length() + 7) // 8
    return bytes([width]) + b"".join(difference.to_bytes(width, "big") for difference in differences)


def _unpack(data: bytes) -> tuple[int, ...]:
    width = data[0]
    differences = (int.from_bytes(data[start : start + width], "big") for start in range(1, len(data), width))
    return tuple(accumulate(differences))
