"""The stories in several indices: each is stored once, whatever is killed, and whole indices are dropped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ByteSize

from benchmarks.simulated_year import simulate
from monitor.config.schema import StoreRollover
from monitor.errors import StoreRefused
from monitor.models import CommitResult, Notification
from monitor.store.elasticsearch import ElasticsearchStore, indices, partitions, schema
from monitor.store.elasticsearch.client import CompatibleTransport
from monitor.store.records import StoryExpiry
from store.examples import frontier_entry, page_commit, story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.config.schema import StoreSettings
    from monitor.models import PageCommit
    from monitor.store.elasticsearch.cluster import Cluster

pytestmark = pytest.mark.elasticsearch

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ALL_EXPIRED = StoryExpiry(unmatched_before=NOW - 30 * DAY, matched_before=NOW - 30 * DAY, topics_before={})
MAX_REQUESTS = 40  # more than a commit makes


class Killed(BaseException):
    """The end of a process, which no handler of the program catches."""


@pytest.fixture
def open_another(elasticsearch_other: StoreSettings) -> Iterator[Callable[[], ElasticsearchStore]]:
    """Opens the store as one more process would; the partition for new stories is empty."""
    opened: list[ElasticsearchStore] = []

    def open_one() -> ElasticsearchStore:
        opened.append(ElasticsearchStore.open(elasticsearch_other))
        return opened[-1]

    roll_over(open_one())
    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_another: Callable[[], ElasticsearchStore]) -> ElasticsearchStore:
    return open_another()


def roll_over(store: ElasticsearchStore) -> int:
    """Makes the next partition, and returns its number."""
    newest = store.cluster.partitions.numbers(reread=True)[-1]
    indices.create_index(store.cluster, "stories", newest + 1)
    return store.cluster.partitions.numbers(reread=True)[-1]


def commit_of(name: str, *, days: float = 0, version: int = 1, alerts: tuple[str, ...] = ()) -> PageCommit:
    """Returns the commit of a story first seen so many days ago."""
    seen_at = NOW - days * DAY
    example = story(name, first_seen_at=seen_at, version=version, alerts=alerts, text=f"Version {version} of {name}.")
    entry = frontier_entry(name, story=example.id, first_seen_at=seen_at)
    return page_commit(example, entry=entry, alerts=alerts)


def partitions_of(store: ElasticsearchStore, name: str) -> list[int]:
    """Returns the partitions that have the story."""
    found = store.cluster.client.options(ignore_status=404)
    return [
        number
        for number in store.cluster.partitions.numbers(reread=True)
        if found.get(index=store.cluster.partitions.index(number), id=story(name).id).body.get("found")
    ]


def before_request(monkeypatch: pytest.MonkeyPatch, store: ElasticsearchStore, number: int, act: Any) -> list[str]:
    """Calls ``act`` before the request of that number; returns the requests of the store, which grow."""
    transport, send, sent = store.cluster.client.transport, CompatibleTransport.perform_request, list[str]()

    def perform_request(self: CompatibleTransport, method: str, target: str, **kwargs: Any) -> Any:
        if self is transport:
            sent.append(f"{method} {target}")
            if len(sent) == number + 1:
                act()
        return send(self, method, target, **kwargs)

    monkeypatch.setattr(CompatibleTransport, "perform_request", perform_request)
    return sent


def kill() -> None:
    raise Killed


# ---- once each


def test_a_commit_killed_and_repeated_after_a_rollover_stores_once(
    open_another: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MAX_REQUESTS):
        name, killed = f"k{number}", open_another()
        commit = commit_of(name, alerts=("bank",))
        killed.cluster.partitions.newest()
        with monkeypatch.context() as patch:
            before_request(patch, killed, number, kill)
            try:
                killed.commit([commit])
            except Killed:
                is_killed = True
            else:
                is_killed = False
        survivor = open_another()
        roll_over(survivor)
        assert survivor.commit([commit]) in ([CommitResult.WRITTEN], [CommitResult.CONFLICT])
        assert len(partitions_of(survivor, name)) == 1
        example = story(name)
        survivor.cluster.refresh(survivor.cluster.alias("hits"))  # written by the killed process
        assert [hit.story for hit in survivor.hits(limit=10_000)].count(example.id) == 1
        assert len(survivor.story_notifications(example.id)) == 1
        if not is_killed:
            break
    assert 4 < number < MAX_REQUESTS - 1


def test_processes_that_disagree_on_a_rollover_store_a_story_once(
    open_another: Callable[[], ElasticsearchStore],
) -> None:
    early, late = open_another(), open_another()
    former = early.cluster.partitions.newest()
    assert roll_over(late) == former + 1
    names = [f"r{number}" for number in range(40)]

    def commit_all(store: ElasticsearchStore, order: list[str]) -> list[CommitResult]:
        return [result for name in order for result in store.commit([commit_of(name)])]

    with ThreadPoolExecutor(2) as pool:
        results = [*pool.map(commit_all, (early, late), (names, names[::-1]))]
    written = [*results[0], *results[1]].count(CommitResult.WRITTEN)
    assert written == len(names)
    found = {name: partitions_of(late, name) for name in names}
    assert all(len(numbers) == 1 for numbers in found.values())
    assert {numbers[0] for numbers in found.values()} <= {former, former + 1}
    assert late.cluster.count_documents("stories", {"match_all": {}}) == len(names)


def test_a_correction_after_a_rollover_replaces_the_story_in_place(store: ElasticsearchStore) -> None:
    assert store.commit([commit_of("corrected")]) == [CommitResult.WRITTEN]
    (before,) = partitions_of(store, "corrected")
    roll_over(store)
    assert store.commit([commit_of("corrected", version=2)]) == [CommitResult.WRITTEN]
    assert store.commit([commit_of("corrected", version=2)]) == [CommitResult.CONFLICT]
    assert partitions_of(store, "corrected") == [before]
    assert [each.text for each in store.history(story("corrected").id)] == [
        "Version 1 of corrected.",
        "Version 2 of corrected.",
    ]


# ---- rollover


def test_the_next_partition_is_made_by_age_and_by_size(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = store.cluster.partitions.newest()
    opened_at = datetime.now(UTC)
    monkeypatch.setattr(partitions, "now", lambda: opened_at + 31 * DAY)
    assert not store.cluster.partitions.roll_over_if_due()  # it is empty
    store.commit([commit_of("first")])
    store.cluster.refresh_all_after_writes()
    monkeypatch.setattr(partitions, "now", lambda: opened_at + 29 * DAY)
    assert not store.cluster.partitions.roll_over_if_due()
    monkeypatch.setattr(partitions, "now", lambda: opened_at + 31 * DAY)
    assert store.cluster.partitions.roll_over_if_due()
    assert store.cluster.partitions.newest() == newest + 1

    monkeypatch.undo()
    store.commit([commit_of("second")])
    store.cluster.refresh_all_after_writes()
    assert not store.cluster.partitions.roll_over_if_due()
    store.cluster.partitions._rollover = StoreRollover().model_copy(update={"size": ByteSize(1000)})
    assert store.cluster.partitions.roll_over_if_due()
    store.commit([commit_of("third")])
    assert [partitions_of(store, name) for name in ("first", "second", "third")] == [
        [newest],
        [newest + 1],
        [newest + 2],
    ]


def test_a_commit_makes_the_next_partition_by_itself(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "CHECK_SECONDS", -1.0)
    newest = store.cluster.partitions.newest()
    store.commit([commit_of("before")])
    store.cluster.refresh_all_after_writes()
    monkeypatch.setattr(partitions, "now", lambda: datetime.now(UTC) + 40 * DAY)
    store.commit([commit_of("after")])
    assert (partitions_of(store, "before"), partitions_of(store, "after")) == ([newest], [newest + 1])
    assert {each.id for each in store.scan(now=NOW)} == {story("before").id, story("after").id}


def test_a_key_that_may_make_no_index_goes_on_in_the_last_one(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(_cluster: Cluster, _kind: str, _partition: int) -> None:
        raise StoreRefused("Elasticsearch does not allow this: indices:admin/create")

    store.commit([commit_of("before")])
    store.cluster.refresh_all_after_writes()
    monkeypatch.setattr(indices, "create_index", refused)
    monkeypatch.setattr(partitions, "now", lambda: datetime.now(UTC) + 40 * DAY)
    monkeypatch.setattr(partitions, "CHECK_SECONDS", -1.0)
    assert store.commit([commit_of("after")]) == [CommitResult.WRITTEN]
    assert partitions_of(store, "after") == partitions_of(store, "before")
    assert "no new index can be made: Elasticsearch does not allow this" in caplog.text


# ---- dropping


def test_a_partition_is_dropped_when_all_its_stories_have_expired(store: ElasticsearchStore) -> None:
    first = store.cluster.partitions.newest()
    store.commit([commit_of("old", days=40, alerts=("bank",)), commit_of("older", days=50)])
    store.commit([commit_of("old", days=40, version=2, alerts=("bank",))])
    second = roll_over(store)
    store.cluster.partitions._checked_at = float("-inf")
    store.commit([commit_of("kept", days=40, alerts=("bank",)), commit_of("new", days=5)])
    roll_over(store)
    assert store.drop_expired(ALL_EXPIRED) == 0  # a notification of the first one is unsent
    send_all(store)
    assert store.drop_expired(replace(ALL_EXPIRED, matched_before=None)) == 0
    assert store.drop_expired(ALL_EXPIRED) == 2
    assert store.drop_expired(ALL_EXPIRED) == 0
    assert first not in store.cluster.partitions.numbers(reread=True)
    assert second in store.cluster.partitions.numbers()
    assert {each.id for each in store.scan(now=NOW)} == {story("kept").id, story("new").id}
    assert [hit.story for hit in store.hits()] == [story("kept").id]
    assert store.history(story("old").id) == []
    assert store.story_notifications(story("old").id) == []
    located = store.cluster.get_documents("locations", [story(name).id for name in ("old", "older", "kept", "new")])
    assert sorted(located) == sorted(story(name).id for name in ("kept", "new"))
    assert list(store.entries([story("old").id])) == [story("old").id]


def send_all(store: ElasticsearchStore) -> None:
    claimed: list[Notification] = store.claim(["email"], holder="h", now=NOW, term=DAY)
    store.mark_sent(claimed, now=NOW)


def test_a_process_that_knew_a_dropped_partition_uses_the_last_one(
    open_another: Callable[[], ElasticsearchStore],
) -> None:
    sleeper, other = open_another(), open_another()
    first = sleeper.cluster.partitions.newest()
    for store in (sleeper, other):
        store.cluster.locations.assign([story("late").id])
    sleeper.commit([commit_of("gone", days=40)])
    newest = roll_over(other)
    assert other.drop_expired(ALL_EXPIRED) == 1
    assert sleeper.stories([story("gone").id]) == {}
    assert sleeper.commit([commit_of("gone")]) == [CommitResult.WRITTEN]
    with ThreadPoolExecutor(2) as pool:
        results = [*pool.map(lambda store: store.commit([commit_of("late")])[0], (sleeper, other))]
    assert sorted(results, key=str) == [CommitResult.CONFLICT, CommitResult.WRITTEN]
    assert first not in other.cluster.partitions.numbers(reread=True)
    assert (partitions_of(other, "gone"), partitions_of(other, "late")) == ([newest], [newest])
    assert not other.cluster.client.indices.exists(index=other.cluster.partitions.index(first))


def test_a_partition_that_gets_a_story_is_not_dropped(
    open_another: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = open_another(), open_another()
    first = other.cluster.partitions.newest()
    store.commit([commit_of("old", days=40)])
    roll_over(store)
    drop = store.cluster.partitions.drop

    def drop_after_write(number: int, **kwargs: Any) -> bool:
        if number == first:  # not for the empty ones of former tests
            assert other.commit([commit_of("late")]) == [CommitResult.WRITTEN]
        return drop(number, **kwargs)

    monkeypatch.setattr(store.cluster.partitions, "drop", drop_after_write)
    assert store.drop_expired(ALL_EXPIRED) == 0
    assert partitions_of(other, "late") == [first]
    assert other.commit([commit_of("late", version=2)]) == [CommitResult.WRITTEN]  # writable again


def test_a_killed_drop_is_finished_by_the_next_cleanup(
    open_another: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each request in turn."""
    numbers = iter(range(MAX_REQUESTS))
    for number in numbers:
        killed, other = open_another(), open_another()
        first = killed.cluster.partitions.newest()
        killed.commit([commit_of(f"d{number}", days=40), commit_of(f"e{number}", days=41)])
        roll_over(killed)
        with monkeypatch.context() as patch:
            before_request(patch, killed, number * 3, kill)
            try:
                killed.drop_expired(ALL_EXPIRED)
            except Killed:
                is_killed = True
            else:
                is_killed = False
        while other.drop_expired(ALL_EXPIRED):
            pass
        assert first not in other.cluster.partitions.numbers(reread=True)
        assert other.cluster.count_documents("locations", {"match_all": {}}) == 0
        if not is_killed:
            break
    assert 2 < number < MAX_REQUESTS - 1


