"""Backups of a SQLite file: complete copies amid writes, and their return; no kill leaves a half."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import apsw
import pytest

from monitor.errors import StoreRefused
from monitor.query import parse
from monitor.store.sqlite import SqliteStore, backup
from store.examples import NOW, page_commit, story

if TYPE_CHECKING:
    from pathlib import Path

WORDS = " ".join(f"word{number}" for number in range(400))


def open_file(path: Path) -> SqliteStore:
    return SqliteStore(path, timeout=timedelta(seconds=30))


def fill(store: SqliteStore, numbers: range) -> None:
    store.commit(
        [page_commit(story(f"s{number}", text=f"{WORDS} number{number}"), alerts=("a",)) for number in numbers]
    )


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    store = open_file(tmp_path / "monitor.db")
    store.setup()
    fill(store, range(50))
    return store


def content(path: Path) -> tuple[int | None, int, int, bool]:
    """Returns the numbers of stories, hits and unsent notifications, and whether the last story is found."""
    with closing(open_file(path)) as store:
        store.setup()
        total = store.search(None, now=NOW).total
        is_found = bool(store.search(parse("number49"), now=NOW).stories)
        return total, len(store.hits(limit=10_000)), len(store.outbox(limit=10_000)), is_found


def test_a_backup_amid_writes_is_consistent(store: SqliteStore, tmp_path: Path) -> None:
    stopped = threading.Event()

    def write() -> None:
        number = 50
        while not stopped.is_set():
            fill(store, range(number, number + 5))
            number += 5

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            store.back_up(tmp_path / f"{number}.db")
    finally:
        stopped.set()
        writer.join()
    for number in range(5):
        stories, hits, waiting, is_found = content(tmp_path / f"{number}.db")
        assert stories == hits == waiting
        assert (stories or 0) % 5 == 0, "each commit is in the copy or is not"
        assert is_found


def test_an_existing_file_is_not_replaced(store: SqliteStore, tmp_path: Path) -> None:
    (tmp_path / "b.db").write_text("mine")
    with pytest.raises(StoreRefused, match="exists and was not changed"):
        store.back_up(tmp_path / "b.db")
    assert (tmp_path / "b.db").read_text() == "mine"
    with pytest.raises(StoreRefused, match=r"directory .* does not exist"):
        store.back_up(tmp_path / "missing" / "b.db")


def killed(function: str, path: Path, other: Path, *, after: float) -> None:
    """Runs `back_up` or `restore` in a process that is killed ``after`` so many seconds."""

    def run() -> None:
        getattr(open_file(path), function)(other)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    time.sleep(after)
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()


@pytest.mark.parametrize("after", [0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1])
def test_a_killed_backup_leaves_a_complete_file_or_none(store: SqliteStore, tmp_path: Path, after: float) -> None:
    fill(store, range(50, 400))
    target = tmp_path / "b.db"
    killed("back_up", store.database.path, target, after=after)
    if target.exists():
        assert content(target)[0] == 400
        target.unlink()
    store.back_up(target)  # what the killed one left is no obstacle
    assert content(target) == (400, 400, 400, True)
    assert not [*tmp_path.glob("*.part")]


@pytest.mark.parametrize("after", [0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1])
def test_a_killed_restore_leaves_the_old_or_the_new_content(store: SqliteStore, tmp_path: Path, after: float) -> None:
    store.back_up(tmp_path / "b.db")
    fill(store, range(50, 400))
    path = store.database.path
    store.close()
    killed("restore", path, tmp_path / "b.db", after=after)
    assert content(path)[0] in {50, 400}
    with closing(open_file(path)) as again:
        again.restore(tmp_path / "b.db")
    assert content(path) == (50, 50, 50, True)


def test_a_damaged_store_is_restored(store: SqliteStore, tmp_path: Path) -> None:
    store.back_up(tmp_path / "b.db")
    path = store.database.path
    store.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(b"SQLite format 3\0" + os.urandom(50_000))
    with closing(open_file(path)) as broken, pytest.raises(StoreRefused, match=r"media-monitor restore|not a database"):
        broken.setup()
    with closing(open_file(path)) as broken:
        broken.restore(tmp_path / "b.db")
    assert content(path) == (50, 50, 50, True)


def test_a_backup_that_is_none_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but long enough to look at " * 10)
    with closing(apsw.Connection(str(tmp_path / "other.db"))) as other:
        other.execute("CREATE TABLE t (a)")
    store.back_up(tmp_path / "newer.db")
    with closing(apsw.Connection(str(tmp_path / "newer.db"))) as newer:
        newer.pragma("user_version", 99)
    for name, message in (
        ("text", "is damaged, or no database"),
        ("other.db", "is no database of media-monitor"),
        ("newer.db", "has schema 99, newer than this program's"),
        ("missing.db", "there is no backup"),
    ):
        with pytest.raises(StoreRefused, match=message):
            backup.check_backup(tmp_path / name)
