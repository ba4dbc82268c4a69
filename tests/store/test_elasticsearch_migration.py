"""Migration of a store that the previous version of the program left, on a real server."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import StoreSettings
from monitor.delays import delay_of_story
from monitor.errors import StoreRefused, StoreUnavailable
from monitor.models import rfc3339
from monitor.query import parse
from monitor.query.analysis import analysed_tokens
from monitor.store.elasticsearch import ElasticsearchStore, indices, migration, schema
from monitor.store.elasticsearch.client import CompatibleTransport
from monitor.store.elasticsearch.copying import BASE, COPIED, IndexCopy
from monitor.store.elasticsearch.token_fields import token_fields
from monitor.store.records import OutboxRecord
from store import outbox_without_channels, previous_elasticsearch
from store.field_clauses import assert_stored_stories_have_every_field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.store.elasticsearch.bulk import DocumentWrite
    from monitor.store.elasticsearch.cluster import Cluster

pytestmark = pytest.mark.elasticsearch

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIRST, SECOND = "84e0e806b184a137ccef8cbb47d1e720", "0635786c545cc1a9b3734699c20a6763"  # ids of the two stories
REQUESTS = 400  # more than a migration makes
REQUESTS_PER_KILL = 3
NOTES = schema.IndexName("settings", 0, None)


class Killed(BaseException):
    """The end of a process, which no handler of the program catches."""


@pytest.fixture
def open_store(elasticsearch_url: str, elasticsearch_prefix: str) -> Iterator[Callable[[], ElasticsearchStore]]:
    """Opens the store that the previous version left, as a process would; all are closed afterwards."""
    opened: list[ElasticsearchStore] = []

    def open_one() -> ElasticsearchStore:
        opened.append(ElasticsearchStore.open(StoreSettings(url=elasticsearch_url, prefix=elasticsearch_prefix)))
        return opened[-1]

    previous_elasticsearch.create(open_one().cluster.client, elasticsearch_prefix)
    yield open_one
    for store in opened:
        store.close()


def assert_migrated(store: ElasticsearchStore) -> None:
    """Asserts that every document of the previous version is there under its current names."""
    found = store.cluster.client.indices.get(index=f"{store.cluster.prefix}-*").body
    assert sorted(found) == sorted(schema.index_name(store.cluster.prefix, kind) for kind in schema.DOCUMENT_KINDS)
    aliases = {alias: index for index, body in found.items() for alias in body["aliases"]}
    assert aliases == {
        store.cluster.alias(kind): schema.index_name(store.cluster.prefix, kind) for kind in schema.DOCUMENT_KINDS
    }
    assert not any("blocks" in body["settings"]["index"] for body in found.values())
    is_written = {settings.get("is_write_index") for body in found.values() for settings in body["aliases"].values()}
    assert is_written == {False}
    settings = StoreSettings()
    expected_templates = [*schema.index_templates("X", settings), *schema.component_templates("X", settings)]
    names = previous_elasticsearch.template_names(store.cluster.client, store.cluster.prefix)
    assert sorted(names) == sorted(name.replace("X", store.cluster.prefix) for name in expected_templates)
    for kind, documents in previous_elasticsearch.DOCUMENTS.items():
        assert store.cluster.count_documents("settings" if kind == "notes" else kind, {"match_all": {}}) == len(
            documents
        )

    outlet, quiet = store.outlets()
    assert outlet.name == "Outlet"
    assert outlet.dispositions == {"stored": 12, "not-an-article": 3}
    assert outlet.fencing_token == "11fefe1de2ac4b1e8a0d2f5d1a1a6b52"
    assert outlet.memory.to_json() == {
        "rendering": {"engine": "none"},
        "boilerplate": {"stories": 9, "names": {"p:12": [5, 9]}},
    }
    assert (outlet.holder, outlet.lease_until, outlet.error) == ("host:1:abc", NOON + MINUTE, "feed: 404")
    assert outlet.sources["https://outlet.example/rss"].etag == '"f"'
    assert (quiet.name, quiet.dispositions, quiet.memory.to_json()) == ("Quiet", {}, {})

    outbox = [record for record in store.dump() if isinstance(record, OutboxRecord)]
    assert {
        record.notification.key: (record.notification.message_id, record.sent_at, record.notification.error)
        for record in outbox
    } == {
        ("bank", FIRST, 1, "email"): ("<first@monitor.example>", NOON + MINUTE, ""),
        ("bank", FIRST, 2, "email"): ("<second@monitor.example>", None, "451 later"),
        ("chips", SECOND, 1, "email"): (None, None, ""),
    }
    assert all(record.notification.targets == ("desk@example.org", "chief@example.org") for record in outbox)

    assert store.settings() == {"ops-mail/Outlet": {"since": rfc3339(NOON), "mailed": 2}, "robots": {"a": [1, 2]}}
    assert store.snoozes() == {"chips": NOON + 600 * MINUTE}

    assert [story.id for story in store.search(parse("partner AND Kazan"), now=NOON).stories] == [FIRST]
    assert [story.version for story in store.history(FIRST)] == [1, 2]
    (first,) = store.stories([FIRST]).values()
    delay = delay_of_story(first.published_at, first.first_seen_at)
    stored = store.cluster.get_documents("stories", [FIRST])[FIRST].document
    assert stored.get("minutes_to_stored") == (delay / MINUTE if delay else None)
    assert not set(stored) & set(schema.UNSTORED_STORY_FIELDS)
    stems = token_fields(first)["stems"]["text"].split()
    assert len(stems) == len(analysed_tokens(first.text)) > 0
    for stem in set(stems):
        has_stem = {"bool": {"filter": [{"term": {"stems.text": stem}}, {"ids": {"values": [FIRST]}}]}}
        assert store.cluster.count_documents("stories", has_stem) == 1
    locations = store.cluster.get_documents("locations", [FIRST, SECOND])
    assert [locations[story].document for story in (FIRST, SECOND)] == [{"partition": "000001"}] * 2
    assert [(hit.story, hit.version) for hit in store.hits("bank")] == [(FIRST, 2), (FIRST, 1)]
    assert [entry.attempts for entry in store.due_entries("Outlet", now=NOON, limit=10)] == [1]
    assert [rejected.index for rejected in store.dead_letters.list_dead_letters()] == [store.cluster.alias("stories")]


def assert_writable(store: ElasticsearchStore) -> None:
    """Asserts that the migrated outlets, notifications and settings can be changed and removed."""
    (state,) = store.lease(["Outlet"], holder="me", now=NOON + 9 * MINUTE, term=MINUTE, limit=1)
    store.release(state)
    (claimed,) = store.claim(["email"], holder="me", now=NOON + 20 * MINUTE, term=MINUTE)
    assert claimed.message_id == "<second@monitor.example>"
    store.assign_message_ids({"<second@monitor.example>": [claimed]}, holder="me")
    store.mark_sent([claimed], now=NOON)
    assert store.compare_and_set("robots", {"a": [1, 2]}, {"a": [3]})
    store.put_setting("ops-mail/Outlet", None)
    store.snooze("chips", None)
    assert store.settings() == {"robots": {"a": [3]}}
    assert store.snoozes() == {}


def before_request(
    monkeypatch: pytest.MonkeyPatch,
    store: ElasticsearchStore,
    chosen: Callable[[str], bool],
    act: Callable[[], Any],
) -> None:
    """Calls ``act`` once, before the first request of the store that is chosen by its line ``METHOD /path``."""
    transport = store.cluster.client.transport
    send = CompatibleTransport.perform_request
    done: list[str] = []

    def perform_request(self: CompatibleTransport, method: str, target: str, **kwargs: Any) -> Any:
        if self is transport and not done and chosen(f"{method} {target}"):
            done.append(target)
            act()
        return send(self, method, target, **kwargs)

    monkeypatch.setattr(CompatibleTransport, "perform_request", perform_request)


def kill() -> None:
    raise Killed


def test_setup_moves_every_stored_name(open_store: Callable[[], ElasticsearchStore]) -> None:
    store = open_store()
    store.setup()
    assert_migrated(store)
    store.setup()
    assert_migrated(store)
    assert_writable(store)


def test_the_stories_have_every_field_of_the_language(open_store: Callable[[], ElasticsearchStore]) -> None:
    """A field that was added since needs a higher version of the mapping, so that the stories are indexed again."""
    store = open_store()
    complete = {
        **previous_elasticsearch.DOCUMENTS["stories"][FIRST],
        "id": "complete",
        "country": "GB",
        "section": "World",
        "tags": ["a"],
        "modified_at": rfc3339(NOON),
    }
    store.cluster.client.index(index=store.cluster.alias("stories"), id="complete", document=complete, refresh=True)
    store.setup()
    assert_stored_stories_have_every_field(store, now=NOON)


def test_the_outbox_of_version_2_becomes_that_of_the_channel_email(
    elasticsearch_url: str, elasticsearch_prefix: str
) -> None:
    store = ElasticsearchStore.open(StoreSettings(url=elasticsearch_url, prefix=elasticsearch_prefix))
    outbox_without_channels.create_elasticsearch_indices(store.cluster.client, elasticsearch_prefix)
    store.setup()
    found = sorted(store.cluster.client.indices.get(index=f"{store.cluster.prefix}-*").body)
    assert found == sorted(schema.index_name(store.cluster.prefix, kind) for kind in schema.DOCUMENT_KINDS)
    outbox_without_channels.assert_migrated(store)
    store.close()


def test_a_migration_killed_at_any_request_is_resumed(
    open_store: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process is killed a few requests later than the one before."""
    for number in range(0, REQUESTS, REQUESTS_PER_KILL):
        store = open_store()
        with monkeypatch.context() as patch:
            numbers = count()
            before_request(patch, store, lambda _, n=number, numbers=numbers: next(numbers) == n, kill)
            try:
                store.setup()
            except Killed:
                continue
        break
    assert number > 20
    assert_migrated(open_store())
    assert_writable(open_store())


