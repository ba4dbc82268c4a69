"""The crawl frontier in SQLite: for each URL that a source has listed, when it is fetched next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from monitor.models import FrontierEntry
from monitor.store.microseconds import micros
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.part import StorePart
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.models import Candidate


class Frontier(StorePart):
    """Keeps the frontier entries; implements `monitor.store.protocol.Frontier`."""

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        candidates_by_id = {story_id(candidate.url): candidate for candidate in reversed(candidates)}
        with (
            self.database.read_connection() as connection
        ):  # most polls find no new URL, and then no write lock is needed
            ids = orjson.dumps(list(candidates_by_id)).decode()
            stored_ids = {entry_id for (entry_id,) in connection.execute(sql.SELECT_STORED_URL_IDS, (ids,))}
        entries = [
            FrontierEntry(id=entry_id, candidate=candidate, first_seen_at=now, next_at=now)
            for entry_id, candidate in candidates_by_id.items()
            if entry_id not in stored_ids
        ]
        if not entries:
            return []
        entries.reverse()
        with self.database.write_transaction() as connection:
            return [
                entry for entry in entries if connection.execute(sql.ADD_FRONTIER_ENTRY, rows.frontier_row(entry)).get
            ]

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        with self.database.read_connection() as connection:
            selected = connection.execute(sql.SELECT_DUE_ENTRIES, (outlet, micros(now), limit))
            return [rows.frontier_entry(row) for row in selected]
