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
from monitor.errors import StoreRefused
from monitor.models import rfc3339
from monitor.query import parse
from monitor.query.analysis import analysed_tokens
from monitor.store.elasticsearch import ElasticsearchStore, indices, migration, schema
from monitor.store.elasticsearch.client import CompatibleTransport
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
