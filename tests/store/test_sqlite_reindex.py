"""A migration that adds a field of the language indexes the stored stories again, whatever interrupts it.

The tests register a field ``method``, whose values no file of this version has in its index, and a migration for it.
"""

from __future__ import annotations

import logging
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING

import pytest

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.query import fields, matcher, parse, syntax_errors
from monitor.query.fields import Field, FieldType
from monitor.store.sqlite import SqliteStore, database, reindex
from store.examples import NOW, page_commit, story
from store.field_clauses import assert_stored_stories_have_every_field
from store.killed_setup import exit_code_of_setup, open_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

METHOD: Field[Iterable[str]] = Field("method", FieldType.VALUE, lambda story: (story.method,))
LIST_ALL_STORIES = "INSERT INTO unindexed_story SELECT sort_key FROM story;"
STORIES = [
    story(
        f"s{number}",
        method="json-ld" if number % 2 else "paragraphs",
        authors=("Ann Lee",),
        country="GB",
        section="World",
        tags=("a",),
        topics=("geo",),
        alerts=("bank",),
        published_at=NOW,
        modified_at=NOW,
    )
    for number in range(10)
]
FROM_JSON_LD = {example.id for example in STORIES if example.method == "json-ld"}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that this version wrote, opened from then on by a version whose language has one more field."""
    path = tmp_path / "monitor.db"
    with closing(open_file(path)) as store:
        store.setup()
        store.commit([page_commit(example) for example in STORIES])
    for registry in (fields.VALUE_FIELDS, fields.FIELDS):
        monkeypatch.setitem(registry, "method", METHOD)  # type: ignore[arg-type]  # FIELDS has fields of every type
    monkeypatch.setitem(matcher._READ_VALUES, "method", METHOD.read)
    monkeypatch.setattr(syntax_errors, "_FIELD_NAMES", (*syntax_errors._FIELD_NAMES, "method"))
    scripts = [*database._migration_scripts(), LIST_ALL_STORIES]
    monkeypatch.setattr(database, "_migration_scripts", lambda: scripts)
    monkeypatch.setattr(reindex, "BATCH_STORIES", 3)
    return path


def found(store: SqliteStore, query: str = "method:json-ld") -> set[str]:
    return {example.id for example in store.search(parse(query), now=NOW).stories}


def migrate_without_index(path: Path) -> None:
    """Leaves the file as a process that is killed between the migration and the first batch of stories does."""
    with closing(open_file(path)) as store:
        store.database.setup()


def test_setup_completes_the_index_for_a_new_field(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(open_file(path)) as store, caplog.at_level(logging.WARNING):
        store.setup()
        assert found(store) == FROM_JSON_LD
        assert found(store, "method:paragraphs") == {example.id for example in STORIES} - FROM_JSON_LD
        assert found(store, "title") == {example.id for example in STORIES}
        assert store.database.schema_version() == len(database._migration_scripts())
    assert caplog.messages == [
        "indexing 10 stories again, because an update changed the index",
        "the index is complete again",
    ]


def test_a_store_that_needs_no_new_index_logs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(open_file(tmp_path / "monitor.db")) as store, caplog.at_level(logging.INFO):
        store.setup()
        store.commit([page_commit(example) for example in STORIES])
        store.setup()
    assert caplog.messages == []


def test_progress_is_logged(path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindex, "PROGRESS_INTERVAL_SECONDS", 0)
    with closing(open_file(path)) as store, caplog.at_level(logging.WARNING):
        store.setup()
    assert [line for line in caplog.messages if "indexed" in line] == [
        f"{number} of 10 stories indexed again" for number in (3, 6, 9, 10)
    ]


def test_no_kill_leaves_a_search_silently_incomplete(path: Path) -> None:
    """A process is killed before each statement in turn; each next one continues where the transaction before ended."""
    refusals: Counter[str] = Counter()
    for killed_before in count():
        exit_code = exit_code_of_setup(path, killed_before=killed_before)
        with closing(open_file(path)) as store:
            try:
                assert found(store) == FROM_JSON_LD
            except (StoreRefused, StoreUnavailable) as error:
                refusals[error.message.partition(":")[0].rpartition("monitor.db ")[2]] += 1
        if exit_code == 0:
            break
        assert exit_code == -signal.SIGKILL
    current = len(database._migration_scripts())
    before_migration = f"has schema {current - 1}, older than this program's {current}"
    before_index = "a migration is under way"
    assert refusals.keys() == {before_migration, before_index}
    assert refusals[before_index] > 10, "kills within several batches"
    with closing(open_file(path)) as store:
        assert found(store) == FROM_JSON_LD
        assert {example.id: example for example in STORIES} == store.stories([example.id for example in STORIES])
        with store.database.write_transaction() as connection:
            connection.execute("INSERT INTO fulltext (fulltext) VALUES ('integrity-check')")


def test_searches_are_refused_until_the_index_is_complete(path: Path) -> None:
    migrate_without_index(path)
    with closing(open_file(path)) as store:
        for search in (lambda: found(store, "title"), lambda: list(store.scan(parse("title"), now=NOW))):
            with pytest.raises(StoreUnavailable, match="a migration is under way: 10 stories are not indexed yet"):
                search()
        assert len(store.search(None, now=NOW).stories) == 10, "the newest stories need no index"
        assert len(list(store.scan(now=NOW))) == 10
        store.setup()
        assert found(store) == FROM_JSON_LD


def test_stories_written_before_the_index_is_complete_are_found(path: Path) -> None:
    """A story of the list that gets a new version, and a new story, are indexed by their commit."""
    migrate_without_index(path)
    with closing(open_file(path)) as store:
        changed, new = story("s1", version=2, method="paragraphs"), story("new", method="json-ld")
        store.commit([page_commit(changed), page_commit(new)])
        store.setup()
        assert found(store) == FROM_JSON_LD - {changed.id} | {new.id}


def test_several_processes_complete_the_index_together(path: Path) -> None:
    stores = [open_file(path) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(SqliteStore.setup, stores))
    for store in stores:
        assert found(store) == FROM_JSON_LD
        store.close()


def test_a_new_field_without_a_new_index_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check that the migration tests of each store make fails if a field's migration is forgotten."""
    *scripts, _ = database._migration_scripts()
    monkeypatch.setattr(database, "_migration_scripts", lambda: scripts)
    with closing(open_file(path)) as store:
        store.setup()
        with pytest.raises(AssertionError, match=r'method:"(json-ld|paragraphs)"'):
            assert_stored_stories_have_every_field(store, now=NOW)


def test_a_user_who_may_only_read_is_refused_a_search(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate_without_index(path)
    monkeypatch.setattr(database.Database, "is_writable", lambda _: False)
    with closing(open_file(path)) as store:
        store.setup()
        with pytest.raises(StoreUnavailable, match="a migration is under way"):
            found(store)
