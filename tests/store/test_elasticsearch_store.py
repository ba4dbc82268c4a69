"""Behaviour of the Elasticsearch store beyond the contract, on a real server."""

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
from monitor.store.elasticsearch import ElasticsearchStore, bulk, copying, indices, migration, schema
from monitor.store.elasticsearch.bulk import DocumentWrite, WriteResult
from monitor.store.elasticsearch.copying import IndexCopy
from monitor.store.elasticsearch.documents import document_id
from monitor.store.elasticsearch.leases import Leases
from monitor.store.records import StoryHistory
from monitor.urls import story_id
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
    """Settings of a store that is not set up."""
    return StoreSettings(url=elasticsearch_url, prefix=elasticsearch_prefix)


@pytest.fixture
def settings(elasticsearch_store: StoreSettings) -> StoreSettings:
    """Settings of a store that is set up."""
    return elasticsearch_store


@pytest.fixture
def store(settings: StoreSettings) -> Iterator[ElasticsearchStore]:
    opened = ElasticsearchStore.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def own(fresh: StoreSettings) -> Iterator[ElasticsearchStore]:
    """A store with indices that only this test uses, so that it may change them."""
    opened = ElasticsearchStore.open(fresh)
    opened.setup()
    yield opened
    opened.close()


def page_commit(number: int = 1, **changes: Any) -> PageCommit:
    """Returns the commit of a story that an alert matches, with its frontier entry, hit and notification."""
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
                alert="bank",
                story=name,
                version=story.version,
                channel="email",
                targets=("a@b.example",),
                due_at=NOON,
                created_at=NOON,
            ),
        ),
    )


# ---- indices


def test_every_kind_has_an_alias_and_a_versioned_strict_index(store: ElasticsearchStore) -> None:
    for kind in schema.DOCUMENT_KINDS:
        made = store.cluster.client.indices.get(index=store.cluster.alias(kind)).body
        partition = "-000001" if kind == "stories" else ""
        ((name, index),) = made.items()
        assert name == f"{store.cluster.prefix}-{kind}-v{schema.MAPPING_VERSIONS[kind]}{partition}"
        assert index["mappings"]["dynamic"] == "strict"
        assert index["mappings"]["_meta"]["version"] == schema.MAPPING_VERSIONS[kind]
        assert index["settings"]["index"]["auto_expand_replicas"] == "0-1"


def test_a_second_setup_changes_nothing(store: ElasticsearchStore) -> None:
    before = store.cluster.client.cluster.state(metric="metadata").body["metadata"]["indices"]
    store.setup()
    after = store.cluster.client.cluster.state(metric="metadata").body["metadata"]["indices"]
    names = [name for name in after if name.startswith(store.cluster.prefix)]
    assert len(names) == len(schema.DOCUMENT_KINDS)
    assert all(before[name]["version"] == after[name]["version"] for name in names)


def test_concurrent_setups_create_one_set_of_indices(fresh: StoreSettings) -> None:
    stores = [ElasticsearchStore.open(fresh) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ElasticsearchStore.setup, stores))
    assert len(stores[0].cluster.client.indices.get(index=f"{fresh.prefix}-*")) == len(schema.DOCUMENT_KINDS)
    for store in stores:
        store.close()


def test_an_index_of_a_newer_program_is_refused(store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schema.MAPPING_VERSIONS, "hits", 0)
    with pytest.raises(StoreRefused, match="newer media-monitor"):
        store.setup()


def test_a_store_without_indices_is_refused_as_not_set_up(fresh: StoreSettings) -> None:
    """A write creates no index."""
    store = ElasticsearchStore.open(fresh)
    with pytest.raises(StoreRefused, match="not set up"):
        store.put_setting("key", {"a": 1})
    with pytest.raises(StoreRefused, match="media-monitor setup"):
        store.outlets()
    assert not store.cluster.client.indices.get(index=f"{fresh.prefix}-*").body
    assert "not set up" in store.ping()


def test_the_error_names_an_alias_that_is_taken_by_an_index(fresh: StoreSettings) -> None:
    store = ElasticsearchStore.open(fresh)
    store.cluster.client.indices.create(index=f"{fresh.prefix}-hits")
    with pytest.raises(StoreRefused, match=r"has the name of the alias .*-hits"):
        store.setup()


