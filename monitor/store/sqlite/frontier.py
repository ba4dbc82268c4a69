"""The crawl frontier: addresses the monitor has met, and when each is to be fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from monitor.models import FrontierEntry
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.part import StorePart
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.models import Candidate


class Frontier(StorePart):
    """The frontier methods of the store's protocol."""

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        met = {story_id(candidate.url): candidate for candidate in reversed(candidates)}
        with self.database.read() as connection:  # most polls bring nothing new, and need not wait to write
            ids = orjson.dumps(list(met)).decode()
            known = {identity for (identity,) in connection.execute(sql.STORED_IDS, (ids,))}
        visits = [
            FrontierEntry(id=identity, candidate=candidate, first_seen_at=now, next_at=now)
            for identity, candidate in met.items()
            if identity not in known
        ]
        if not visits:
            return []
        visits.reverse()
        with self.database.write() as connection:
            return [
                visit for visit in visits if connection.execute(sql.ADD_FRONTIER_ENTRY, rows.frontier_row(visit)).get
            ]

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        with self.database.read() as connection:
            found = connection.execute(sql.DUE_ENTRIES, (outlet, rows.micros(now), limit))
            return [rows.frontier_entry(row) for row in found]
