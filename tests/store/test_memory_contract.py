"""The memory store keeps the contract."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.models import OutletMemory
from monitor.store.memory import MemoryStore
from store.contract import Contract
from store.examples import MINUTE, NOW

if TYPE_CHECKING:
    from collections.abc import Callable


class TestMemory(Contract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        store = MemoryStore()
        store.setup()
        return store

    @pytest.fixture
    def open_another(self, store: MemoryStore) -> Callable[[], MemoryStore]:
        return lambda: MemoryStore(shared=store.state)

    @pytest.fixture
    def empty_store(self) -> MemoryStore:
        return MemoryStore()


def test_a_caller_cannot_change_what_is_stored() -> None:
    store = MemoryStore()
    (state,) = store.lease(["Outlet"], holder="one", now=NOW, term=MINUTE, limit=1)
    store.release(replace(state, memory=OutletMemory(unknown={"render": ["a"]}), dispositions={"stored": 1}))
    (returned,) = store.outlets()
    returned.memory.unknown["render"].append("b")
    returned.dispositions["stored"] = 2
    (kept,) = store.outlets()
    assert (kept.memory.to_json(), kept.dispositions) == ({"render": ["a"]}, {"stored": 1})

    setting = {"failing": [1]}
    store.put_setting("health", setting)
    setting["failing"].append(2)
    store.settings()["health"]["failing"].append(3)
    assert store.settings() == {"health": {"failing": [1]}}


def test_two_memory_stores_are_two_stores() -> None:
    first, second = MemoryStore(), MemoryStore()
    first.put_setting("key", {})
    assert second.settings() == {}
