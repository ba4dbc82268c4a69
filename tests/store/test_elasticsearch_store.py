"""What the Elasticsearch store does beyond the contract, on a real server."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import StoreSettings
from monitor.errors import LeaseLost, StoreRefused, StoreUnavailable
from monitor.models import (
    Candidate,
    CommitResult,
    Disposition,
    FrontierEntry,
    Hit,
    Notification,
    Outcome,
    PageCommit,
    Story,
)
from monitor.store.elasticsearch import ElasticsearchStore, migration, schema
from monitor.store.elasticsearch.bulk import Write
from monitor.store.protocol import History
from servers import elasticsearch_node, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.models import OutletState
    from monitor.store.elasticsearch.cluster import StoredDocument

pytestmark = pytest.mark.elasticsearch

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def fresh(elasticsearch_url: str, elasticsearch_prefix: str) -> StoreSettings:
    """Of a store that nobody has set up."""
    return StoreSettings(url=elasticsearch_url, prefix=elasticsearch_prefix)


@pytest.fixture
def settings(elasticsearch_store: StoreSettings) -> StoreSettings:
    """Of a store that is set up already."""
    return elasticsearch_store


@pytest.fixture
def store(settings: StoreSettings) -> Iterator[ElasticsearchStore]:
    opened = ElasticsearchStore.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def own(fresh: StoreSettings) -> Iterator[ElasticsearchStore]:
    """A store whose indices are this test's own, to do with as it likes."""
    opened = ElasticsearchStore.open(fresh)
    opened.setup()
    yield opened
    opened.close()


def filing(number: int = 1, **changes: Any) -> PageCommit:
    """A story that an alert caught, with its visit and its mail."""
    name = f"{number:032x}"
    url = f"https://a.example/{number}"
    candidate = Candidate(url=url, outlet="A")
    story = Story(
        id=name,
        url=url,
        outlet="A",
        title=f"Story {number}",
        text="Sberbank's partners advance.",
        first_seen_at=NOON,
        fetched_at=NOON,
        updated_at=NOON,
        alerts=("bank",),
        cluster=name,
    )
    story = replace(story, **changes)
    hit = Hit(alert="bank", story=name, version=story.version, outlet="A", title=story.title, url=url, matched_at=NOON)
    return PageCommit(
        entry=FrontierEntry(id=name, candidate=candidate, first_seen_at=NOON, next_at=None, story=name),
        outcome=Outcome(disposition=Disposition.STORED),
        story=story,
        signature=tuple(range(number * 1000, number * 1000 + 100)),
        hits=(hit,),
        notifications=(
            Notification(
                alert="bank", story=name, version=story.version, to=("a@b.example",), due_at=NOON, created_at=NOON
            ),
        ),
    )


# ---- indices


def test_every_kind_has_an_alias_over_a_versioned_index_with_a_strict_mapping(store: ElasticsearchStore) -> None:
    for kind in schema.KINDS:
        answer = store.client.indices.get(index=store.alias(kind)).body
        assert list(answer) == [f"{store.prefix}-{kind}-v{schema.VERSIONS[kind]}"]
        made = answer[f"{store.prefix}-{kind}-v{schema.VERSIONS[kind]}"]
        assert made["mappings"]["dynamic"] == "strict"
        assert made["mappings"]["_meta"]["version"] == schema.VERSIONS[kind]
        assert made["settings"]["index"]["auto_expand_replicas"] == "0-1"


def test_setup_again_asks_once_and_changes_nothing(store: ElasticsearchStore) -> None:
    before = store.client.cluster.state(metric="metadata").body["metadata"]["indices"]
    store.setup()
    after = store.client.cluster.state(metric="metadata").body["metadata"]["indices"]
    mine = [name for name in after if name.startswith(store.prefix)]
    assert len(mine) == len(schema.KINDS)
    assert all(before[name]["version"] == after[name]["version"] for name in mine)


def test_processes_that_set_up_at_the_same_time_make_one_set_of_indices(fresh: StoreSettings) -> None:
    stores = [ElasticsearchStore.open(fresh) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ElasticsearchStore.setup, stores))
    assert len(stores[0].client.indices.get(index=f"{fresh.prefix}-*")) == len(schema.KINDS)
    for one in stores:
        one.close()


def test_an_index_of_a_newer_program_is_refused(store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schema.VERSIONS, "hits", 0)
    with pytest.raises(StoreRefused, match="newer media-monitor"):
        store.setup()


def test_a_store_that_was_never_set_up_says_so_and_no_index_is_made_by_writing(fresh: StoreSettings) -> None:
    store = ElasticsearchStore.open(fresh)
    with pytest.raises(StoreRefused, match="not set up"):
        store.put_setting("key", {"a": 1})
    with pytest.raises(StoreRefused, match="media-monitor setup"):
        store.outlets()
    assert not store.client.indices.get(index=f"{fresh.prefix}-*").body
    assert "not set up" in store.ping()


