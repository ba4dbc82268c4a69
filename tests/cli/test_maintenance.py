"""``backup``, ``restore`` and ``doctor`` as a user runs them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from monitor import marks
from monitor.cli.app import program
from monitor.models import now
from monitor.process_identity import current_process_identity
from monitor.query import parse
from monitor.store.sqlite import SqliteStore
from store.examples import page_commit, story

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

HEALTHY = [
    "ok    the file is intact",
    "ok    every story is in the index",
    "ok    the index has no entry without a story",
    "ok    no story of a known URL is lost",
    "ok    no hit of lost stories",
    "ok    no version of lost stories",
    "ok    no notification of lost stories",
    "ok    no mark of lost stories",
    "ok    no outlet is leased by a process that died",
    "ok    no notification is overdue",
]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteStore:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "monitor.yaml").write_text("outlets: [{name: A, url: 'https://a.example/'}]\n")
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=5))
    store.setup()
    for name in ("first", "second"):
        store.commit([page_commit(story(name, first_seen_at=now()))])
    return store


def run(*words: str) -> Result:
    return CliRunner().invoke(program, words, standalone_mode=False)


def test_a_backup_is_restored_after_the_store_is_lost(store: SqliteStore, tmp_path: Path) -> None:
    assert run("backup", "b.db").output.startswith("Wrote b.db, 0.")
    store.commit([page_commit(story("third"))])
    result = run("restore", "b.db")
    assert "the store has stories, which would be lost (add --replace, after a `backup`)" in str(result.exception)
    store.close()
    (tmp_path / "monitor.db").unlink()
    result = run("restore", "b.db")
    assert result.output.startswith("Restored b.db: SQLite ")
    assert result.output.endswith("monitor.db: 2 stories\n")


def test_a_missing_backup_is_named_before_the_stories_of_the_store(store: SqliteStore) -> None:
    assert "'nope.db' does not exist" in str(run("restore", "nope.db").exception)


def test_a_missing_directory_of_a_backup_gets_the_command_that_makes_it(store: SqliteStore) -> None:
    error = run("backup", "my copies/b.db").exception
    assert str(error) == "the directory my copies does not exist (make it first: mkdir -p 'my copies')"


def test_a_store_in_use_is_not_replaced(store: SqliteStore) -> None:
    run("backup", "b.db")
    store.lease(["A"], holder=current_process_identity(), now=now(), term=timedelta(minutes=5), limit=1)
    assert "processes use the store: " in str(run("restore", "b.db", "--replace").exception)


def test_doctor_finds_nothing_in_a_healthy_store(store: SqliteStore) -> None:
    result = run("doctor")
    assert result.return_value == 0
    assert result.output.splitlines()[1:] == HEALTHY


def test_doctor_finds_and_repairs_each_inconsistency(store: SqliteStore) -> None:
    third = story("third", text="The text of the third has rare words.", first_seen_at=now())
    fourth = story("fourth", text="A story with a star and without a hit.", first_seen_at=now())
    store.commit([page_commit(third, alerts=("a",)), page_commit(fourth)])
    marks.star(store, fourth.id, user="ines", at=now())
    with store.database.write_transaction() as connection:
        first = connection.execute("SELECT min(sort_key) FROM story").get
        connection.execute("DELETE FROM fulltext WHERE rowid = ?", (first,))  # a story that no search finds
        for lost in (third, fourth):  # a hit, a mark, two index entries without story
            connection.execute("DELETE FROM story WHERE id = ?", (lost.id,))
    host, _, *rest = current_process_identity().split(":")
    dead = ":".join([host, "999999999", *rest])
    store.lease(["A"], holder=dead, now=now(), term=timedelta(minutes=5), limit=1)
    kept = "kept; after a repair the next crawl fetches the stories whose URLs are known"
    faults = [
        "FAIL  1 story is missing in the index, so searches miss them; `doctor --repair` mends it",
        "FAIL  the index has 2 entries without a story; `doctor --repair` mends it",
        "FAIL  2 URLs of lost stories; `doctor --repair` mends it",
        f"FAIL  1 hit of lost stories; {kept}",
        f"FAIL  1 notification of lost stories; {kept}",
        f"FAIL  1 mark of lost stories; {kept}",
        "FAIL  1 outlet leased by a process that died: A; `doctor --repair` mends it",
    ]
    found = run("doctor")
    assert found.return_value == 1
    assert [line for line in found.output.splitlines() if line.startswith("FAIL") and "overdue" not in line] == faults
    repaired = run("doctor", "--repair")
    assert [line for line in repaired.output.splitlines() if line.startswith("mend")] == [
        line.replace("FAIL ", "mend ").replace("`doctor --repair` mends it", "repaired")
        for line in faults
        if "mends" in line
    ]
    assert len(store.search(parse("words"), now=now()).stories) == 2
    with closing(SqliteStore(store.database.path, timeout=timedelta(seconds=5))) as again:
        due = again.due_entries("Outlet", now=now(), limit=10)
        assert {entry.id for entry in due} == {third.id, fourth.id}
        (lease,) = again.lease(["A"], holder="h", now=now(), term=timedelta(minutes=5), limit=1)
        assert lease.name == "A"
    again_found = [line for line in run("doctor").output.splitlines() if line.startswith("FAIL")]
    assert [line for line in again_found if "overdue" not in line] == [
        line for line in faults if "kept" in line
    ]  # until the page is fetched


def test_doctor_fetches_a_story_again_of_which_only_a_version_remains(store: SqliteStore) -> None:
    lost = story("lost", first_seen_at=now())
    store.commit([page_commit(lost), page_commit(replace(lost, version=2, text="A corrected text."))])
    with store.database.write_transaction() as connection:
        connection.execute("DELETE FROM story WHERE id = ?", (lost.id,))
        connection.execute("DELETE FROM fulltext WHERE rowid NOT IN (SELECT sort_key FROM story)")
    assert "FAIL  1 version of lost stories; kept; after a repair" in run("doctor").output
    assert "mend  1 URL of lost stories; repaired" in run("doctor", "--repair").output
    assert [entry.id for entry in store.due_entries("Outlet", now=now(), limit=10)] == [lost.id]


def test_an_expired_lease_of_a_dead_process_is_no_fault(store: SqliteStore) -> None:
    host, _, *rest = current_process_identity().split(":")
    leased_at = now() - timedelta(minutes=10)
    store.lease(["A"], holder=":".join([host, "999999999", *rest]), now=leased_at, term=timedelta(minutes=1), limit=1)
    assert run("doctor").output.splitlines()[1:] == HEALTHY


def test_doctor_names_overdue_notifications_with_their_error(store: SqliteStore) -> None:
    from dataclasses import replace

    from store.examples import notification

    example = story("late", first_seen_at=now())
    late = replace(notification("a", example), due_at=now() - timedelta(hours=2), error="550 no such user")
    store.commit([page_commit(example, notifications=(late,))])
    assert (
        "FAIL  1 notification of email overdue for more than an hour: 550 no such user; "
        "`deliver` tries again, `alerts list` shows them"
    ) in run("doctor").output
