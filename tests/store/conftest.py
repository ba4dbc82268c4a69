"""Fixtures that several test modules of the stores use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.store.elasticsearch import ElasticsearchStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.config.schema import StoreSettings


@pytest.fixture
def open_elasticsearch_again(elasticsearch_store: StoreSettings) -> Iterator[Callable[[], ElasticsearchStore]]:
    """A function that opens the same store once more, as another process does; the fixture closes them all."""
    opened: list[ElasticsearchStore] = []

    def open_store() -> ElasticsearchStore:
        opened.append(ElasticsearchStore.open(elasticsearch_store))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()
