"""Near-duplicates are found in a per-process copy of the signatures, with the same result as a search."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import apsw
import pytest

from monitor.config.schema import StoreSettings
from monitor.errors import StoreUnavailable
from monitor.store.elasticsearch import ElasticsearchStore, indices, signature_cache, stories
from monitor.store.elasticsearch.signature_cache import SignatureTable, StorySignature
from monitor.store.elasticsearch.stories import Stories
from store.examples import page_commit, story

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.models import PageCommit

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SINCE = NOON - timedelta(days=14)
TIMEOUT_SECONDS = 20.0

RANDOM = random.Random(5)
HASHES = [RANDOM.randrange(1 << 53) for _ in range(400)]


def with_signature(signature: tuple[int, ...], name: str = "first", **changes: object) -> PageCommit:
    return replace(page_commit(story(name, **{"first_seen_at": NOON, **changes})), signature=signature)


def with_random_signature(name: str, generator: random.Random) -> PageCommit:
    """Returns the commit of a story whose signature shares hashes with others."""
    first_seen_at = NOON - timedelta(minutes=generator.randrange(30 * 1440))
    return with_signature(tuple(sorted(generator.sample(HASHES, 40))), name, first_seen_at=first_seen_at)


def near_duplicates(store: ElasticsearchStore, signature: Sequence[int]) -> set[tuple[str, str, tuple[int, ...]]]:
    return set(store.near_duplicates(signature, since=SINCE))


class TestSignatureTable:
    def test_a_signature_replaces_the_previous_one_of_its_story(self) -> None:
        table = SignatureTable()
        first = StorySignature(story="a", cluster="a", first_seen_at=NOON, signature=(1, 2, 3))
        table.put([first, first])
        table.put([replace(first, signature=(7, 8, 9), cluster="b")])
        assert table.find((1, 2, 3), since=SINCE) == []
        assert table.find((9,), since=SINCE) == [("a", "b", (7, 8, 9))]
        table.put([replace(first, signature=())])
        assert table.find((9,), since=SINCE) == []

    def test_old_stories_expire_and_may_be_added_again(self) -> None:
        table = SignatureTable()
        old = StorySignature(story="old", cluster="old", first_seen_at=NOON - timedelta(days=31), signature=(1, 2, 3))
        table.put([old])
        table.put([replace(old, story="new", first_seen_at=NOON)])
        assert [name for name, *_ in table.find((1,), since=NOON - timedelta(days=99))] == ["new"]
        table.put([replace(old, first_seen_at=NOON)])
        assert {name for name, *_ in table.find((1,), since=SINCE)} == {"new", "old"}


@pytest.mark.elasticsearch
class TestSignatureCache:
    @pytest.fixture(autouse=True)
    def no_lookups_before_the_copy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stories, "MIN_LOOKUPS", 0)

    @pytest.fixture
    def open_another(
        self, open_elasticsearch_again: Callable[[], ElasticsearchStore]
    ) -> Callable[[], ElasticsearchStore]:
        return open_elasticsearch_again

    @pytest.fixture
    def store(self, open_another: Callable[[], ElasticsearchStore]) -> ElasticsearchStore:
        return open_another()

    @pytest.fixture
    def searched(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        """The signatures that were searched for in the cluster."""
        signatures: list[object] = []
        search = Stories._search_near_duplicates

        def recorded(role: Stories, signature: Sequence[int], since: datetime) -> object:
            signatures.append(signature)
            return search(role, signature, since)

        monkeypatch.setattr(Stories, "_search_near_duplicates", recorded)
        return signatures

    def wait_for_copy(self, store: ElasticsearchStore, searched: list[object]) -> None:
        """Returns once a lookup needs no search."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            before = len(searched)
            store.near_duplicates((1,), since=SINCE)
            if len(searched) == before:
                return
            assert time.monotonic() < deadline, "the copy is never used"
            time.sleep(0.05)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def test_the_copy_finds_the_same_stories_as_a_search(
        self, open_another: Callable[[], ElasticsearchStore], searched: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signature_cache, "PAGE_SIGNATURES", 7)
        monkeypatch.setattr(signature_cache, "MAX_LAG_SECONDS", 60.0)  # on a busy machine reads come late
        generator = random.Random(1)
        store, other_store = open_another(), open_another()
        store.commit([with_random_signature(f"s{number}", generator) for number in range(60)])
        store.cluster.refresh_all_after_writes()
        self.wait_for_copy(other_store, searched)
        for signature in (tuple(sorted(generator.sample(HASHES, 40))) for _ in range(50)):
            by_search = set(Stories(other_store.cluster)._search_near_duplicates(signature, SINCE))
            before = len(searched)
            assert near_duplicates(other_store, signature) == by_search
            assert len(searched) == before
            assert len(by_search) > 5

    def test_stories_of_this_process_are_found_at_once(self, store: ElasticsearchStore, searched: list[object]) -> None:
        """In their latest version."""
        self.wait_for_copy(store, searched)
        first = with_signature((1, 2, 3))
        store.commit([first])
        assert first.story is not None
        assert near_duplicates(store, (1,)) == {(first.story.id, first.story.cluster, (1, 2, 3))}
        second = with_signature((4, 5, 6), version=2)
        store.commit([second])
        assert near_duplicates(store, (1,)) == set()
        assert len(near_duplicates(store, (4,))) == 1
        time.sleep(signature_cache.FOLLOW_SECONDS * 2)
        assert near_duplicates(store, (1,)) == set()

    def test_stories_and_updates_of_other_processes_are_found_soon(
        self, open_another: Callable[[], ElasticsearchStore], searched: list[object]
    ) -> None:
        store, other_store = open_another(), open_another()
        self.wait_for_copy(store, searched)
        other_store.commit([with_signature((1, 2, 3))])
        self.wait_until(lambda: len(near_duplicates(store, (1,))) == 1)
        other_store.commit([with_signature((4, 5, 6), version=2)])
        self.wait_until(lambda: len(near_duplicates(store, (4,))) == 1)
        assert near_duplicates(store, (1,)) == set()

    def test_a_copy_that_is_out_of_date_is_not_used(
        self, store: ElasticsearchStore, searched: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.wait_for_copy(store, searched)
        monkeypatch.setattr(signature_cache, "MAX_LAG_SECONDS", -1.0)
        store.near_duplicates((1, 2), since=SINCE)
        assert searched[-1] == (1, 2)

    def test_the_copy_is_used_again_after_an_outage_of_the_cluster(
        self, store: ElasticsearchStore, searched: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.wait_for_copy(store, searched)

        def unavailable(*_: object, **__: object) -> None:
            raise StoreUnavailable("unavailable")

        with monkeypatch.context() as patch:
            patch.setattr(signature_cache, "MAX_LAG_SECONDS", 0.5)
            patch.setattr(store.cluster, "find", unavailable)
            with pytest.raises(StoreUnavailable):
                self.wait_until(lambda: store.near_duplicates((1,), since=SINCE) != [])
        self.wait_for_copy(store, searched)

    def test_near_duplicates_are_searched_for_if_the_copy_fails(
        self,
        store: ElasticsearchStore,
        searched: list[object],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        self.wait_for_copy(store, searched)

        def full(*_: object, **__: object) -> None:
            raise apsw.FullError("database or disk is full")

        monkeypatch.setattr(SignatureTable, "put", full)
        store.commit([with_signature((1, 2, 3))])
        assert len(near_duplicates(store, (1,))) == 1
        assert searched[-1] == (1,)
        assert "database or disk is full" in caplog.text

    def test_all_shards_of_a_partition_and_of_the_next_one_are_copied(
        self, elasticsearch_url: str, elasticsearch_prefix: str, searched: list[object]
    ) -> None:
        shards = {"stories": 3, "urls": 1, "locations": 1}
        settings = StoreSettings(url=elasticsearch_url, prefix=elasticsearch_prefix, shards=shards)
        store, other_store = ElasticsearchStore.open(settings), ElasticsearchStore.open(settings)
        store.setup()
        store.commit([with_signature((1, 2), f"s{number}") for number in range(30)])
        store.cluster.refresh_all_after_writes()
        self.wait_for_copy(other_store, searched)
        assert len(near_duplicates(other_store, (1,))) == 30
        indices.create_index(store.cluster, "stories", 2)
        store.cluster.partitions.numbers(reread=True)
        store.commit([with_signature((1, 2), "later")])
        assert store.cluster.count_documents("stories", {"match_all": {}}, index=store.cluster.partitions.index(2)) == 1
        self.wait_until(lambda: len(near_duplicates(other_store, (1,))) == 31)
        store.close()
        other_store.close()
