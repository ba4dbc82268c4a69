"""`write_faults` names what keeps the monitor from writing to a real Elasticsearch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.config.schema import StoreSettings
from monitor.store.elasticsearch import ElasticsearchStore, schema

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def store(elasticsearch_store: StoreSettings) -> Iterator[ElasticsearchStore]:
    """A healthy store.  Each test mends what it breaks, because other tests use the indices."""
    store = ElasticsearchStore.open(elasticsearch_store)
    yield store
    store.close()


def test_a_healthy_store_has_no_faults_and_keeps_nothing_of_the_check(store: ElasticsearchStore) -> None:
    assert store.write_faults() == []
    assert store.settings("check/") == {}


def test_a_red_index_is_a_fault(store: ElasticsearchStore) -> None:
    indices = store.cluster.client.indices
    name = schema.index_name(store.cluster.prefix, "hits")
    indices.put_settings(index=name, settings={"index.routing.allocation.require._name": "no-such-node"})
    indices.close(index=name)
    indices.open(index=name, wait_for_active_shards=0)
    (fault,) = store.write_faults()
    assert fault.startswith(f"the index {name} is red: 1 of 1 primary shards unavailable")
    indices.put_settings(index=name, settings={"index.routing.allocation.require._name": None})
    store.cluster.client.cluster.health(index=name, wait_for_status="yellow", timeout="60s")
    assert store.write_faults() == []


@pytest.mark.parametrize("block", ["write", "read_only", "read_only_allow_delete"])
def test_a_blocked_index_is_a_fault(block: str, store: ElasticsearchStore) -> None:
    indices = store.cluster.client.indices
    name = schema.index_name(store.cluster.prefix, "urls")
    indices.put_settings(index=name, settings={f"index.blocks.{block}": True})
    (fault,) = store.write_faults()
    assert fault.startswith(f"the index {name} takes no writes: index.blocks.{block} is set")
    indices.put_settings(index=name, settings={f"index.blocks.{block}": None})
    assert store.write_faults() == []


def test_a_missing_alias_and_template_are_faults(elasticsearch_url: str, elasticsearch_prefix: str) -> None:
    store = ElasticsearchStore.open(StoreSettings(url=elasticsearch_url, prefix=elasticsearch_prefix))
    store.setup()
    prefix, client = store.cluster.prefix, store.cluster.client
    client.indices.delete_index_template(name=f"{prefix}-stories")
    client.indices.update_aliases(
        actions=[{"remove": {"index": schema.index_name(prefix, "hits"), "alias": f"{prefix}-hits"}}]
    )
    assert store.write_faults() == [
        f"the alias {prefix}-hits is missing (media-monitor setup)",
        f"the template {prefix}-stories is missing (media-monitor setup)",
    ]
    store.close()
