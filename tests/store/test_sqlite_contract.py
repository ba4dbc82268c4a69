"""The SQLite store passes the contract tests."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.store.sqlite import SqliteStore
from store.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from monitor.store import Store


class TestSqlite(Contract):
    @pytest.fixture
    def open_another(self, tmp_path: Path) -> Iterator[Callable[[], Store]]:
        opened: list[Store] = []

        def open_store() -> Store:
            opened.append(SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30)))
            return opened[-1]

        yield open_store
        for store in opened:
            store.close()

    @pytest.fixture
    def store(self, open_another: Callable[[], Store]) -> Store:
        store = open_another()
        store.setup()
        return store

    @pytest.fixture
    def empty_store(self, tmp_path: Path) -> Iterator[Store]:
        store = SqliteStore(tmp_path / "copy.db", timeout=timedelta(seconds=30))
        store.setup()
        yield store
        store.close()