def test_setup_restores_a_lost_alias(own: ElasticsearchStore) -> None:
    own.commit([page_commit()])
    for kind in ("stories", "urls"):
        own.cluster.client.indices.delete_alias(
            index=schema.index_name(own.cluster.prefix, kind), name=own.cluster.alias(kind)
        )
    with pytest.raises(StoreRefused, match="not set up"):
        own.search(None, now=NOON)
    own.setup()
    assert own.commit([page_commit(2)]) == [CommitResult.WRITTEN]
    assert len(list(own.scan(now=NOON))) == 2


# ---- migration

OLD_URLS = schema.IndexName("urls", schema.MAPPING_VERSIONS["urls"], None)
URLS_VERSION = schema.MAPPING_VERSIONS["urls"]  # of this program; `newer` has the next one


@pytest.fixture
def newer(own: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch) -> ElasticsearchStore:
    """A store with 2,500 URLs, opened by a program whose mapping of ``urls`` has one more field."""
    own.enqueue([Candidate(url=f"https://a.example/{n}", outlet="A") for n in range(2500)], now=NOON)
    monkeypatch.setitem(schema.MAPPING_VERSIONS, "urls", URLS_VERSION + 1)
    monkeypatch.setitem(
        schema.PROPERTIES_BY_KIND, "urls", {**schema.PROPERTIES_BY_KIND["urls"], "weight": {"type": "integer"}}
    )
    return own


def test_a_newer_mapping_copies_the_documents_and_switches_the_alias(newer: ElasticsearchStore) -> None:
    newer.setup()
    indices = newer.cluster.client.indices.get(index=f"{newer.cluster.prefix}-urls*").body
    assert list(indices) == [f"{newer.cluster.prefix}-urls-v{URLS_VERSION + 1}"]
    assert (
        indices[f"{newer.cluster.prefix}-urls-v{URLS_VERSION + 1}"]["mappings"]["_meta"]["version"] == URLS_VERSION + 1
    )
    assert newer.cluster.count_documents("urls", {"match_all": {}}) == 2500
    newer.cluster.write_documents([DocumentWrite(kind="urls", id="new", document={"outlet": "A", "weight": 3})])


def test_writers_wait_while_documents_are_copied(newer: ElasticsearchStore) -> None:
    newer.cluster.client.indices.add_block(index=f"{newer.cluster.prefix}-urls-v{URLS_VERSION}", block="write")
    with pytest.raises(StoreUnavailable, match=r"takes no writes.*migrated"):
        write_to_old(newer, url(9000))
    newer.setup()
    with pytest.raises(StoreRefused, match=r"has a newer media-monitor replaced it\? Update this one"):
        newer.cluster._write_to_other_partitions([url(9000)], write_as_old(newer, url(9000)), [0])
    assert len(newer.enqueue([Candidate(url="https://a.example/late", outlet="A")], now=NOON)) == 1


def url(number: int, **changes: Any) -> DocumentWrite:
    """Returns the write of one of the 2,500 URLs, or of a further one, as a program of the older mapping does."""
    name = story_id(f"https://a.example/{number}")
    document = {"url": f"https://a.example/{number}", "outlet": "A", "attempts": 7, **changes}
    return DocumentWrite(kind="urls", id=name, document=document)


def write_as_old(store: ElasticsearchStore, *writes: DocumentWrite) -> list[WriteResult]:
    """Writes as a process of the older mapping does."""
    old = schema.index_name(store.cluster.prefix, "urls", URLS_VERSION)
    return bulk.write_documents(store.cluster.client, writes, [old] * len(writes))


def write_to_old(store: ElasticsearchStore, *writes: DocumentWrite) -> None:
    assert all(result.is_done for result in write_as_old(store, *writes))


