"""What is like a story is found in a copy of the signatures beside the process, as the cluster itself would answer."""

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
from monitor.store.elasticsearch import ElasticsearchStore, schema, signature_cache, stories
from monitor.store.elasticsearch.signature_cache import SignatureTable, StorySignature
from store.examples import page_commit, story

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.models import PageCommit

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SINCE = NOON - timedelta(days=14)
PATIENCE = 20.0  # seconds

CHANCE = random.Random(5)
WORDS = [CHANCE.randrange(1 << 53) for _ in range(400)]


def signed(name: str, chance: random.Random, **more: object) -> PageCommit:
    """A story whose signature has hashes in common with others."""
    told = story(name, first_seen_at=NOON - timedelta(minutes=chance.randrange(30 * 1440)), **more)
    return replace(page_commit(told), signature=tuple(sorted(chance.sample(WORDS, 40))))


def answers(store: ElasticsearchStore, signature: Sequence[int]) -> set[tuple[str, str, tuple[int, ...]]]:
    return set(store.near_duplicates(signature, since=SINCE))


class TestSignatures:
    """The table by itself."""

    def test_what_is_put_again_replaces_what_was_there(self) -> None:
        table = SignatureTable()
        first = StorySignature(story="a", cluster="a", first_seen_at=NOON, signature=(1, 2, 3))
        table.put([first, first])
        table.put([replace(first, signature=(7, 8, 9), cluster="b")])
        assert table.find((1, 2, 3), since=SINCE) == []
        assert table.find((9,), since=SINCE) == [("a", "b", (7, 8, 9))]
        table.put([replace(first, signature=())])
        assert table.find((9,), since=SINCE) == []

    def test_old_stories_are_forgotten_whole_and_may_come_again(self) -> None:
        table = SignatureTable()
        old = StorySignature(story="old", cluster="old", first_seen_at=NOON - timedelta(days=31), signature=(1, 2, 3))
        table.put([old])
        table.put([replace(old, story="new", first_seen_at=NOON)])
        assert [name for name, *_ in table.find((1,), since=NOON - timedelta(days=99))] == ["new"]
        table.put([replace(old, first_seen_at=NOON)])
        assert {name for name, *_ in table.find((1,), since=SINCE)} == {"new", "old"}


