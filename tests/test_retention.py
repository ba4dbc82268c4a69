"""What ``keep_for`` no longer keeps is deleted in batches, by one process at a time, and the space is given back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from monitor import retention
from monitor.cli.app import program
from monitor.config import Config
from monitor.config.schema import KeepFor
from monitor.errors import StoreUnavailable
from monitor.models import Disposition, Outcome, now
from monitor.query import parse
from monitor.retention import Deleted, begin_cleanup, delete_expired
from monitor.store.memory import MemoryStore
from monitor.store.sqlite import SqliteStore
from store.examples import candidate, frontier_entry, hit, page_commit, story

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.store import Store

DAY = timedelta(days=1)


def put_stories(store: Store, *names: str, days: float, text: str = "", topics: tuple[str, ...] = ()) -> None:
    for name in names:
        seen_at = now() - days * DAY
        example = story(name, first_seen_at=seen_at, topics=topics, text=text or f"The words of {name} are a few.")
        entry = frontier_entry(name, story=example.id, first_seen_at=seen_at)
        store.commit([page_commit(example, entry=entry)])


def urls(store: Store) -> list[str]:
    return sorted(item.url for item in store.search(None, now=now(), limit=1000).stories)


def config(**keep_for: object) -> Config:
    return Config(keep_for=KeepFor.model_validate(keep_for))


def test_a_cleanup_deletes_stories_and_then_their_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STORIES_PER_BATCH", 2)
    store = MemoryStore()
    put_stories(store, *(f"old{number}" for number in range(5)), days=40)
    put_stories(store, "topical", days=40, topics=("chips",))
    put_stories(store, "new", days=3)
    store.record_dropped([(candidate("x"), Outcome(disposition=Disposition.OFF_TOPIC))], now=now() - 40 * DAY)
    settings = config(stories="30d", topics={"chips": "90d"}, urls="35d")
    assert [*delete_expired(store, settings, dry_run=True)][-1] == Deleted(stories=5, urls=1)
    assert len(urls(store)) == 7
    batches = [str(batch) for batch in delete_expired(store, settings)]
    assert batches == [
        "2 stories and 0 URLs",
        "4 stories and 0 URLs",
        "5 stories and 0 URLs",
        "5 stories and 6 URLs",
    ]
    assert [url.rpartition("/")[2] for url in urls(store)] == ["new", "topical"]
    assert [*delete_expired(store, settings)] == []


def test_a_batch_is_repeated_after_the_store_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STORIES_PER_BATCH", 2)
    store = MemoryStore()
    put_stories(store, *(f"old{number}" for number in range(5)), days=40)
    cleanup = retention.Cleanup(store, config(stories="30d"))
    assert cleanup.delete_batch()
    delete_stories = store.delete_stories

    def fail(_: object) -> int:
        raise StoreUnavailable("away")

    store.delete_stories = fail
    with pytest.raises(StoreUnavailable):
        cleanup.delete_batch()
    store.delete_stories = delete_stories
    while cleanup.delete_batch():
        pass
    assert cleanup.deleted == Deleted(stories=5)
    assert urls(store) == []


def test_findings_are_kept_as_long_as_stories_with_a_hit() -> None:
    store, example = MemoryStore(), story("example")
    for days in (40, 20):
        at = now() - days * DAY
        store.load([hit("banks", example, story=f"finding-{days}", matched_at=at)])
    assert [*delete_expired(store, config(stories="15d", matched="30d"))] == [Deleted(findings=1)]
    assert [each.story for each in store.hits()] == ["finding-20"]
    assert str(Deleted(stories=2, findings=1)) == "2 stories, 1 finding and 0 URLs"


def test_nothing_is_deleted_without_keep_for() -> None:
    store = MemoryStore()
    put_stories(store, "old", days=4000)
    assert [*delete_expired(store, Config())] == []
    assert not begin_cleanup(store, Config())


def test_of_several_processes_one_begins_a_cleanup(monkeypatch: pytest.MonkeyPatch) -> None:
    store, settings, time = MemoryStore(), config(stories="30d"), now()
    assert [begin_cleanup(store, settings) for _ in range(3)] == [True, False, False]
    monkeypatch.setattr(retention, "now", lambda: time + retention.INTERVAL + timedelta(minutes=1))
    assert [begin_cleanup(store, settings) for _ in range(2)] == [True, False]
    monkeypatch.setattr(retention, "now", lambda: time - 10 * DAY)  # the clock was ahead
    assert begin_cleanup(store, settings)


@pytest.mark.parametrize("value", ["14d", "0s", "soon"])
def test_a_period_that_is_too_short_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"at least 15d|is not a duration"):
        config(stories=value)


def test_a_sqlite_file_gives_its_space_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=5))
    store.setup()
    for number in range(300):
        put_stories(store, f"s{number}", days=40, text=" ".join(f"word{number}x{n}" for n in range(300)))
    put_stories(store, "new", days=1)
    store.compact()
    full = (tmp_path / "monitor.db").stat().st_size
    assert [*delete_expired(store, config(stories="30d"))][-1].stories == 300
    with store.database.read_connection() as connection:
        assert connection.pragma("freelist_count") == 0  # of the rows; the index is merged later
    store.compact()
    assert (tmp_path / "monitor.db").stat().st_size < full * 0.6  # most of the rest is the list of words
    assert store.search(parse("word7x7"), now=now()).stories == ()
    assert len(store.search(parse("new"), now=now()).stories) == 1
    store.close()


def test_a_killed_cleanup_is_continued(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=5))
    store.setup()
    put_stories(store, *(f"s{number}" for number in range(250)), days=40)
    batches = delete_expired(store, config(stories="30d"))
    assert next(batches).stories == retention.STORIES_PER_BATCH
    del batches
    assert [*delete_expired(store, config(stories="30d"))][-1].stories == 150
    with store.database.read_connection() as connection:
        connection.execute("INSERT INTO fulltext (fulltext) VALUES ('integrity-check')")
        assert connection.execute("SELECT count(*) FROM signature").get == 0
    store.close()


def test_prune_shows_what_it_deletes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "monitor.yaml"
    path.write_text("outlets: [{name: A, url: 'https://a.example/'}]\n")
    result = CliRunner().invoke(program, ["prune"], standalone_mode=True)
    assert result.exit_code == 2
    assert "keeps everything for ever; write keep_for: {stories: 365d}" in result.output
    path.write_text(yaml.safe_dump({"keep_for": {"stories": "30d"}}))
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=5))
    store.setup()
    put_stories(store, "a", "b", days=31)
    for arguments, line in (
        (["prune", "--dry-run"], "Would delete 2 stories and 0 URLs.\n"),
        (["prune", "--compact"], "Deleted 2 stories and 0 URLs.\n"),
        (["prune"], "Deleted 0 stories and 0 URLs.\n"),
    ):
        assert CliRunner().invoke(program, arguments).output == line
    store.close()
