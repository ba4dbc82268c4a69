"""Tests of the SQLite store only: files of other programs, locks, full disks, kills."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest
from pydantic import SecretStr

from monitor.config.schema import StoreSettings
from monitor.errors import StoreRefused, StoreUnavailable
from monitor.models import CommitResult
from monitor.query import parse
from monitor.store import open_store
from monitor.store.sqlite import SqliteStore, search_statement
from monitor.store.sqlite import search as search_module
from store.examples import MINUTE, NOW, candidate, page_commit, story

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "monitor.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = open_file(path)
    store.setup()
    yield store
    store.close()


def open_file(path: Path, *, seconds: float = 30) -> SqliteStore:
    return SqliteStore(path, timeout=timedelta(seconds=seconds))


def test_require_exists_does_not_create_the_file(path: Path) -> None:
    for _ in range(2):
        with pytest.raises(StoreRefused, match=f"there is no store at {path} yet"):
            open_file(path).require_exists()


@pytest.mark.parametrize(
    ("url", "expected"),
    [("sqlite:monitor.db", "monitor.db"), ("sqlite:data/m.db", "data/m.db"), ("sqlite:/{base}/abs.db", "abs.db")],
)
def test_a_relative_path_is_below_the_configuration(tmp_path: Path, url: str, expected: str) -> None:
    (tmp_path / "data").mkdir()
    store = open_store(StoreSettings(url=url.format(base=str(tmp_path).lstrip("/"))), tmp_path)
    store.setup()
    assert (tmp_path / expected).is_file()
    store.close()


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite:", "monitor.db"])
def test_a_url_that_is_not_of_a_store_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreRefused, match=r"sqlite:monitor\.db"):
        open_store(StoreSettings.model_construct(url=SecretStr(url)), tmp_path)


def test_a_missing_file_is_refused_with_a_hint(path: Path) -> None:
    with pytest.raises(StoreRefused, match="crawl"):
        open_file(path).search(None, now=NOW)
    assert not path.exists()


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="does not exist"):
        open_file(tmp_path / "nowhere" / "monitor.db").setup()


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="is a directory"):
        open_file(tmp_path).setup()


def test_a_file_that_is_not_a_database_is_refused_unchanged(path: Path) -> None:
    path.write_text("dear diary\n" * 100)
    with pytest.raises(StoreRefused, match="not a database"):
        open_file(path).setup()
    assert path.read_text().startswith("dear diary")


def test_another_programs_database_is_refused_unchanged(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE contacts (name)")
    with pytest.raises(StoreRefused, match="another program"):
        open_file(path).setup()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("contacts",)]


def test_a_newer_schema_is_refused(store: SqliteStore, path: Path) -> None:
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    for call in (open_file(path).setup, open_file(path).ping):
        with pytest.raises(StoreRefused, match="999, newer"):
            call()


def test_an_older_schema_asks_for_setup(path: Path) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.pragma("application_id", 0x4D4D4F4E)
        connection.execute("CREATE TABLE t (a)")
    with pytest.raises(StoreRefused, match="older than this program"):
        open_file(path).ping()


def test_a_damaged_file_is_refused_with_a_hint(store: SqliteStore, path: Path) -> None:
    store.commit([page_commit(story(f"s{number}", text="many words " * 400)) for number in range(200)])
    store.close()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(path.stat().st_size - 8192))
    with pytest.raises(StoreRefused, match="recover"):
        list(open_file(path).scan(now=NOW))


def test_a_writer_elsewhere_makes_the_store_unavailable(store: SqliteStore, path: Path) -> None:
    """The writer is apsw too, not sqlite3: POSIX locks do not exclude a second library in the same process."""
    short_timeout = open_file(path, seconds=0.2)
    with contextlib.closing(apsw.Connection(str(path))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            short_timeout.enqueue([candidate()], now=NOW)
        assert short_timeout.search(None, now=NOW).total == 0  # reading still works
        writer.execute("ROLLBACK")
    assert len(short_timeout.enqueue([candidate()], now=NOW)) == 1


def test_a_full_disk_makes_the_store_unavailable(store: SqliteStore) -> None:
    """It loses nothing, and the same commit succeeds once there is space."""
    store.commit([page_commit(story("first"))])
    with store.database.read_connection() as connection:
        connection.pragma("max_page_count", int(connection.pragma("page_count")) + 2)
    commits = [
        page_commit(story(f"s{number}", text=random.Random(number).randbytes(3000).hex())) for number in range(50)
    ]
    with pytest.raises(StoreUnavailable, match="no room"):
        store.commit(commits)
    assert store.search(None, now=NOW).total == 1
    with store.database.read_connection() as connection:
        connection.pragma("max_page_count", 1 << 30)
    assert set(store.commit(commits)) == {CommitResult.WRITTEN}
    assert store.search(None, now=NOW, limit=100).total == 51


@contextlib.contextmanager
def as_another_user(path: Path) -> Iterator[Path]:
    """Copies the file to a directory that this user may only read; a root user becomes another user in the block."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder, user = Path(name), os.geteuid()
        for file in path.parent.glob(f"{path.name}*"):
            shutil.copy(file, folder)
            (folder / file.name).chmod(0o444)
        folder.chmod(0o555)
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder / path.name
        finally:
            os.seteuid(user)
            folder.chmod(0o755)