def test_an_index_in_the_way_of_an_alias_is_named(fresh: StoreSettings) -> None:
    store = ElasticsearchStore.open(fresh)
    store.client.indices.create(index=f"{fresh.prefix}-hits")
    with pytest.raises(StoreRefused, match=r"has the name of the alias .*-hits"):
        store.setup()


def test_an_index_that_lost_its_alias_gets_it_back_with_what_it_holds(own: ElasticsearchStore) -> None:
    own.commit([filing()])
    for kind in ("stories", "urls"):
        own.client.indices.delete_alias(index=schema.index_name(own.prefix, kind), name=own.alias(kind))
    with pytest.raises(StoreRefused, match="not set up"):
        own.commit([filing(2)])
    own.setup()
    assert own.commit([filing(2)]) == [CommitResult.WRITTEN]
    assert len(list(own.scan(now=NOON))) == 2


# ---- migration


@pytest.fixture
def newer(own: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch) -> ElasticsearchStore:
    """A store with 2,500 addresses, as a program sees it whose mapping of ``urls`` has one field more."""
    own.enqueue([Candidate(url=f"https://a.example/{n}", outlet="A") for n in range(2500)], now=NOON)
    monkeypatch.setitem(schema.VERSIONS, "urls", 2)
    monkeypatch.setitem(schema.PROPERTIES, "urls", {**schema.PROPERTIES["urls"], "weight": {"type": "integer"}})
    return own


def test_a_newer_mapping_copies_the_documents_and_turns_the_alias(newer: ElasticsearchStore) -> None:
    newer.setup()
    indices = newer.client.indices.get(index=f"{newer.prefix}-urls*").body
    assert list(indices) == [f"{newer.prefix}-urls-v2"]
    assert indices[f"{newer.prefix}-urls-v2"]["mappings"]["_meta"]["version"] == 2
    assert newer.count("urls", {"match_all": {}}) == 2500
    newer.write([Write(kind="urls", id="new", document={"id": "new", "weight": 3})])


def test_writers_wait_while_documents_are_copied(newer: ElasticsearchStore) -> None:
    newer.client.indices.add_block(index=f"{newer.prefix}-urls-v1", block="write")
    with pytest.raises(StoreUnavailable, match=r"takes no writes.*migrated"):
        newer.enqueue([Candidate(url="https://a.example/late", outlet="A")], now=NOON)
    newer.setup()
    assert len(newer.enqueue([Candidate(url="https://a.example/late", outlet="A")], now=NOON)) == 1


def test_a_migration_that_was_killed_is_taken_up_and_two_at_once_do_no_harm(newer: ElasticsearchStore) -> None:
    old, new = f"{newer.prefix}-urls-v1", f"{newer.prefix}-urls-v2"
    migration.put_templates(newer)
    newer.client.indices.create(index=new)
    newer.client.indices.add_block(index=old, block="write")
    newer.client.indices.refresh(index=old)
    first = newer.client.search(index=old, size=1)["hits"]["hits"][0]
    newer.client.create(index=new, id=first["_id"], document=first["_source"])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: newer.setup(), range(2)))
    assert migration.versions(newer)["urls"] == 2
    assert newer.count("urls", {"match_all": {}}) == 2500


def test_a_migration_that_a_document_refuses_leaves_the_old_index_in_use(newer: ElasticsearchStore) -> None:
    def broken(write: Write) -> Write:
        return replace(write, document={**write.document, "weight": "heavy"})

    with pytest.raises(StoreRefused, match=r"does not fit .*-urls-v2"):
        migration.migrate(newer, "urls", 1, broken)
    assert list(newer.client.indices.get(index=f"{newer.prefix}-urls*")) == [f"{newer.prefix}-urls-v1"]
    assert len(newer.enqueue([Candidate(url="https://a.example/late", outlet="A")], now=NOON)) == 1


# ---- rejected documents


