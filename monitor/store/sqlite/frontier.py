"""The crawl frontier in SQLite: for each listed URL, when it is fetched next and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.models import SourceCoverage
from monitor.store import listed_urls
from monitor.store.microseconds import from_micros, micros
from monitor.store.protocol import MAX_PAGE_WAIT
from monitor.store.records import UrlAlias
from monitor.store.sqlite import rows, sql
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from monitor.models import Candidate, CoverageCount, FrontierEntry, Outcome
    from monitor.store.sqlite.database import Database


class Frontier:
    """Keeps the frontier entries; implements `monitor.store.protocol.Frontier`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        return self._add_listed(((candidate, None) for candidate in candidates), now=now)

    def record_dropped(self, dropped: Sequence[tuple[Candidate, Outcome]], *, now: datetime) -> int:
        return len(self._add_listed(dropped, now=now))

    def _add_listed(self, listed: Iterable[tuple[Candidate, Outcome | None]], *, now: datetime) -> list[FrontierEntry]:
        """Adds entries for new URLs, and new sources to the entries of stored URLs; returns the added entries."""
        entries = listed_urls.new_entries(listed, now=now)
        with self._database.read_connection() as connection:
            former_ids = rows.json_text(listed_urls.former_ids(entries.values()))
            for (url,) in connection.execute(sql.SELECT_URLS_OF_ENTRIES, (former_ids,)):
                entries.pop(story_id(url), None)
            found = connection.execute(sql.SELECT_STORED_URLS, (rows.json_text([*entries]),))
            stored = {row.id: row for row in map(rows.named_stored_url, found)}
        new, changed_sources = [], []
        for entry in entries.values():
            known = stored.get(entry.id)
            if known is None or listed_urls.replaces_stored(entry, known.disposition):
                new.append(entry)
            elif known.source is not None:  # an alias without an entry records no sources
                recorded = rows.strings(known.other_sources)
                sources = [entry.candidate.source, *entry.other_sources]
                merged = listed_urls.merge_sources(known.source, recorded, sources)
                if merged != recorded:
                    changed_sources.append({"id": entry.id, "other_sources": rows.json_text(merged)})
        if not new and not changed_sources:  # as in most polls; then no write lock is needed
            return []
        with self._database.write_transaction() as connection:
            connection.executemany(sql.SET_OTHER_SOURCES, changed_sources)
            return [
                entry for entry in new if connection.execute(sql.ADD_FRONTIER_ENTRY, rows.frontier_values(entry)).get
            ]

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        with self._database.read_connection() as connection:
            latest = micros(now + MAX_PAGE_WAIT)
            parameters = {"outlet": outlet, "now": micros(now), "latest": latest, "limit": limit}
            selected = connection.execute(sql.SELECT_DUE_ENTRIES, parameters)
            return [rows.frontier_entry(row) for row in selected]

    def next_fetch_at(self, outlet: str, *, now: datetime) -> datetime | None:
        parameters = {"outlet": outlet, "now": micros(now), "latest": micros(now + MAX_PAGE_WAIT)}
        with self._database.read_connection() as connection:
            time = connection.execute(sql.SELECT_NEXT_FETCH_TIME, parameters).get
        return None if time is None else from_micros(time)

    def entries(self, ids: Sequence[str]) -> dict[str, FrontierEntry | UrlAlias]:
        parameters = (rows.json_text(list(ids)),)
        with self._database.read_snapshot() as connection:
            aliases = [
                UrlAlias(id=key, story=story) for key, story in connection.execute(sql.SELECT_ALIASES, parameters)
            ]
            entries = [rows.frontier_entry(row) for row in connection.execute(sql.SELECT_FRONTIER_ENTRIES, parameters)]
        return {alias.id: alias for alias in aliases} | {entry.id: entry for entry in entries}

    def entries_with_guid(self, outlet: str, source: str, guid: str, *, limit: int) -> list[FrontierEntry]:
        parameters = outlet, guid, source, limit
        with self._database.read_connection() as connection:
            return [rows.frontier_entry(row) for row in connection.execute(sql.SELECT_ENTRIES_WITH_GUID, parameters)]

    def recent_entries(self, outlet: str, *, limit: int) -> list[FrontierEntry]:
        with self._database.read_connection() as connection:
            return [rows.frontier_entry(row) for row in connection.execute(sql.SELECT_RECENT_ENTRIES, (outlet, limit))]

    def coverage(self, outlet: str, *, since: datetime) -> list[CoverageCount]:
        with self._database.read_connection() as connection:
            counted = connection.execute(sql.COUNT_COVERAGE, (outlet, micros(since)))
            return [rows.coverage_count(row) for row in counted]

    def source_coverage(self, outlet: str, *, since: datetime) -> list[SourceCoverage]:
        with self._database.read_connection() as connection:
            counted = connection.execute(sql.COUNT_SOURCE_COVERAGE, (outlet, micros(since)))
            return [SourceCoverage(source=url, listed=listed, listed_alone=alone) for url, listed, alone in counted]