def test_processes_that_migrate_at_the_same_time_do_no_harm(open_store: Callable[[], ElasticsearchStore]) -> None:
    stores = [open_store() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(ElasticsearchStore.setup, stores))
    assert_migrated(open_store())
    assert_writable(open_store())


def test_a_migration_that_another_process_completes_does_no_harm(
    open_store: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process completes the migration of the settings before one of each kind of request in turn."""
    store, other_store = open_store(), open_store()
    store.setup()
    for request in (
        r"GET /[^/]+-notes-v1\b",
        r"PUT /[^/]+-settings-v2$",
        r"PUT /[^/]+-notes-v1/_block/write\b",
        r"GET /[^/]+-notes-v1/_stats\b",
        r"POST /[^/]+-notes-v1/_search\b",
        r"(PUT|POST) /_bulk\b",
        r"POST /[^/]+-notes-v1/_count\b",
        r"POST /_aliases\b",
    ):
        store.cluster.client.indices.delete(index=schema.index_name(store.cluster.prefix, "settings"))
        previous_elasticsearch.create_index(store.cluster.client, store.cluster.prefix, "notes")
        completed: list[str] = []

        def complete(completed: list[str] = completed, request: str = request) -> None:
            other_store.setup()
            completed.append(request)

        with monkeypatch.context() as patch:
            before_request(patch, store, lambda line, request=request: bool(re.match(request, line)), complete)
            store.setup()
        assert completed == [request]
        assert_migrated(other_store)


def test_a_failed_migration_keeps_a_copy_that_another_process_completed(
    open_store: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other_store = open_store(), open_store()
    read_indices = indices.stored_indices

    def outdated(cluster: Cluster) -> dict[str, schema.IndexName]:
        """As read just before the other process switches the alias."""
        read = read_indices(cluster)
        if cluster is store.cluster:
            other_store.setup()
        return read

    def refused(write: DocumentWrite) -> DocumentWrite:
        return write if write.document.get("kind") != "note" else replace(write, document={"weight": 1})

    indices.put_templates(store.cluster)
    with monkeypatch.context() as patch:
        patch.setattr(indices, "stored_indices", outdated)
        with pytest.raises(StoreRefused, match="does not fit"):
            migration.migrate_index(store.cluster, NOTES, refused)
    assert_migrated(other_store)


def test_a_note_that_does_not_fit_leaves_the_notes_in_use(open_store: Callable[[], ElasticsearchStore]) -> None:
    store = open_store()
    notes = f"{store.cluster.prefix}-notes"

    def refused(write: DocumentWrite) -> DocumentWrite:
        return replace(write, document={"weight": 1})

    indices.put_templates(store.cluster)
    with pytest.raises(StoreRefused, match=r"does not fit .*-settings-v2"):
        migration.migrate_index(store.cluster, NOTES, refused)
    found = store.cluster.client.indices.get(
        index=f"{store.cluster.prefix}-notes-v*,{store.cluster.prefix}-settings-v*"
    ).body
    assert {index: list(body["aliases"]) for index, body in found.items()} == {f"{notes}-v1": [notes]}
    store.cluster.client.index(
        index=notes, id="new", document={"kind": "note", "key": "new", "value": {}}, refresh=True
    )
    store.setup()
    assert "new" in store.settings()


def test_notes_restored_from_a_snapshot_without_their_alias_are_migrated(
    open_store: Callable[[], ElasticsearchStore],
) -> None:
    store = open_store()
    store.cluster.client.indices.delete_alias(
        index=f"{store.cluster.prefix}-notes-v1", name=f"{store.cluster.prefix}-notes"
    )
    store.setup()
    assert_migrated(store)


def written_aliases(store: ElasticsearchStore) -> list[str]:
    """Returns the aliases through which an earlier program can write."""
    found = store.cluster.client.indices.get_alias(index=f"{store.cluster.prefix}-*").body.values()
    aliases = [pair for body in found for pair in body["aliases"].items()]
    return sorted(alias for alias, settings in aliases if settings.get("is_write_index") is not False)


def test_all_aliases_are_closed_before_the_first_index_is(
    open_store: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    former = [f"{store.cluster.prefix}-{kind}" for kind in previous_elasticsearch.DOCUMENTS]
    assert written_aliases(store) == sorted(former)

    with monkeypatch.context() as patch:
        before_request(patch, store, lambda line: "/_block/write" in line, kill)
        with pytest.raises(Killed):
            store.setup()
    assert written_aliases(store) == []
    store.take_back_migrations()
    assert set(former) <= set(written_aliases(store))
    store.setup()
    assert_migrated(store)


def test_a_migration_waits_for_mail_that_is_being_sent(
    open_store: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, numbers, seen = open_store(), count(), list[bool]()
    alias = store.cluster.alias("outbox")
    name = next(iter(previous_elasticsearch.DOCUMENTS["outbox"]))
    client = store.cluster.client
    claimed = {"claimed_until": rfc3339(datetime.now(UTC) + 5 * MINUTE)}
    client.update(index=alias, id=name, doc=claimed)
    monkeypatch.setattr(migration, "CLAIM_PAUSE_SECONDS", 0.01)

    def end_claim() -> None:
        seen.append(alias in written_aliases(store))
        client.update(index=alias, id=name, doc={"claimed_until": None})

    before_request(monkeypatch, store, lambda line: line == f"POST /{alias}/_count" and next(numbers) == 2, end_claim)
    store.setup()
    assert seen == [True]
    assert_migrated(store)


def test_a_partial_count_does_not_complete_a_copy(
    open_store: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    notes = f"{store.cluster.prefix}-notes-v1"
    copy = IndexCopy(store.cluster, "settings", notes, notes, lambda write: write, meta={BASE: {}, COPIED: {}})
    assert copy.complete(can_delete=False) == len(previous_elasticsearch.DOCUMENTS["notes"])
    for shards in ({"total": 2, "successful": 1, "failed": 1}, {"total": 2, "successful": 1, "failed": 0}):
        monkeypatch.setattr(store.cluster.client, "count", lambda shards=shards, **_: {"count": 0, "_shards": shards})
        with pytest.raises(StoreUnavailable, match="could not count all documents"):
            copy.complete(can_delete=False)


def test_a_copy_stays_if_its_document_cannot_be_looked_up(
    open_store: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    urls = f"{store.cluster.prefix}-urls-v1"
    copy = IndexCopy(store.cluster, "urls", urls, urls, lambda write: write, meta={BASE: {}, COPIED: {}})

    def mget(*, ids: list[str], **_: Any) -> dict[str, Any]:
        return {"docs": [{"_id": name, "error": {"type": "shard_failure", "reason": "gone"}} for name in ids]}

    monkeypatch.setattr(store.cluster.client, "mget", mget)
    with pytest.raises(StoreUnavailable, match="shard_failure: gone"):
        copy.delete_deleted()
    assert store.cluster.count_documents("urls", {"match_all": {}}) == len(previous_elasticsearch.DOCUMENTS["urls"])


def test_a_checkpoint_is_one_that_every_replica_has_reached(
    open_store: Callable[[], ElasticsearchStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    urls = f"{store.cluster.prefix}-urls-v1"
    stats = store.cluster.client.indices.stats(index=urls, metric=["docs", "store"], level="shards").body
    (primary,) = stats["indices"][urls]["shards"]["0"]
    primary["seq_no"].update(max_seq_no=9, local_checkpoint=9, global_checkpoint=5)
    monkeypatch.setattr(store.cluster.client.indices, "stats", lambda **_: stats)
    assert indices.shard_states(store.cluster, urls)[0].checkpoint == 5


def test_partitions_made_while_others_are_copied_are_migrated_too(
    elasticsearch_url: str, elasticsearch_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older program makes no partition once it sees a copy; one that did so just before loses nothing."""
    store, older = (
        ElasticsearchStore.open(StoreSettings(url=elasticsearch_url, prefix=elasticsearch_prefix)) for _ in range(2)
    )
    store.setup()
    client, version = store.cluster.client, schema.MAPPING_VERSIONS["stories"]
    old = [schema.index_name(elasticsearch_prefix, "stories", version, number) for number in (1, 2)]
    new = [schema.index_name(elasticsearch_prefix, "stories", version + 1, number) for number in (1, 2)]
    client.indices.create(index=new[0])
    with monkeypatch.context() as patch:
        patch.setattr(older.cluster.partitions, "_reason_for_next", lambda _: "is old")
        assert not older.cluster.partitions.roll_over_if_due()
        client.indices.delete(index=new[0])
        assert older.cluster.partitions.roll_over_if_due()
        client.indices.delete(index=old[1])

    def make_partition() -> None:
        client.indices.create(index=old[1], aliases={store.cluster.alias("stories"): {"is_write_index": False}})

    def stored() -> dict[str, bool]:
        found = client.indices.get(index=f"{elasticsearch_prefix}-stories-v*").body
        return {
            index: body["aliases"][store.cluster.alias("stories")]["is_write_index"] for index, body in found.items()
        }

    monkeypatch.setitem(schema.MAPPING_VERSIONS, "stories", version + 1)
    make_partition()
    for index in new:
        client.indices.create(index=index)
    assert store.take_back_migrations() == old
    assert stored() == dict.fromkeys(old, False)
    client.indices.delete(index=old[1])
    with monkeypatch.context() as patch:
        before_request(patch, store, lambda line: "/_block/write" in line, make_partition)
        store.setup()
    assert stored() == dict.fromkeys(new, False)
    store.close()
    older.close()