def test_what_is_written_while_documents_are_copied_is_copied_too(
    newer: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what changes a copied document or deletes it, and nothing is copied twice."""
    monkeypatch.setattr(copying, "PAGE_DOCUMENTS", 400)
    monkeypatch.setattr(migration, "MAX_REST_DOCUMENTS", 0)
    copied: list[int] = []
    catch_up, copy = IndexCopy.catch_up, IndexCopy._copy

    def copy_and_write(self: IndexCopy, page: Any, base: int) -> None:
        copy(self, page, base)
        copied.append(len(page))
        if len(copied) == 2:
            changed = [url(number) for number in range(100)]
            deleted = [replace(url(number), op="delete") for number in range(100, 120)]
            write_to_old(newer, *changed, *deleted, *(url(number) for number in range(2500, 2600)))

    def catch_up_and_write(self: IndexCopy) -> int:
        count = catch_up(self)
        if len(caught_up) < 3:
            write_to_old(newer, url(3000 + len(caught_up)), url(5, attempts=10 + len(caught_up)))
        caught_up.append(count)
        return count

    caught_up: list[int] = []
    monkeypatch.setattr(IndexCopy, "_copy", copy_and_write)
    monkeypatch.setattr(IndexCopy, "catch_up", catch_up_and_write)
    newer.setup()
    assert caught_up[0] > 2000
    assert caught_up[1:] == [*caught_up[1:-2], 0, 0]  # the last one while writers waited
    assert sum(copied) < 2500 + 1500
    assert newer.cluster.count_documents("urls", {"match_all": {}}) == 2500 - 20 + 100 + 3
    stored = newer.cluster.get_documents("urls", [url(number).id for number in range(3003)])
    attempts = {number: stored[url(number).id].document["attempts"] for number in (0, 5, 99, 120, 2599, 3002)}
    assert attempts == {0: 7, 5: 12, 99: 7, 120: 0, 2599: 7, 3002: 7}
    assert not any(url(number).id in stored for number in range(100, 120))


def test_a_killed_copy_is_taken_up_where_it_was(
    newer: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(copying, "PAGE_DOCUMENTS", 100)
    monkeypatch.setattr(copying, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(copying, "STORE_SECONDS", 0.0)
    copy, pages = IndexCopy._copy, list[int]()

    def copy_until_killed(self: IndexCopy, page: Any, base: int) -> None:
        if len(pages) == 12:
            raise KeyboardInterrupt
        copy(self, page, base)
        pages.append(len(page))

    with monkeypatch.context() as patch:
        patch.setattr(IndexCopy, "_copy", copy_until_killed)
        with pytest.raises(KeyboardInterrupt):
            newer.setup()
    assert "documents copied" in caplog.text
    write_to_old(newer, url(7000), url(1))
    pages.clear()
    newer.setup()
    assert f"taking up the copy of {newer.cluster.prefix}-urls-v{URLS_VERSION}" in caplog.text
    assert newer.cluster.count_documents("urls", {"match_all": {}}) == 2501
    assert newer.cluster.get_documents("urls", [url(1).id])[url(1).id].document["attempts"] == 7


def test_a_migration_that_was_begun_can_be_taken_back(
    newer: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = schema.index_name(newer.cluster.prefix, "urls", URLS_VERSION)

    def killed(_: IndexCopy, **__: bool) -> int:
        raise KeyboardInterrupt

    assert newer.take_back_migrations() == []
    with monkeypatch.context() as patch:
        patch.setattr(IndexCopy, "complete", killed)
        with pytest.raises(KeyboardInterrupt):
            newer.setup()
    assert newer.take_back_migrations() == [old]
    assert list(newer.cluster.client.indices.get(index=f"{newer.cluster.prefix}-urls*")) == [old]
    write_to_old(newer, url(9000))
    newer.setup()
    assert newer.cluster.count_documents("urls", {"match_all": {}}) == 2501


def test_a_killed_migration_is_resumed_by_two_processes_at_once(newer: ElasticsearchStore) -> None:
    old, new = (schema.index_name(newer.cluster.prefix, "urls", URLS_VERSION + number) for number in (0, 1))
    indices.put_templates(newer.cluster)
    newer.cluster.client.indices.create(index=new)
    newer.cluster.client.indices.add_block(index=old, block="write")
    newer.cluster.client.indices.refresh(index=old)
    first = newer.cluster.client.search(index=old, size=1)["hits"]["hits"][0]
    newer.cluster.client.create(index=new, id=first["_id"], document=first["_source"])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: newer.setup(), range(2)))
    assert indices.stored_mapping_versions(newer.cluster)["urls"] == URLS_VERSION + 1
    assert newer.cluster.count_documents("urls", {"match_all": {}}) == 2500


@pytest.mark.parametrize("error", [StoreRefused, StoreUnavailable])
def test_a_migration_ends_well_if_another_process_completes_it_first(
    newer: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A search in the index that the other one has deleted fails with 404 or 503."""
    catch_up = IndexCopy.catch_up

    def copy_after_another(_: IndexCopy) -> int:
        monkeypatch.setattr(IndexCopy, "catch_up", catch_up)
        assert migration.migrate_index(newer.cluster, OLD_URLS) == 2500
        raise error("the index is gone")

    indices.put_templates(newer.cluster)
    monkeypatch.setattr(IndexCopy, "catch_up", copy_after_another)
    assert migration.migrate_index(newer.cluster, OLD_URLS) == 2500
    assert indices.stored_mapping_versions(newer.cluster)["urls"] == URLS_VERSION + 1


def test_a_document_that_does_not_fit_leaves_the_old_index_in_use(newer: ElasticsearchStore) -> None:
    def broken(write: DocumentWrite) -> DocumentWrite:
        return replace(write, document={**write.document, "weight": "heavy"})

    with pytest.raises(StoreRefused, match=rf"does not fit .*-urls-v{URLS_VERSION + 1}"):
        migration.migrate_index(newer.cluster, OLD_URLS, broken)
    assert list(newer.cluster.client.indices.get(index=f"{newer.cluster.prefix}-urls*")) == [
        f"{newer.cluster.prefix}-urls-v{URLS_VERSION}"
    ]
    write_to_old(newer, url(9000))


# ---- dead letters


def test_a_rejected_story_becomes_a_dead_letter(
    store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The other stories of the batch are written."""
    bad = page_commit(1, word_count=1 << 40)  # an integer of Elasticsearch ends at 2**31
    assert store.commit([bad, page_commit(2)]) == [CommitResult.REJECTED, CommitResult.WRITTEN]
    assert set(store.stories([bad.entry.id, page_commit(2).entry.id])) == {page_commit(2).entry.id}
    assert store.dead_letters.count_dead_letters() == 1
    (rejected,) = store.dead_letters.list_dead_letters()
    assert (rejected.index, rejected.id) == (store.cluster.alias("stories"), bad.entry.id)
    assert "word_count" in rejected.reason
    assert "word_count" in caplog.text
    entry = store.cluster.get_documents("urls", [bad.entry.id])[bad.entry.id].document
    assert (entry["disposition"], entry["kind"]) == ("failed", "rejected")
    assert {hit.story for hit in store.hits()} == {bad.entry.id, page_commit(2).entry.id}


def test_a_dead_letter_is_written_once_the_mapping_accepts_it(
    own: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = page_commit(1, word_count=1 << 40)
    own.commit([bad])
    assert own.dead_letters.replay_dead_letters().rejected == 1
    assert own.dead_letters.count_dead_letters() == 1

    monkeypatch.setitem(schema.MAPPING_VERSIONS, "stories", schema.MAPPING_VERSIONS["stories"] + 1)
    monkeypatch.setitem(
        schema.PROPERTIES_BY_KIND, "stories", {**schema.STORY_PROPERTIES, "word_count": {"type": "long"}}
    )
    own.setup()
    assert own.dead_letters.replay_dead_letters().written == 1
    assert own.dead_letters.count_dead_letters() == 0
    assert own.stories([bad.entry.id])[bad.entry.id] == bad.story


def test_a_replay_keeps_dead_letters_that_are_rejected_again(own: ElasticsearchStore) -> None:
    own.commit([page_commit(number, word_count=1 << 40) for number in range(10)])
    first = {rejected.id: rejected.failed_at for rejected in own.dead_letters.list_dead_letters()}
    assert own.dead_letters.replay_dead_letters().rejected == 10
    assert {rejected.id: rejected.failed_at for rejected in own.dead_letters.list_dead_letters()} == first


def test_a_replay_never_overwrites_a_newer_version(store: ElasticsearchStore) -> None:
    bad = page_commit(1, word_count=1 << 40)
    store.commit([bad])
    store.commit([page_commit(1, title="As corrected")])
    assert store.dead_letters.replay_dead_letters().superseded == 1
    assert store.dead_letters.count_dead_letters() == 0
    assert store.stories([bad.entry.id])[bad.entry.id].title == "As corrected"


def test_a_replay_never_overwrites_a_newer_frontier_entry(store: ElasticsearchStore) -> None:
    commit = page_commit(1)
    bad = replace(commit.entry, rechecks=1 << 40)
    store.commit([PageCommit(entry=bad, outcome=commit.outcome)])
    store.commit([commit])
    assert store.dead_letters.replay_dead_letters().superseded == 1
    assert store.dead_letters.count_dead_letters() == 0
    assert store.cluster.get_documents("urls", [bad.id])[bad.id].document["rechecks"] == 0


def test_a_replay_keeps_dead_letters_without_a_body(store: ElasticsearchStore) -> None:
    document = {
        "kind": "stories",
        "document": "a",
        "op": "create",
        "body": "",
        "reason": "413",
        "failed_at": "2026-11-22T12:00:00Z",
    }
    store.cluster.write_documents([DocumentWrite(kind="failed", id="a", document=document)])
    assert store.dead_letters.replay_dead_letters().rejected == 1
    assert store.dead_letters.count_dead_letters() == 1


def test_a_rejected_record_is_named_in_the_error(store: ElasticsearchStore) -> None:
    """It does not count as stored, and becomes no dead letter."""
    bad, good = page_commit(1, word_count=1 << 40), page_commit(2)
    assert bad.story
    assert good.story
    with pytest.raises(StoreRefused, match=f"{bad.story.id}.*word_count"):
        store.load([StoryHistory(versions=(bad.story,)), StoryHistory(versions=(good.story,))])
    assert store.load([StoryHistory(versions=(good.story,))]) == 0
    assert store.dead_letters.count_dead_letters() == 0
    with pytest.raises(StoreRefused, match=f"{bad.entry.id}.*rechecks"):
        store.load([replace(bad.entry, rechecks=1 << 40)])


# ---- read-only indices


def test_a_read_only_index_makes_the_store_unavailable(store: ElasticsearchStore) -> None:
    """A repeated commit completes the one that failed."""
    index = schema.index_name(store.cluster.prefix, "stories")
    store.cluster.client.indices.put_settings(index=index, settings={"index.blocks.read_only_allow_delete": True})
    with pytest.raises(StoreUnavailable, match="takes no writes"):
        store.commit([page_commit()])
    assert store.stories([page_commit().entry.id]) == {}
    assert store.cluster.get_documents("urls", [page_commit().entry.id]) == {}

    store.cluster.client.indices.put_settings(index=index, settings={"index.blocks.read_only_allow_delete": None})
    assert store.commit([page_commit()]) == [CommitResult.WRITTEN]
    assert len(store.hits()) == len(store.outbox()) == 1


# ---- several processes


def test_delays_from_publication_are_fields_of_stories_and_hits(store: ElasticsearchStore) -> None:
    """Of a story with a time of publication, and of its hit once the mail is accepted; Kibana shows them."""
    timed, dated = NOON - 30 * MINUTE, NOON.replace(hour=0)
    for number, published_at in enumerate((timed, timed, dated), start=700):
        commit = page_commit(number, published_at=published_at, first_seen_at=NOON - 20 * MINUTE)
        (matched,) = commit.hits
        store.commit([replace(commit, hits=(replace(matched, published_at=published_at),))])
    claimed = store.claim(["email"], holder="one", now=NOON, term=MINUTE)
    store.mark_sent([each for each in claimed if int(each.story, 16) in {700, 702}], now=NOON)

    def delays(kind: str, field: str, ids: list[str]) -> list[float | None]:
        stored = store.cluster.get_documents(kind, ids, fields=(field,))
        return [stored[each].document.get(field) for each in ids]

    names = [f"{number:032x}" for number in (700, 701, 702)]
    assert delays("stories", "minutes_to_stored", names) == [10.0, 10.0, None]
    hits = [document_id("bank", name, 1) for name in names]
    assert delays("hits", "minutes_to_mail", hits) == [30.0, None, None]
    assert {each.story for each in store.hits("bank")} >= set(names)
    assert list(store.stories(names)) == names


def test_each_outlet_is_leased_by_one_of_several_processes(settings: StoreSettings) -> None:
    names = [f"outlet {number}" for number in range(40)]
    ready = threading.Barrier(4)

    def crawl(holder: str) -> list[str]:
        store = ElasticsearchStore.open(settings)
        ready.wait()
        leased = store.lease(names, holder=holder, now=NOON, term=MINUTE, limit=40)
        store.close()
        return [state.name for state in leased]

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(crawl, ["a", "b", "c", "d"]))
    assert sorted(name for share in shares for name in share) == sorted(names)


def test_each_notification_is_claimed_by_one_of_several_processes(settings: StoreSettings) -> None:
    first = ElasticsearchStore.open(settings)
    first.commit([page_commit(number) for number in range(50)])
    first.close()
    ready = threading.Barrier(4)

    def deliver(holder: str) -> list[str]:
        store = ElasticsearchStore.open(settings)
        ready.wait()
        claimed = store.claim(["email"], holder=holder, now=NOON, term=MINUTE)
        store.close()
        return [notification.story for notification in claimed]

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(deliver, ["a", "b", "c", "d"]))
    assert sorted(name for share in shares for name in share) == [page_commit(n).entry.id for n in range(50)]


def test_a_clock_that_is_seconds_fast_takes_no_lease_early(settings: StoreSettings) -> None:
    first, second = ElasticsearchStore.open(settings), ElasticsearchStore.open(settings)
    (state,) = first.lease(["A"], holder="first", now=NOON, term=5 * MINUTE, limit=1)
    fast = NOON + timedelta(seconds=10)
    assert second.lease(["A"], holder="second", now=fast, term=5 * MINUTE, limit=1) == []
    first.release(first.renew(state, now=NOON + 4 * MINUTE, term=5 * MINUTE))


def test_a_process_that_slept_past_its_lease_overwrites_nothing(settings: StoreSettings) -> None:
    sleeper, successor = ElasticsearchStore.open(settings), ElasticsearchStore.open(settings)
    (old,) = sleeper.lease(["A"], holder="sleeper", now=NOON, term=MINUTE, limit=1)
    (current,) = successor.lease(["A"], holder="successor", now=NOON + 2 * MINUTE, term=MINUTE, limit=1)
    successor.release(replace(current, error="the successor's error"))
    for late in (lambda: sleeper.renew(old, now=NOON, term=MINUTE), lambda: sleeper.release(old)):
        with pytest.raises(LeaseLost):
            late()
    assert [state.error for state in successor.outlets()] == ["the successor's error"]


def test_a_release_succeeds_although_a_renewal_comes_in_between(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = Leases(ElasticsearchStore.open(settings).cluster)
    (state,) = leases.lease(["A"], holder="me", now=NOON, term=MINUTE, limit=1)
    held = leases._get_leased_document

    def interrupted(state: OutletState) -> StoredDocument:
        stored = held(state)
        monkeypatch.setattr(leases, "_get_leased_document", held)
        leases.renew(state, now=NOON, term=MINUTE)
        return stored

    monkeypatch.setattr(leases, "_get_leased_document", interrupted)
    leases.release(replace(state, error="an error"))
    (released,) = leases.outlets()
    assert (released.holder, released.error) == (None, "an error")


def test_entries_that_another_process_just_finished_are_not_due(settings: StoreSettings) -> None:
    first, second = ElasticsearchStore.open(settings), ElasticsearchStore.open(settings)
    entries = first.enqueue([Candidate(url=f"https://a.example/{n}", outlet="A") for n in range(3)], now=NOON)
    assert len(first.due_entries("A", now=NOON, limit=10)) == 3
    finished = replace(entries[0], next_at=None)
    second.commit([PageCommit(entry=finished, outcome=Outcome(disposition=Disposition.OFF_TOPIC))])
    assert {entry.id for entry in first.due_entries("A", now=NOON, limit=10)} == {entries[1].id, entries[2].id}


def test_a_story_that_several_commit_at_once_is_stored_once(settings: StoreSettings) -> None:
    """The others get CONFLICT."""
    ready = threading.Barrier(4)

    def commit(title: str) -> CommitResult:
        store = ElasticsearchStore.open(settings)
        ready.wait()
        (result,) = store.commit([page_commit(1, title=title)])
        store.close()
        return result

    with ThreadPoolExecutor(4) as pool:
        assert Counter(pool.map(commit, "abcd")) == {CommitResult.CONFLICT: 3, CommitResult.WRITTEN: 1}
    store = ElasticsearchStore.open(settings)
    (story,) = store.scan(now=NOON)
    (hit,) = store.hits()
    assert hit.title == story.title
    assert len(store.outbox()) == 1


# ---- a server under load


def test_nothing_is_lost_while_the_server_has_no_room(tmp_path: Path) -> None:
    try:
        node = elasticsearch_node.single(tmp_path, **{"indexing_pressure.memory.coordinating.limit": "300kb"})
    except elasticsearch_node.Missing as reason:
        missing(str(reason))
    try:
        store = ElasticsearchStore.open(StoreSettings(url=node.url))
        store.setup()
        long = "word " * 20_000
        commits = [page_commit(number, text=long) for number in range(12)]
        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(lambda commit: store.commit([commit]), commits))
        assert results == [[CommitResult.WRITTEN]] * 12
        stats = store.cluster.client.nodes.stats(metric="indexing_pressure").body["nodes"]
        rejected = sum(
            node_stats["indexing_pressure"]["memory"]["total"]["coordinating_rejections"]
            for node_stats in stats.values()
        )
        assert rejected > 0, "the server had room for all, so this tests nothing"
        assert len(list(store.scan(now=NOON))) == 12
    finally:
        node.kill()
