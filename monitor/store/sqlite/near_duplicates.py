"""Signatures of stories, and the bands that find those alike; forgotten after `REMEMBERED`."""

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

SIGNATURE_RETENTION = timedelta(days=30)  # before the newest story: who looks for reprints looks back two weeks
MAX_EXPIRED_PER_WRITE = 500
MAX_BAND_STORIES = 200  # the newest; a band with more is boilerplate
MAX_NEAR_DUPLICATES = 100


def put(connection: apsw.Connection, signatures: Mapping[int, tuple[datetime, Sequence[int]]]) -> None:
    """Remembers when each story was first seen and its signature, by its moment, and forgets some of the oldest."""
    from monitor.similarity import bands

    ((known,),) = rows.fetch(connection, sql.NEWEST_SIGNATURE_TIME)
    found = [
        (moment, rows.micros(first_seen_at), signature)
        for moment, (first_seen_at, signature) in signatures.items()
        if signature
    ]
    newest = max([known or 0, *(first_seen_at for _, first_seen_at, _ in found)])
    oldest = newest - SIGNATURE_RETENTION // timedelta(microseconds=1)
    kept = [(moment, first_seen_at, signature) for moment, first_seen_at, signature in found if first_seen_at >= oldest]
    connection.executemany(
        sql.PUT_SIGNATURE,
        [(moment, first_seen_at, pack(signature)) for moment, first_seen_at, signature in kept],
    )
    pairs = sorted((_low(band), moment) for moment, _, signature in kept for band in bands(signature))
    connection.executemany(sql.PUT_BAND, pairs)
    for (moment,) in rows.fetch(connection, sql.EXPIRED_SIGNATURES, (oldest, MAX_EXPIRED_PER_WRITE)):
        drop(connection, moment)


def drop(connection: apsw.Connection, moment: int) -> None:
    """Forgets the signature of the story at this moment, if there is one."""
    from monitor.similarity import bands

    data = connection.execute(sql.DELETE_SIGNATURE, (moment,)).get
    if data is not None:
        connection.executemany(sql.DELETE_BAND, [(_low(band), moment) for band in bands(_unpack(data))])


def find(
    connection: apsw.Connection, signature: Sequence[int], *, since: datetime
) -> list[tuple[str, str, tuple[int, ...]]]:
    """(story, cluster, signature) of those that share a band, the most shared first."""
    from monitor.similarity import bands

    wanted = bands(signature)
    shared: Counter[int] = Counter()
    for band in wanted:
        shared.update(
            moment for (moment,) in rows.fetch(connection, sql.SORT_KEYS_IN_BAND, (_low(band), MAX_BAND_STORIES))
        )
    found = []
    for moment, _ in shared.most_common():
        row = connection.execute(sql.SIGNED_STORY, (moment, rows.micros(since))).get
        if row is None:
            continue
        story, cluster, data = row
        other = _unpack(data)
        if set(wanted).isdisjoint(bands(other)):  # the same 32 bits by chance
            continue
        found.append((story, cluster, other))
        if len(found) == MAX_NEAR_DUPLICATES:
            break
    return found


def _low(band: int) -> int:
    """A band's low 32 bits as SQLite stores them in four bytes."""
    return (band & 0xFFFFFFFF) - 0x80000000


def pack(signature: Sequence[int]) -> bytes:
    """A signature in three quarters of the space: the steps between its ascending numbers, in as many bytes as the
    largest needs, which is said first."""
    steps = [signature[0], *(after - before for before, after in pairwise(signature))]
    width = (max(steps).bit_length() + 7) // 8
    return bytes([width]) + b"".join(step.to_bytes(width, "big") for step in steps)


def _unpack(data: bytes) -> tuple[int, ...]:
    width = data[0]
    steps = (int.from_bytes(data[place : place + width], "big") for place in range(1, len(data), width))
    return tuple(accumulate(steps))
