"""The index of signatures that the SQLite store and Elasticsearch's signature cache share."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.models import now
from monitor.store import signature_index
from monitor.store.signature_index import MAX_BAND_STORIES, MAX_NEAR_DUPLICATES, SIGNATURE_RETENTION
from monitor.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SINCE = NOON - timedelta(days=14)


def open_index() -> apsw.Connection:
    connection = apsw.Connection("")
    connection.execute(signature_index.TABLES)
    connection.execute("CREATE TABLE story (sort_key INTEGER PRIMARY KEY, id TEXT NOT NULL, cluster TEXT NOT NULL)")
    return connection


@pytest.fixture
def connection() -> Iterator[apsw.Connection]:
    with closing(open_index()) as connection:
        yield connection


def put(connection: apsw.Connection, signatures: dict[int, tuple[int, ...]], first_seen_at: datetime = NOON) -> None:
    """Stores signatures of stories that are named by their sort keys."""
    names = [(sort_key, str(sort_key), str(sort_key)) for sort_key in signatures]
    connection.executemany("INSERT INTO story (sort_key, id, cluster) VALUES (?, ?, ?)", names)
    signature_index.put(connection, {key: (first_seen_at, signature) for key, signature in signatures.items()})


def found(connection: apsw.Connection, signature: tuple[int, ...], since: datetime = SINCE) -> list[str]:
    return [story for story, _, _ in signature_index.find(connection, signature, since=since)]


def test_a_story_of_a_clock_ahead_makes_no_other_expire(connection: apsw.Connection) -> None:
    put(connection, {1: (1, 2, 3)}, now() + timedelta(days=730))
    put(connection, {2: (1, 2, 3)}, now())
    put(connection, {3: (1, 2, 3)}, now() - timedelta(days=29))
    assert sorted(found(connection, (1, 2, 3), since=now() - timedelta(days=30))) == ["1", "2", "3"]


def schema(connection: apsw.Connection) -> list[object]:
    """The columns, keys and indexes of the tables of the signature index."""
    described: list[object] = []
    for table in ("signature", "band"):
        described += connection.execute(f"PRAGMA table_xinfo({table})").fetchall()
        described += connection.execute(f"PRAGMA index_list({table})").fetchall()
        described += connection.execute(
            "SELECT type, wr, strict FROM pragma_table_list WHERE name = ?", (table,)
        ).fetchall()
    return described


def test_the_tables_are_those_of_the_sqlite_store(connection: apsw.Connection, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30))
    store.setup()
    with store.database.read_connection() as migrated:
        assert schema(connection) == schema(migrated)
    store.close()


@given(st.lists(st.integers(0, (1 << 53) - 1), min_size=1, max_size=100, unique=True).map(sorted).map(tuple))
def test_a_signature_is_found_as_it_was_stored(signature: tuple[int, ...]) -> None:
    with closing(open_index()) as connection:
        put(connection, {7: signature})
        assert signature_index.find(connection, signature, since=SINCE) == [("7", "7", signature)]
        assert signature_index.holds(connection, 7, signature)


def test_stories_that_share_most_bands_come_first(connection: apsw.Connection) -> None:
    put(connection, {1: (10, 20), 2: (10, 20, 30), 3: (10,), 4: (40,)})
    assert found(connection, (10, 20, 30)) == ["2", "1", "3"]


def test_bands_with_equal_low_bits_only_are_no_match(connection: apsw.Connection) -> None:
    put(connection, {1: (5,)})
    assert found(connection, (5 + (1 << 32),)) == []


def test_only_stories_first_seen_since_a_time_are_found(connection: apsw.Connection) -> None:
    put(connection, {1: (5,)}, first_seen_at=NOON)
    assert found(connection, (5,), since=NOON) == ["1"]
    assert found(connection, (5,), since=NOON + timedelta(microseconds=1)) == []


def test_the_newest_stories_of_a_frequent_band_are_found(connection: apsw.Connection) -> None:
    put(connection, {number: (5, 1000 + number) for number in range(MAX_BAND_STORIES + 1)})
    stories = found(connection, (5, 1000, 1001))
    assert len(stories) == MAX_NEAR_DUPLICATES
    assert stories[:2] == ["1", str(MAX_BAND_STORIES)]  # two bands; then the newest with one


def test_a_dropped_signature_leaves_no_rows(connection: apsw.Connection) -> None:
    put(connection, {1: (5, 6), 2: (6, 7)})
    for sort_key in (1, 2, 3):
        signature_index.drop(connection, sort_key)
    assert connection.execute("SELECT count(*) FROM signature").get == 0
    assert connection.execute("SELECT count(*) FROM band").get == 0


def test_empty_signatures_are_not_stored(connection: apsw.Connection) -> None:
    put(connection, {1: ()})
    assert not signature_index.holds(connection, 1, ())
    assert connection.execute("SELECT count(*) FROM signature").get == 0


def test_signatures_expire_by_the_newest_one(connection: apsw.Connection) -> None:
    put(connection, {1: (5,)}, first_seen_at=NOON - SIGNATURE_RETENTION)
    put(connection, {2: (5,)})
    assert found(connection, (5,), since=datetime.min.replace(tzinfo=UTC)) == ["2", "1"]
    put(connection, {3: (5,)}, first_seen_at=NOON + timedelta(seconds=1))
    assert found(connection, (5,), since=datetime.min.replace(tzinfo=UTC)) == ["3", "2"]
    put(connection, {4: (5,)}, first_seen_at=NOON - SIGNATURE_RETENTION)
    assert not signature_index.holds(connection, 4, (5,))
