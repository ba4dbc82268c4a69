"""What only the SQLite store can do wrong: files that are not its own, locks, full disks, kills."""

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
from monitor.store.sqlite import SqliteStore
from monitor.store.sqlite import search as searching
from store.examples import MINUTE, NOW, candidate, filing, story

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "monitor.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = opened(path)
    store.setup()
    yield store
    store.close()


def opened(path: Path, *, seconds: float = 30) -> SqliteStore:
    return SqliteStore(path, timeout=timedelta(seconds=seconds))


def test_a_file_that_nobody_made_is_not_there_and_asking_does_not_make_it(path: Path) -> None:
    for _ in range(2):
        with pytest.raises(StoreRefused, match=f"there is no store at {path} yet"):
            opened(path).require_exists()


@pytest.mark.parametrize(
    ("url", "place"),
    [("sqlite:monitor.db", "monitor.db"), ("sqlite:data/m.db", "data/m.db"), ("sqlite:/{base}/abs.db", "abs.db")],
)
def test_the_address_names_a_file_below_the_configuration(tmp_path: Path, url: str, place: str) -> None:
    (tmp_path / "data").mkdir()
    store = open_store(StoreSettings(url=url.format(base=str(tmp_path).lstrip("/"))), tmp_path)
    store.setup()
    assert (tmp_path / place).is_file()
    store.close()


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite:", "monitor.db"])
def test_an_address_that_names_no_store_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreRefused, match=r"sqlite:monitor\.db"):
        open_store(StoreSettings.model_construct(url=SecretStr(url)), tmp_path)


def test_a_missing_file_is_refused_with_what_makes_it(path: Path) -> None:
    with pytest.raises(StoreRefused, match="crawl"):
        opened(path).search(None, now=NOW)
    assert not path.exists()


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="does not exist"):
        opened(tmp_path / "nowhere" / "monitor.db").setup()


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="is a directory"):
        opened(tmp_path).setup()


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("dear diary\n" * 100)
    with pytest.raises(StoreRefused, match="not a database"):
        opened(path).setup()
    assert path.read_text().startswith("dear diary")


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE contacts (name)")
    with pytest.raises(StoreRefused, match="another program"):
        opened(path).setup()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("contacts",)]


def test_a_newer_schema_is_refused(store: SqliteStore, path: Path) -> None:
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    for call in (opened(path).setup, opened(path).ping):
        with pytest.raises(StoreRefused, match="999, newer"):
            call()


def test_an_older_schema_asks_for_setup(path: Path) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.pragma("application_id", 0x4D4D4F4E)
        connection.execute("CREATE TABLE t (a)")
    with pytest.raises(StoreRefused, match="older than this program"):
        opened(path).ping()


def test_a_damaged_file_is_refused_with_what_to_do(store: SqliteStore, path: Path) -> None:
    store.commit([filing(story(f"s{number}", text="many words " * 400)) for number in range(200)])
    store.close()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(path.stat().st_size - 8192))
    with pytest.raises(StoreRefused, match="recover"):
        list(opened(path).scan(now=NOW))


def test_a_writer_elsewhere_makes_the_store_unavailable_for_now(store: SqliteStore, path: Path) -> None:
    impatient = opened(path, seconds=0.2)
    with contextlib.closing(apsw.Connection(str(path))) as other:  # the same library: locks are a process's own
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            impatient.enqueue([candidate()], now=NOW)
        assert impatient.search(None, now=NOW).total == 0  # reading goes on
        other.execute("ROLLBACK")
    assert len(impatient.enqueue([candidate()], now=NOW)) == 1


def test_a_full_disk_makes_the_store_unavailable_and_loses_nothing(store: SqliteStore) -> None:
    store.commit([filing(story("first"))])
    with store.database.read() as connection:
        connection.pragma("max_page_count", int(connection.pragma("page_count")) + 2)
    many = [filing(story(f"s{number}", text=random.Random(number).randbytes(3000).hex())) for number in range(50)]
    with pytest.raises(StoreUnavailable, match="no room"):
        store.commit(many)
    assert store.search(None, now=NOW).total == 1
    with store.database.read() as connection:
        connection.pragma("max_page_count", 1 << 30)
    assert set(store.commit(many)) == {CommitResult.WRITTEN}
    assert store.search(None, now=NOW, limit=100).total == 51


@contextlib.contextmanager
def shown_to_another_user(path: Path) -> Iterator[Path]:
    """A copy of the file in a directory where this user, for the while no longer root, may write nothing."""
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


def test_a_file_that_may_not_be_written_is_read_and_nothing_else(store: SqliteStore, path: Path) -> None:
    store.commit([filing(story("first"))])
    store.close()
    assert not path.with_name(f"{path.name}-wal").exists()
    with shown_to_another_user(path) as shown, contextlib.closing(opened(shown)) as reader:
        reader.setup()
        assert reader.search(parse("text"), now=NOW).total == 1
        with pytest.raises(StoreRefused, match="writable"):
            reader.enqueue([candidate("new")], now=NOW)


