"""The store contract, for the Elasticsearch store on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.store.elasticsearch import ElasticsearchStore
from store.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.config.schema import StoreSettings
    from monitor.store import Store


@pytest.mark.elasticsearch
class TestElasticsearch(Contract):
    @pytest.fixture
    def another(self, another_on_elasticsearch: Callable[[], Store]) -> Callable[[], Store]:
        return another_on_elasticsearch

    @pytest.fixture
    def store(self, another: Callable[[], Store]) -> Store:
        return another()

    @pytest.fixture
    def empty(self, elasticsearch_other: StoreSettings) -> Iterator[Store]:
        store = ElasticsearchStore.open(elasticsearch_other)
        yield store
        store.close()