def test_a_story_that_the_mapping_rejects_is_kept_aside_and_the_rest_goes_on(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad = filing(1, word_count=1 << 40)  # an integer of Elasticsearch ends at 2**31
    assert store.commit([bad, filing(2)]) == [CommitResult.REJECTED, CommitResult.WRITTEN]
    assert set(store.stories([bad.entry.id, filing(2).entry.id])) == {filing(2).entry.id}
    assert store.rejections() == 1
    (rejected,) = store.rejected()
    assert (rejected.index, rejected.id) == (store.alias("stories"), bad.entry.id)
    assert "word_count" in rejected.reason
    assert "word_count" in caplog.text
    visit = store.get("urls", [bad.entry.id])[bad.entry.id].document
    assert (visit["disposition"], visit["kind"]) == ("failed", "rejected")
    assert {hit.story for hit in store.hits()} == {bad.entry.id, filing(2).entry.id}


def test_what_was_kept_aside_is_written_when_the_reason_is_gone(
    own: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = filing(1, word_count=1 << 40)
    own.commit([bad])
    assert own.replay().rejected == 1
    assert own.rejections() == 1

    monkeypatch.setitem(schema.VERSIONS, "stories", 2)
    monkeypatch.setitem(schema.PROPERTIES, "stories", {**schema.STORY, "word_count": {"type": "long"}})
    own.setup()
    assert own.replay().written == 1
    assert own.rejections() == 0
    assert own.stories([bad.entry.id])[bad.entry.id] == bad.story


def test_a_replay_leaves_what_is_rejected_again_where_it_is_and_so_comes_to_an_end(own: ElasticsearchStore) -> None:
    own.commit([filing(number, word_count=1 << 40) for number in range(10)])
    first = {rejected.id: rejected.failed_at for rejected in own.rejected()}
    assert own.replay().rejected == 10
    assert {rejected.id: rejected.failed_at for rejected in own.rejected()} == first


def test_a_replay_never_puts_an_older_version_over_a_newer(store: ElasticsearchStore) -> None:
    bad = filing(1, word_count=1 << 40)
    store.commit([bad])
    store.commit([filing(1, title="As corrected")])
    assert store.replay().superseded == 1
    assert store.rejections() == 0
    assert store.stories([bad.entry.id])[bad.entry.id].title == "As corrected"


def test_a_replay_never_puts_an_older_visit_over_a_newer(store: ElasticsearchStore) -> None:
    told = filing(1)
    bad = replace(told.entry, rechecks=1 << 40)
    store.commit([PageCommit(entry=bad, outcome=told.outcome)])
    store.commit([told])
    assert store.replay().superseded == 1
    assert store.rejections() == 0
    assert store.get("urls", [bad.id])[bad.id].document["rechecks"] == 0


def test_a_replay_leaves_what_was_too_large_to_be_kept_whole(store: ElasticsearchStore) -> None:
    document = {
        "kind": "stories",
        "document": "a",
        "op": "create",
        "body": "",
        "reason": "413",
        "failed_at": "2026-11-22T12:00:00Z",
    }
    store.write([Write(kind="failed", id="a", document=document)])
    assert store.replay().rejected == 1
    assert store.rejections() == 1


def test_a_record_that_the_mapping_rejects_is_named_and_not_taken_for_known(store: ElasticsearchStore) -> None:
    bad, fine = filing(1, word_count=1 << 40), filing(2)
    assert bad.story
    assert fine.story
    with pytest.raises(StoreRefused, match=f"{bad.story.id}.*word_count"):
        store.load([History(versions=(bad.story,)), History(versions=(fine.story,))])
    assert store.load([History(versions=(fine.story,))]) == 0
    assert store.rejections() == 0
    with pytest.raises(StoreRefused, match=f"{bad.entry.id}.*rechecks"):
        store.load([replace(bad.entry, rechecks=1 << 40)])


# ---- an index that takes no writes


def test_a_read_only_index_is_a_reason_to_wait_and_nothing_is_half_done_after_it(store: ElasticsearchStore) -> None:
    index = schema.index_name(store.prefix, "stories")
    store.client.indices.put_settings(index=index, settings={"index.blocks.read_only_allow_delete": True})
    with pytest.raises(StoreUnavailable, match="takes no writes"):
        store.commit([filing()])
    assert store.stories([filing().entry.id]) == {}
    assert store.get("urls", [filing().entry.id]) == {}

    store.client.indices.put_settings(index=index, settings={"index.blocks.read_only_allow_delete": None})
    assert store.commit([filing()]) == [CommitResult.WRITTEN]
    assert len(store.hits()) == len(store.outbox()) == 1


# ---- several processes


def test_of_many_that_reach_for_the_same_outlets_each_outlet_goes_to_one(settings: StoreSettings) -> None:
    names = [f"outlet {number}" for number in range(40)]
    ready = threading.Barrier(4)

    def crawl(holder: str) -> list[str]:
        store = ElasticsearchStore.open(settings)
        ready.wait()
        taken = store.lease(names, holder=holder, now=NOON, term=MINUTE, limit=40)
        store.close()
        return [state.name for state in taken]

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(crawl, ["a", "b", "c", "d"]))
    assert sorted(name for share in shares for name in share) == sorted(names)


def test_of_many_that_claim_the_same_mail_each_notice_goes_to_one(settings: StoreSettings) -> None:
    first = ElasticsearchStore.open(settings)
    first.commit([filing(number) for number in range(50)])
    first.close()
    ready = threading.Barrier(4)

    def deliver(holder: str) -> list[str]:
        store = ElasticsearchStore.open(settings)
        ready.wait()
        claimed = store.claim(holder=holder, now=NOON, term=MINUTE)
        store.close()
        return [notice.story for notice in claimed]

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(deliver, ["a", "b", "c", "d"]))
    assert sorted(name for share in shares for name in share) == [filing(n).entry.id for n in range(50)]


