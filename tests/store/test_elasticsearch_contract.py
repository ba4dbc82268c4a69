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
    def open_another(self, open_elasticsearch_again: Callable[[], Store]) -> Callable[[], Store]:
        return open_elasticsearch_again

    @pytest.fixture
    def store(self, open_another: Callable[[], Store]) -> Store:
        return open_another()

    @pytest.fixture
    def empty_store(self, elasticsearch_other: StoreSettings) -> Iterator[Store]:
        store = ElasticsearchStore.open(elasticsearch_other)
        yield store
        store.close()
