"""Stores that several test modules open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.store.elasticsearch import ElasticsearchStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.config.schema import StoreSettings


@pytest.fixture
def another_on_elasticsearch(elasticsearch_store: StoreSettings) -> Iterator[Callable[[], ElasticsearchStore]]:
    """Opens the same store once more, as another process would; all are closed afterwards."""
    opened: list[ElasticsearchStore] = []

    def another() -> ElasticsearchStore:
        opened.append(ElasticsearchStore.open(elasticsearch_store))
        return opened[-1]

    yield another
    for store in opened:
        store.close()
