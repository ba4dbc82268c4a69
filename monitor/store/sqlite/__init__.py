"""The store in one SQLite file, which needs no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw

from monitor.plural import plural
from monitor.store.composed import ComposedStore
from monitor.store.protocol import Capabilities
from monitor.store.sqlite import backup, sql
from monitor.store.sqlite.database import Database
from monitor.store.sqlite.diagnosis import Diagnosis
from monitor.store.sqlite.dump import Dump
from monitor.store.sqlite.frontier import Frontier
from monitor.store.sqlite.fulltext import WordCache
from monitor.store.sqlite.leases import Leases
from monitor.store.sqlite.marks import Marks, SavedSearches
from monitor.store.sqlite.outbox import Outbox
from monitor.store.sqlite.reindex import index_unindexed_stories
from monitor.store.sqlite.retention import Retention
from monitor.store.sqlite.search import Search
from monitor.store.sqlite.settings import Settings
from monitor.store.sqlite.stories import Stories

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path


class SqliteStore(ComposedStore):
    """Implements `monitor.store.protocol.Store` on one SQLite file."""

    def __init__(self, path: Path, *, timeout: timedelta) -> None:
        self.database = database = Database(path, timeout=timeout)
        self._word_cache = word_cache = WordCache()
        stories, leases = Stories(database, word_cache), Leases(database)
        outbox, settings, saved_searches = Outbox(database), Settings(database), SavedSearches(database)
        super().__init__(
            frontier=Frontier(database),
            stories=stories,
            search=Search(database),
            leases=leases,
            outbox=outbox,
            settings=settings,
            marks=Marks(database),
            saved_searches=saved_searches,
            retention=Retention(database),
            dump=Dump(
                database,
                word_cache,
                stories=stories,
                leases=leases,
                outbox=outbox,
                settings=settings,
                saved_searches=saved_searches,
            ),
        )

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(backups=self, diagnosis=Diagnosis(self.database, self._word_cache))

    def back_up(self, target: Path) -> None:
        """See `monitor.store.protocol.BackUps`."""
        backup.back_up(self.database, target)

    def restore(self, source: Path) -> None:
        """See `monitor.store.protocol.BackUps`."""
        backup.restore(self.database, source)

    def setup(self) -> None:
        """See `Store.setup`.  Also indexes stories again if a migration asks for it; an interrupted call is resumed.

        A user who may only read the file cannot do that: searches raise StoreUnavailable until another user has.
        """
        self.database.setup()
        if self.database.is_writable():
            index_unindexed_stories(self.database, self._word_cache)

    def require_exists(self) -> None:
        self.database.require_exists()

    def ping(self) -> str:
        with self.database.read_connection() as connection:
            count = connection.execute(sql.COUNT_STORIES).get
        version, path = self.database.schema_version(), self.database.path
        return f"SQLite {apsw.sqlite_lib_version()}, schema {version}, {path}: {plural(count, 'story', 'stories')}"

    def write_faults(self) -> list[str]:
        return self.database.write_faults()

    def close(self) -> None:
        self.database.close()
