"""The store in one SQLite file, which needs no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw

from monitor.plural import plural
from monitor.store.protocol import Capabilities
from monitor.store.sqlite import sql
from monitor.store.sqlite.database import Database
from monitor.store.sqlite.dump import Dump
from monitor.store.sqlite.frontier import Frontier
from monitor.store.sqlite.search import Search

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path


class SqliteStore(Dump, Search, Frontier):
    """Implements `monitor.store.protocol.Store` on one SQLite file, by inheriting from the other modules."""

    capabilities = Capabilities()

    def __init__(self, path: Path, *, timeout: timedelta) -> None:
        super().__init__(Database(path, timeout=timeout))

    def setup(self) -> None:
        self.database.setup()

    def require_exists(self) -> None:
        self.database.require_exists()

    def ping(self) -> str:
        with self.database.read_connection() as connection:
            count = connection.execute(sql.COUNT_STORIES).get
        version, path = self.database.schema_version(), self.database.path
        return f"SQLite {apsw.sqlite_lib_version()}, schema {version}, {path}: {plural(count, 'story', 'stories')}"

    def close(self) -> None:
        self.database.close()