def test_over_months_stories_expire_exactly_and_indices_are_dropped(
    open_another: Callable[[], ElasticsearchStore],
) -> None:
    """The whole year is in benchmarks/simulated_year.py."""
    store = open_another()
    first = store.cluster.partitions.newest()
    reports = [*simulate(store, days=210, step=15, per_day=2)]
    assert [report.day for report in reports if not report.is_exact] == []
    assert [len(report.found) for report in reports[:6]] == [30, 60, 90, 120, 150, 150 - 27 + 30]
    assert first not in reports[4].dropped
    assert len(reports[-1].partitions) <= 6
    assert {first, first + 1} <= reports[-1].dropped
    assert reports[-1].partitions[-1] >= first + 5
    in_partitions = store.cluster.count_documents("stories", {"match_all": {}})
    assert in_partitions == len(reports[-1].found) <= reports[-1].locations < reports[-1].stored


# ---- settings


def test_templates_of_the_user_win_and_are_left_alone(elasticsearch_url: str, elasticsearch_prefix: str) -> None:
    from monitor.config.schema import StoreSettings

    settings = StoreSettings.model_validate(
        {
            "url": elasticsearch_url,
            "prefix": elasticsearch_prefix,
            "shards": {"urls": 3},
            "replicas": 0,
            "codec": "default",
            "refresh_interval": "2s",
        }
    )
    store = ElasticsearchStore.open(settings)
    client = store.cluster.client
    custom = {"settings": {"index": {"refresh_interval": "7s", "number_of_shards": 2}}}
    client.cluster.put_component_template(name=f"{elasticsearch_prefix}-stories@custom", template=custom)
    store.setup()
    store.put_templates()
    assert client.cluster.get_component_template(name=f"{elasticsearch_prefix}-stories@custom").body[
        "component_templates"
    ][0]["component_template"]["template"]["settings"]["index"] == {"refresh_interval": "7s", "number_of_shards": "2"}

    def index_settings(kind: str) -> dict[str, str]:
        index = schema.index_name(elasticsearch_prefix, kind)
        found: dict[str, str] = client.indices.get_settings(index=index, flat_settings=True)[index]["settings"]
        return {
            name: found[f"index.{name}"]
            for name in ("number_of_shards", "number_of_replicas", "codec", "refresh_interval")
        }

    assert index_settings("urls") == {
        "number_of_shards": "3",
        "number_of_replicas": "0",
        "codec": "default",
        "refresh_interval": "2000ms",
    }
    assert index_settings("stories") == {
        "number_of_shards": "2",
        "number_of_replicas": "0",
        "codec": "default",
        "refresh_interval": "7s",
    }
    store.close()


def test_aliases_and_indices_of_other_versions_take_no_writes(store: ElasticsearchStore) -> None:
    """So a program of another version stops instead of writing documents of its own shape."""
    client = store.cluster.client.options(ignore_status=(400, 404))
    for kind in schema.DOCUMENT_KINDS:
        refused = client.index(index=store.cluster.alias(kind), id="x", document={})
        assert refused.meta.status == 400
        assert "no write index" in str(refused.body)
        former = schema.index_name(store.cluster.prefix, kind, 99)
        assert client.index(index=former, id="x", document={}).meta.status == 404
        assert not client.indices.exists(index=former)
