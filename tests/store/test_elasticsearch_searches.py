"""Saved searches in Elasticsearch after a kill between the two writes of a new name, and setup of an older cluster."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.store.elasticsearch import ElasticsearchStore, schema
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.marks import SavedSearches
from monitor.store.records import SavedSearch
from store.examples import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.schema import StoreSettings

pytestmark = pytest.mark.elasticsearch


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def store(elasticsearch_store: StoreSettings) -> Iterator[ElasticsearchStore]:
    store = ElasticsearchStore.open(elasticsearch_store)
    yield store
    store.close()


def search(identifier: str, name: str, minute: int = 0) -> SavedSearch:
    changed_at = NOW + timedelta(minutes=minute)
    return SavedSearch(
        id=identifier, name=name, query="x", filters={}, created_by="", created_at=NOW, updated_at=changed_at
    )


@pytest.fixture
def renamed_halfway(store: ElasticsearchStore, monkeypatch: pytest.MonkeyPatch) -> ElasticsearchStore:
    """A store in which the search `old` has got the name `new`, without the deletion of its document `old`."""
    store.put_search(search("1", "old"))

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(SavedSearches, "_delete", die)
        with pytest.raises(Killed):
            store.put_search(search("1", "new", minute=1))
    assert store.cluster.count_documents("searches", {"match_all": {}}) == 2
    return store


def test_a_search_killed_while_renamed_has_its_new_name_only(renamed_halfway: ElasticsearchStore) -> None:
    assert [each.name for each in renamed_halfway.saved_searches()] == ["new"]
    assert [each.name for each in renamed_halfway.dump() if isinstance(each, SavedSearch)] == ["new"]


def test_the_old_name_is_free_after_a_kill(renamed_halfway: ElasticsearchStore) -> None:
    assert renamed_halfway.put_search(search("2", "old", minute=2))
    assert {each.name: each.id for each in renamed_halfway.saved_searches()} == {"new": "1", "old": "2"}
    assert not renamed_halfway.put_search(search("3", "new", minute=3))


def test_a_search_killed_while_renamed_can_be_deleted(renamed_halfway: ElasticsearchStore) -> None:
    assert renamed_halfway.delete_search("1")
    assert renamed_halfway.cluster.count_documents("searches", {"match_all": {}}) == 0


def test_the_next_change_removes_what_a_kill_left(renamed_halfway: ElasticsearchStore) -> None:
    assert renamed_halfway.put_search(search("1", "new", minute=2))
    assert renamed_halfway.cluster.count_documents("searches", {"match_all": {}}) == 1


def test_setup_adds_the_indices_that_an_earlier_version_lacks(store: ElasticsearchStore) -> None:
    names = [schema.index_name(store.cluster.prefix, kind) for kind in ("marks", "searches")]
    store.cluster.client.indices.delete(index=names)
    store.setup()
    assert store.put_search(search("1", "banks"))
    assert store.count_marks() == 0
    assert sorted(store.cluster.client.indices.get(index=names)) == sorted(names)


def test_an_unknown_field_of_a_mark_is_refused(store: ElasticsearchStore) -> None:
    write = DocumentWrite(kind="marks", id="1", document={"kind": "tag", "colour": "red"})
    (result,) = store.cluster.bulk_write([write])
    assert result.is_rejected
    assert "strict" in result.reason