def test_a_file_that_another_user_writes_to_is_read_with_what_was_written_last(store: SqliteStore, path: Path) -> None:
    store.commit([filing(story("first"))])
    with shown_to_another_user(path) as shown, contextlib.closing(opened(shown)) as reader:
        assert shown.with_name(f"{path.name}-wal").exists()
        reader.setup()
        assert reader.search(parse("text"), now=NOW).total == 1


def test_what_raises_inside_a_transaction_leaves_nothing(store: SqliteStore) -> None:
    broken = filing(story("second"), notifications=(None,))  # type: ignore[arg-type]  # on purpose
    with pytest.raises(AttributeError):
        store.commit([filing(story("first")), broken])
    assert store.search(None, now=NOW).total == 0
    assert store.commit([filing(story("first"))]) == [CommitResult.WRITTEN]
    assert store.search(parse("text"), now=NOW).total == 1


def test_half_a_surrogate_pair_is_stored_as_a_question_mark(store: SqliteStore) -> None:
    told = story("first", title="a\ud800b", text="c \udfff d", authors=("e\ud83d",))
    assert store.commit([filing(told, alerts=("ai",))]) == [CommitResult.WRITTEN]
    assert store.search(None, now=NOW).stories[0].title == "a?b"
    assert store.history(told.id)[0].authors == ("e?",)


def test_the_sqlite_shell_reads_the_stories(store: SqliteStore, path: Path) -> None:
    store.commit([filing(story("first", text="Первый абзац.\n\nSecond. " * 20, topics=("ai",)))])
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("no sqlite3 shell on this machine")
    asked = "SELECT title, text, first_seen_at, topics FROM stories"
    told = subprocess.run([shell, "-json", path, asked], capture_output=True, text=True, check=True).stdout
    assert "The title of first" in told
    assert "Первый абзац." in told
    assert "2026-11-22T12:00:00Z" in told


def test_thousands_of_stories_of_one_moment_all_have_their_place(store: SqliteStore) -> None:
    for start in range(0, 3000, 500):
        batch = [filing(story(f"s{start + number}", published_at=NOW)) for number in range(500)]
        assert set(store.commit(batch)) == {CommitResult.WRITTEN}
    store.commit([filing(story("later", published_at=NOW + MINUTE))])
    assert store.search(None, now=NOW).stories[0].title.endswith("later")
    assert store.search(None, now=NOW, limit=5000).total == 3001


def test_a_search_that_takes_too_long_is_stopped_with_what_to_do(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.commit([filing(story(f"s{number}")) for number in range(2000)])
    monkeypatch.setattr(searching, "MAX_SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(searching, "INSTRUCTIONS_PER_CHECK", 10)
    with pytest.raises(StoreRefused, match="--since"):
        store.search(parse("text"), now=NOW, limit=2000)
    monkeypatch.undo()
    assert store.search(parse("text"), now=NOW).total == 2000


def test_a_total_that_takes_long_to_count_is_left_out(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.commit([filing(story(f"s{number}")) for number in range(2000)])
    monkeypatch.setattr(searching, "MAX_COUNT_SECONDS", 0.0)
    monkeypatch.setattr(searching, "INSTRUCTIONS_PER_CHECK", 10)
    found = store.search(parse("text"), now=NOW)
    assert len(found.stories) == 20
    assert found.total is None


WRITER = textwrap.dedent(
    """
    import sys, uuid
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from store.examples import candidate, filing, story, NOW
    from store.test_sqlite import opened
    store = opened(Path(sys.argv[1]))
    print("ready", flush=True)
    while True:
        names = [uuid.uuid4().hex for _ in range(5)]
        store.enqueue([candidate(name) for name in names], now=NOW)
        store.commit([filing(story(name), alerts=("ai",)) for name in names])
        print(*names, flush=True)
    """
)


def test_a_kill_at_any_moment_leaves_every_story_whole_or_waiting(store: SqliteStore, path: Path) -> None:
    """What was said to be filed is there; what is there has its hit and notice; the rest still waits."""
    random_moment = random.Random(7)
    said: set[str] = set()
    for _ in range(6):
        command = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parents[1])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            time.sleep(random_moment.uniform(0.05, 0.5))
            writer.send_signal(signal.SIGKILL)
            complete = writer.stdout.read().rpartition("\n")[0]  # a last line cut short was not said
            said |= set(complete.split())
    stored = {told.url.rpartition("/")[2]: told.id for told in store.scan(now=NOW)}
    assert said <= stored.keys()
    assert {hit.story for hit in store.hits(limit=100_000)} == set(stored.values())
    assert {put.story for put in store.outbox(limit=100_000)} == set(stored.values())
    waiting = store.due_entries("Outlet", now=NOW, limit=100_000)
    assert {visit.id for visit in waiting}.isdisjoint(stored.values())
    assert store.search(parse("text"), now=NOW, limit=100_000).total == len(stored)
    with store.database.read() as connection:
        assert connection.pragma("integrity_check") == "ok"
        connection.execute("INSERT INTO fulltext (fulltext) VALUES ('integrity-check')")
