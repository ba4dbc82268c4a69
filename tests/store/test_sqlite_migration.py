"""The store migrates a file of schema version 1, which the previous version wrote, by itself.

`previous_version.create` makes that file: the schema is migration 0001, whose digest is pinned here, and the rows are
literals that the previous version's own store wrote.  The file was compared with the original once: equal schema
entries, rows, full-text postings, `user_version` and `application_id`.
"""

from __future__ import annotations

import hashlib
import signal
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import apsw
import pytest

from monitor.errors import LeaseLost, StoreRefused
from monitor.models import Disposition, Outcome, SourceState
from monitor.query import parse
from monitor.store.records import OutboxRecord
from monitor.store.sqlite.database import _migration_scripts
from store import outbox_without_channels, previous_version
from store.field_clauses import assert_stored_stories_have_every_field
from store.killed_setup import exit_code_of_setup, open_file
from store.previous_version import BANK, CHIPS, CHIPS_ALIAS, CHIPS_TEXT, SIGNATURE, WAITING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.store.sqlite import SqliteStore

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    previous_version.create(tmp_path / "monitor.db")
    return tmp_path / "monitor.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """The file that the previous version wrote, opened and set up by this version."""
    store = open_file(path)
    store.setup()
    yield store
    store.close()


def test_the_migrations_of_the_previous_versions_never_change() -> None:
    texts = previous_version.first_schema(), outbox_without_channels.second_migration()
    assert [hashlib.sha256(text.encode()).hexdigest() for text in texts] == [
        "5cc936567028356b11304541f99c986f49258f53231ddc1193e823ca6376ea27",
        "a663aca1dd7bf493cbe841800a5be3cc0a83789dd62f06b288b2b26ff7d6e82d",
    ]


def test_a_file_of_version_1_asks_for_setup(path: Path) -> None:
    with pytest.raises(StoreRefused, match=f"schema 1, older than this program's {len(_migration_scripts())}"):
        open_file(path).ping()


def test_search_finds_the_stories(store: SqliteStore) -> None:
    for query, ids in {"gallium": [CHIPS], "Сбербанк": [BANK], '"export licences"~2': [CHIPS], "nothing": []}.items():
        for relevance in (False, True):
            result = store.search(parse(query), now=NOON, relevance=relevance)
            assert [story.id for story in result.stories] == ids
        assert [story.id for story in store.scan(parse(query), now=NOON)] == ids
    newest = store.search(None, now=NOON)
    assert [story.id for story in newest.stories] == [BANK, CHIPS]
    assert newest.stories[1].text == CHIPS_TEXT
    assert newest.stories[1].published_at == NOON - 5 * MINUTE


def test_the_stories_have_every_field_of_the_language(store: SqliteStore) -> None:
    """A field that was added since needs a migration that indexes the stored stories again."""
    assert_stored_stories_have_every_field(store, now=NOON)


def test_a_story_has_its_history_and_takes_a_new_version(store: SqliteStore) -> None:
    first, second = store.history(CHIPS)
    assert (first.version, second.version) == (1, 2)
    assert first.text.endswith("They agreed on nothing else.")
    assert replace(first, version=2, text=CHIPS_TEXT, updated_at=NOON + MINUTE) == replace(
        second, modified_at=None, fetched_at=NOON
    )


def test_near_duplicates_are_found(store: SqliteStore) -> None:
    assert store.near_duplicates(SIGNATURE, since=NOON - DAY) == [(CHIPS, CHIPS, SIGNATURE)]


def test_the_frontier_keeps_its_entries(store: SqliteStore) -> None:
    waiting, recheck = store.due_entries("Outlet", now=NOON + DAY, limit=10)
    assert (waiting.id, waiting.candidate.title, waiting.story) == (WAITING, "A title", None)
    assert (waiting.first_seen_at, waiting.next_at) == (NOON, NOON)
    assert waiting.candidate.published_at == NOON - MINUTE
    assert (recheck.id, recheck.story, recheck.rechecks, recheck.etag) == (CHIPS, CHIPS, 1, '"e"')
    assert recheck.last_modified == "Sun, 22 Nov 2026 12:00:00 GMT"
    assert (waiting.outcome, recheck.outcome) == (None, Outcome(disposition=Disposition.STORED))
    enqueued = [
        waiting.candidate,
        recheck.candidate,
        replace(waiting.candidate, url="https://outlet.example/news/bank"),
    ]
    assert store.enqueue(enqueued, now=NOON) == []
    alias = replace(waiting.candidate, url="https://outlet.example/news/chips-amp")
    assert store.enqueue([alias], now=NOON) == []
    with store.database.read_connection() as connection:
        assert connection.execute("SELECT id, story FROM alias").fetchall() == [(CHIPS_ALIAS, CHIPS)]


def test_hits_are_kept(store: SqliteStore) -> None:
    assert [(hit.alert, hit.story, hit.version) for hit in store.hits("chips")] == [
        ("chips", CHIPS, 2),
        ("chips", CHIPS, 1),
    ]
    (hit,) = store.hits("bank")
    assert (hit.outlet, hit.title, hit.matched_at, hit.language) == ("Банки", "Сбербанк", NOON, "ru")


def test_the_outbox_keeps_what_is_sent_and_unsent(store: SqliteStore) -> None:
    records = {record.notification.key: record for record in store.dump() if isinstance(record, OutboxRecord)}
    sent = records["chips", CHIPS, 1, "email"]
    assert (sent.notification.message_id, sent.sent_at) == ("<1@monitor>", NOON + MINUTE)
    bank, chips = store.outbox()
    assert records[bank.key].sent_at is records[chips.key].sent_at is None
    assert (bank.key, bank.message_id, bank.targets) == (("bank", BANK, 1, "email"), None, ("desk@example.org",))
    assert (chips.key, chips.message_id, chips.targets) == (
        ("chips", CHIPS, 2, "email"),
        "<2@monitor>",
        ("chief@example.org",),
    )
    assert (chips.attempts, chips.error, chips.due_at) == (1, "451 later", NOON + MINUTE)


def test_claims_and_snoozes_still_hold(store: SqliteStore) -> None:
    assert store.snoozes() == {"chips": NOON + DAY}
    assert store.claim(["email"], holder="host:3:c", now=NOON + MINUTE, term=MINUTE) == []
    (lapsed,) = store.claim(["email"], holder="host:3:c", now=NOON + 10 * MINUTE, term=MINUTE)
    assert lapsed.alert == "bank"
    store.snooze("chips", None)
    (woken,) = store.claim(["email"], holder="host:3:c", now=NOON + MINUTE, term=MINUTE)
    assert woken.message_id == "<2@monitor>"


def test_settings_are_kept(store: SqliteStore) -> None:
    assert store.settings() == {"outbox/received/<2@monitor>": {"targets": ["desk@example.org"]}}


def test_an_outlet_keeps_dispositions_and_boilerplate(store: SqliteStore) -> None:
    held, outlet = store.outlets()
    assert outlet.dispositions == {"stored": 2, "failed": 1}
    assert outlet.memory.to_json() == {
        "rendering": {"outlet.example/news/*": {"engine": "splash"}},
        "boilerplate": {
            "pages": 3,
            "seen": {"p4:0c6b1d": [3, 2, 1]},
            "stories": ["8c1f"],
            "shown": {"Read our newsletter “ныне”": 2},
        },
    }
    assert outlet.sources == {
        'https://outlet.example/rss?a="$.counts"': SourceState(
            kind="feed", etag='"1"', fetched_at=NOON, failures=2, error="http-404"
        )
    }
    assert (outlet.interval, outlet.failures, outlet.error) == (timedelta(minutes=7.5), 1.25, "http-503")
    assert (outlet.last_poll_at, outlet.last_ok_at, outlet.last_story_at) == (NOON, NOON, NOON - MINUTE)
    assert (held.dispositions, held.memory.to_json()) == ({}, {})


def test_leases_still_hold(store: SqliteStore) -> None:
    held, outlet = store.outlets()
    assert (held.holder, held.lease_until, held.fencing_token) == ("host:2:b", NOON + 10 * MINUTE, "c47df6aee50389a7")
    assert (outlet.holder, outlet.fencing_token) == (None, "547f92715bcee0d4")
    leased = store.lease(["Held", "Outlet"], holder="host:3:c", now=NOON + MINUTE, term=MINUTE, limit=2)
    assert [state.name for state in leased] == ["Outlet"]
    assert store.renew(held, now=NOON + MINUTE, term=DAY).lease_until == NOON + MINUTE + DAY
    with pytest.raises(LeaseLost):
        store.release(replace(held, fencing_token="547f92715bcee0d4"))
    store.release(replace(held, error="done"))
    assert store.outlets()[0].error == "done"


def test_the_view_stories_keeps_its_columns(store: SqliteStore) -> None:
    with store.database.read_connection() as connection:
        cursor = connection.execute("SELECT * FROM stories WHERE id = ?", (CHIPS,))
        columns = [name for name, *_ in cursor.get_description()]
        (row,) = cursor.fetchall()
    assert columns == [
        *("id", "url", "outlet", "title", "text", "authors", "published_at", "modified_at", "first_seen_at"),
        *("fetched_at", "updated_at", "language", "country", "section", "tags", "image", "word_count", "topics"),
        *("alerts", "cluster", "version", "extraction"),
    ]
    story = dict(zip(columns, row, strict=True))
    assert (story["text"], story["published_at"]) == (CHIPS_TEXT, "2026-11-22T11:55:00Z")


def test_a_migrated_file_has_the_schema_of_a_new_one(store: SqliteStore, tmp_path: Path) -> None:
    fresh = open_file(tmp_path / "fresh.db")
    fresh.setup()
    statement = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
    with store.database.read_connection() as migrated, fresh.database.read_connection() as new:
        assert migrated.execute(statement).fetchall() == new.execute(statement).fetchall()
        names = {name for (name,) in new.execute("SELECT name FROM sqlite_schema")}
        assert migrated.pragma("integrity_check") == "ok"
        migrated.execute("INSERT INTO fulltext (fulltext) VALUES ('integrity-check')")
    fresh.close()
    assert {"frontier", "frontier_due", "outbox", "outbox_due", "setting"} <= names
    assert names.isdisjoint({"visit", "visit_due", "notice", "notice_due", "note"})


def test_a_migrated_file_passes_the_integrity_checks(store: SqliteStore) -> None:
    """The full-text column is renamed in the schema itself, which SQLite checks here."""
    with store.database.write_transaction() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO fulltext (fulltext) VALUES ('integrity-check')")
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(fulltext)")]
    assert columns == ["title", "text", "author", "url", "lead", "field_values"]


def test_the_outbox_of_version_2_becomes_that_of_the_channel_email(tmp_path: Path) -> None:
    outbox_without_channels.create_sqlite_file(tmp_path / "monitor.db")
    store = open_file(tmp_path / "monitor.db")
    store.setup()
    outbox_without_channels.assert_migrated(store)
    store.close()


def test_a_kill_during_a_migration_leaves_the_version_before(path: Path) -> None:
    """A process is killed before each statement of each migration in turn, then one finishes the last migration."""
    kills: Counter[int] = Counter()  # by the version that the file had
    before = contents(path)
    while (exit_code := exit_code_of_setup(path, killed_before=kills[before[0]])) == -signal.SIGKILL:
        after = contents(path)
        if after[0] == before[0]:
            assert after == before, f"version {before[0]}, killed before statement {kills[before[0]]}"
            kills[before[0]] += 1
        else:
            before = after
    assert exit_code == 0
    assert kills[1] > 15
    assert kills[2] > 8
    assert kills[3] > 8
    assert open_file(path).database.schema_version() == len(_migration_scripts())
    assert [story.id for story in open_file(path).search(parse("gallium"), now=NOON).stories] == [CHIPS]
    assert len(open_file(path).outbox()) == 2


def contents(path: Path) -> tuple[int, list[object]]:
    """The schema's version, its entries, and every row of the tables that the migrations change."""
    with closing(apsw.Connection(str(path))) as connection:
        schema: list[object] = connection.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
        names = {name for _, name, _ in connection.execute("SELECT type, name, sql FROM sqlite_schema")}
        changed = ("story", "signature", "band", "outlet", "visit", "frontier", "notice", "outbox", "note", "setting")
        rows = [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in changed if table in names
        ]
        return int(connection.pragma("user_version")), [schema, rows]