def test_clocks_that_differ_by_seconds_take_no_lease_before_its_time(settings: StoreSettings) -> None:
    mine, other = ElasticsearchStore.open(settings), ElasticsearchStore.open(settings)
    (state,) = mine.lease(["A"], holder="mine", now=NOON, term=5 * MINUTE, limit=1)
    fast = NOON + timedelta(seconds=10)
    assert other.lease(["A"], holder="other", now=fast, term=5 * MINUTE, limit=1) == []
    mine.release(mine.renew(state, now=NOON + 4 * MINUTE, term=5 * MINUTE))


def test_who_sleeps_past_its_lease_finds_it_gone_and_overwrites_nothing(settings: StoreSettings) -> None:
    sleeper, taker = ElasticsearchStore.open(settings), ElasticsearchStore.open(settings)
    (old,) = sleeper.lease(["A"], holder="sleeper", now=NOON, term=MINUTE, limit=1)
    (taken,) = taker.lease(["A"], holder="taker", now=NOON + 2 * MINUTE, term=MINUTE, limit=1)
    taker.release(replace(taken, error="what the taker found"))
    for late in (lambda: sleeper.renew(old, now=NOON, term=MINUTE), lambda: sleeper.release(old)):
        with pytest.raises(LeaseLost):
            late()
    assert [state.error for state in taker.outlets()] == ["what the taker found"]


def test_a_release_that_meets_a_renewal_of_its_own_is_written_all_the_same(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ElasticsearchStore.open(settings)
    (state,) = store.lease(["A"], holder="me", now=NOON, term=MINUTE, limit=1)
    held = store._held

    def interrupted(state: OutletState) -> StoredDocument:
        stored = held(state)
        monkeypatch.setattr(store, "_held", held)
        store.renew(state, now=NOON, term=MINUTE)
        return stored

    monkeypatch.setattr(store, "_held", interrupted)
    store.release(replace(state, error="what was found"))
    (kept,) = store.outlets()
    assert (kept.holder, kept.error) == (None, "what was found")


def test_what_another_process_just_finished_is_not_waiting_any_more(settings: StoreSettings) -> None:
    mine, other = ElasticsearchStore.open(settings), ElasticsearchStore.open(settings)
    visits = mine.enqueue([Candidate(url=f"https://a.example/{n}", outlet="A") for n in range(3)], now=NOON)
    assert len(mine.due_entries("A", now=NOON, limit=10)) == 3
    done = replace(visits[0], next_at=None)
    other.commit([PageCommit(entry=done, outcome=Outcome(disposition=Disposition.OFF_TOPIC))])
    assert {visit.id for visit in mine.due_entries("A", now=NOON, limit=10)} == {visits[1].id, visits[2].id}


def test_a_story_that_two_file_at_once_is_stored_once_and_the_other_is_told(settings: StoreSettings) -> None:
    ready = threading.Barrier(4)

    def file(title: str) -> CommitResult:
        store = ElasticsearchStore.open(settings)
        ready.wait()
        (filed,) = store.commit([filing(1, title=title)])
        store.close()
        return filed

    with ThreadPoolExecutor(4) as pool:
        assert Counter(pool.map(file, "abcd")) == {CommitResult.CONFLICT: 3, CommitResult.WRITTEN: 1}
    store = ElasticsearchStore.open(settings)
    (kept,) = store.scan(now=NOON)
    (hit,) = store.hits()
    assert hit.title == kept.title
    assert len(store.outbox()) == 1


# ---- a server under load


def test_a_server_with_no_room_is_given_time_and_nothing_is_lost(tmp_path: Path) -> None:
    try:
        node = elasticsearch_node.single(tmp_path, **{"indexing_pressure.memory.coordinating.limit": "200kb"})
    except elasticsearch_node.Missing as reason:
        missing(str(reason))
    try:
        store = ElasticsearchStore.open(StoreSettings(url=node.url))
        store.setup()
        long = "word " * 20_000
        filings = [filing(number, text=long) for number in range(12)]
        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(lambda one: store.commit([one]), filings))
        assert results == [[CommitResult.WRITTEN]] * 12
        stats = store.client.nodes.stats(metric="indexing_pressure").body["nodes"]
        rejected = sum(one["indexing_pressure"]["memory"]["total"]["coordinating_rejections"] for one in stats.values())
        assert rejected > 0, "the server had room for all: this shows nothing"
        assert len(list(store.scan(now=NOON))) == 12
    finally:
        node.kill()