def test_a_file_without_write_permission_is_read_only(store: SqliteStore, path: Path) -> None:
    store.commit([page_commit(story("first"))])
    store.close()
    assert not path.with_name(f"{path.name}-wal").exists()
    with as_another_user(path) as copy, contextlib.closing(open_file(copy)) as reader:
        reader.setup()
        assert reader.search(parse("text"), now=NOW).total == 1
        with pytest.raises(StoreRefused, match="writable"):
            reader.enqueue([candidate("new")], now=NOW)


def test_a_read_only_file_shows_another_users_writes(store: SqliteStore, path: Path) -> None:
    store.commit([page_commit(story("first"))])
    with as_another_user(path) as copy, contextlib.closing(open_file(copy)) as reader:
        assert copy.with_name(f"{path.name}-wal").exists()
        reader.setup()
        assert reader.search(parse("text"), now=NOW).total == 1


def test_an_error_inside_a_transaction_writes_nothing(store: SqliteStore) -> None:
    broken = page_commit(story("second"), notifications=(None,))  # type: ignore[arg-type]  # None is no notification
    with pytest.raises(AttributeError):
        store.commit([page_commit(story("first")), broken])
    assert store.search(None, now=NOW).total == 0
    assert store.commit([page_commit(story("first"))]) == [CommitResult.WRITTEN]
    assert store.search(parse("text"), now=NOW).total == 1


def test_a_lone_surrogate_is_stored_as_a_question_mark(store: SqliteStore) -> None:
    example = story("first", title="a\ud800b", text="c \udfff d", authors=("e\ud83d",))
    assert store.commit([page_commit(example, alerts=("ai",))]) == [CommitResult.WRITTEN]
    assert store.search(None, now=NOW).stories[0].title == "a?b"
    assert store.history(example.id)[0].authors == ("e?",)


def test_the_sqlite_shell_reads_the_stories(store: SqliteStore, path: Path) -> None:
    store.commit([page_commit(story("first", text="Первый абзац.\n\nSecond. " * 20, topics=("ai",)))])
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("no sqlite3 shell on this machine")
    statement = "SELECT title, text, first_seen_at, topics FROM stories"
    output = subprocess.run([shell, "-json", path, statement], capture_output=True, text=True, check=True).stdout
    assert "The title of first" in output
    assert "Первый абзац." in output
    assert "2026-11-22T12:00:00Z" in output


def test_thousands_of_stories_can_have_the_same_time(store: SqliteStore) -> None:
    for start in range(0, 3000, 500):
        batch = [page_commit(story(f"s{start + number}", published_at=NOW)) for number in range(500)]
        assert set(store.commit(batch)) == {CommitResult.WRITTEN}
    store.commit([page_commit(story("later", published_at=NOW + MINUTE))])
    assert store.search(None, now=NOW).stories[0].title.endswith("later")
    assert store.search(None, now=NOW, limit=5000).total == 3001


def test_a_search_that_takes_too_long_is_stopped(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.commit([page_commit(story(f"s{number}")) for number in range(2000)])
    monkeypatch.setattr(search_module, "MAX_SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(search_statement, "INSTRUCTIONS_PER_TIME_CHECK", 10)
    with pytest.raises(StoreRefused, match="--since"):
        store.search(parse("text"), now=NOW, limit=2000)
    monkeypatch.undo()
    assert store.search(parse("text"), now=NOW).total == 2000


def test_a_total_that_takes_long_to_count_is_omitted(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.commit([page_commit(story(f"s{number}")) for number in range(2000)])
    monkeypatch.setattr(search_module, "MAX_COUNT_SECONDS", 0.0)
    monkeypatch.setattr(search_statement, "INSTRUCTIONS_PER_TIME_CHECK", 10)
    result = store.search(parse("text"), now=NOW)
    assert len(result.stories) == 20
    assert result.total is None


WRITER = textwrap.dedent(
    """
    import sys, uuid
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from store.examples import candidate, page_commit, story, NOW
    from store.test_sqlite import open_file
    store = open_file(Path(sys.argv[1]))
    print("ready", flush=True)
    while True:
        names = [uuid.uuid4().hex for _ in range(5)]
        store.enqueue([candidate(name) for name in names], now=NOW)
        store.commit([page_commit(story(name), alerts=("ai",)) for name in names])
        print(*names, flush=True)
    """
)


def test_a_kill_leaves_every_story_complete_or_due(store: SqliteStore, path: Path) -> None:
    """Each reported story is stored, each stored story has its hit and notification, and the rest is due."""
    generator = random.Random(7)
    reported: set[str] = set()
    for _ in range(6):
        command = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parents[1])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            time.sleep(generator.uniform(0.05, 0.5))
            writer.send_signal(signal.SIGKILL)
            complete = writer.stdout.read().rpartition("\n")[0]  # ignores an incomplete last line
            reported |= set(complete.split())
    ids = {stored_story.url.rpartition("/")[2]: stored_story.id for stored_story in store.scan(now=NOW)}
    assert reported <= ids.keys()
    assert {hit.story for hit in store.hits(limit=100_000)} == set(ids.values())
    assert {queued.story for queued in store.outbox(limit=100_000)} == set(ids.values())
    due = store.due_entries("Outlet", now=NOW, limit=100_000)
    assert {entry.id for entry in due}.isdisjoint(ids.values())
    assert store.search(parse("text"), now=NOW, limit=100_000).total == len(ids)
    with store.database.read_connection() as connection:
        assert connection.pragma("integrity_check") == "ok"
        connection.execute("INSERT INTO fulltext (fulltext) VALUES ('integrity-check')")