@pytest.mark.elasticsearch
class TestMirror:
    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stories, "MIN_LOOKUPS", 0)

    @pytest.fixture
    def another(self, open_elasticsearch_again: Callable[[], ElasticsearchStore]) -> Callable[[], ElasticsearchStore]:
        return open_elasticsearch_again

    @pytest.fixture
    def store(self, another: Callable[[], ElasticsearchStore]) -> ElasticsearchStore:
        return another()

    @pytest.fixture
    def searched(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        """The signatures that a search in the cluster was made for."""
        made: list[object] = []
        search = ElasticsearchStore._search_similar

        def noted(store: ElasticsearchStore, signature: Sequence[int], since: datetime) -> object:
            made.append(signature)
            return search(store, signature, since)

        monkeypatch.setattr(ElasticsearchStore, "_search_similar", noted)
        return made

    def followed(self, store: ElasticsearchStore, searched: list[object]) -> None:
        """Waits until the copy answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            before = len(searched)
            store.near_duplicates((1,), since=SINCE)
            if len(searched) == before:
                return
            assert time.monotonic() < deadline, "the copy never answers"
            time.sleep(0.05)

    def eventually(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def test_the_copy_answers_as_the_cluster_does(
        self, another: Callable[[], ElasticsearchStore], searched: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signature_cache, "PAGE_SIGNATURES", 7)
        chance = random.Random(1)
        store, other = another(), another()
        store.commit([signed(f"s{number}", chance) for number in range(60)])
        store.refresh_all()
        self.followed(other, searched)
        for wanted in (tuple(sorted(chance.sample(WORDS, 40))) for _ in range(50)):
            by_search = set(other._search_similar(wanted, SINCE))
            before = len(searched)
            assert answers(other, wanted) == by_search
            assert len(searched) == before
            assert len(by_search) > 5

    def test_what_this_process_files_is_found_at_once_and_in_its_latest_version(
        self, store: ElasticsearchStore, searched: list[object]
    ) -> None:
        self.followed(store, searched)
        first = replace(page_commit(story("first", first_seen_at=NOON)), signature=(1, 2, 3))
        store.commit([first])
        assert first.story is not None
        assert answers(store, (1,)) == {(first.story.id, first.story.cluster, (1, 2, 3))}
        second = replace(page_commit(story("first", first_seen_at=NOON, version=2)), signature=(4, 5, 6))
        store.commit([second])
        assert answers(store, (1,)) == set()
        assert len(answers(store, (4,))) == 1
        time.sleep(signature_cache.FOLLOW_SECONDS * 2)
        assert answers(store, (1,)) == set()

    def test_what_another_process_files_or_corrects_is_found_soon(
        self, another: Callable[[], ElasticsearchStore], searched: list[object]
    ) -> None:
        store, other = another(), another()
        self.followed(store, searched)
        other.commit([replace(page_commit(story("first", first_seen_at=NOON)), signature=(1, 2, 3))])
        self.eventually(lambda: len(answers(store, (1,))) == 1)
        other.commit([replace(page_commit(story("first", first_seen_at=NOON, version=2)), signature=(4, 5, 6))])
        self.eventually(lambda: len(answers(store, (4,))) == 1)
        assert answers(store, (1,)) == set()

    def test_a_copy_that_nobody_asked_for_long_lets_the_cluster_answer(
        self, store: ElasticsearchStore, searched: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.followed(store, searched)
        monkeypatch.setattr(signature_cache, "MAX_LAG_SECONDS", -1.0)
        store.near_duplicates((1, 2), since=SINCE)
        assert searched[-1] == (1, 2)

    def test_a_cluster_that_is_away_is_told_of_and_followed_again_when_it_is_back(
        self, store: ElasticsearchStore, searched: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.followed(store, searched)

        def away(*_: object, **__: object) -> None:
            raise StoreUnavailable("away")

        with monkeypatch.context() as gone:
            gone.setattr(signature_cache, "MAX_LAG_SECONDS", 0.5)
            gone.setattr(ElasticsearchStore, "find", away)
            with pytest.raises(StoreUnavailable):
                self.eventually(lambda: store.near_duplicates((1,), since=SINCE) != [])
        self.followed(store, searched)

    def test_a_temporary_file_that_fails_leaves_the_search(
        self,
        store: ElasticsearchStore,
        searched: list[object],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        self.followed(store, searched)

        def full(*_: object, **__: object) -> None:
            raise apsw.FullError("database or disk is full")

        monkeypatch.setattr(SignatureTable, "put", full)
        store.commit([replace(page_commit(story("first", first_seen_at=NOON)), signature=(1, 2, 3))])
        assert len(answers(store, (1,))) == 1
        assert searched[-1] == (1,)
        assert "database or disk is full" in caplog.text

    def test_an_index_of_several_shards_is_copied_whole_and_so_is_the_one_that_replaces_it(
        self, elasticsearch_url: str, elasticsearch_prefix: str, searched: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(schema.SETTINGS, "number_of_shards", 3)
        settings = StoreSettings(url=elasticsearch_url, prefix=elasticsearch_prefix)
        store, other = ElasticsearchStore.open(settings), ElasticsearchStore.open(settings)
        store.setup()
        store.commit(
            [replace(page_commit(story(f"s{number}", first_seen_at=NOON)), signature=(1, 2)) for number in range(30)]
        )
        store.refresh_all()
        self.followed(other, searched)
        assert len(answers(other, (1,))) == 30
        index = schema.index(store.prefix, "stories")
        store.client.indices.add_block(index=index, block="write")
        store.client.indices.clone(index=index, target=f"{store.alias('stories')}-v9")
        turn = [
            {"add": {"index": f"{store.alias('stories')}-v9", "alias": store.alias("stories"), "is_write_index": True}},
            {"remove_index": {"index": index}},
        ]
        store.client.indices.update_aliases(actions=turn)
        store.client.indices.put_settings(index=store.alias("stories"), settings={"index.blocks.write": None})
        store.commit([replace(page_commit(story("later", first_seen_at=NOON)), signature=(1, 2))])
        self.eventually(lambda: len(answers(other, (1,))) == 31)
        store.close()
        other.close()
