"""The crawl frontier of a store in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeAlias

from monitor.models import CoverageCount, Disposition, SourceCoverage
from monitor.store import listed_urls
from monitor.store.protocol import MAX_PAGE_WAIT, is_ahead
from monitor.store.records import UrlAlias
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.models import Candidate, FrontierEntry, Outcome
    from monitor.store.memory.state import MemoryState


_CoverageKey: TypeAlias = tuple[date, Disposition | None, str]  # day, disposition, kind


_EARLIEST_TIME = datetime.min.replace(tzinfo=UTC)  # sort key of entries without a date


class Frontier:
    """Keeps the frontier entries; implements `monitor.store.protocol.Frontier`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        return self._add_listed(((candidate, None) for candidate in candidates), now=now)

    def record_dropped(self, dropped: Sequence[tuple[Candidate, Outcome]], *, now: datetime) -> int:
        return len(self._add_listed(dropped, now=now))

    def _add_listed(self, listed: Iterable[tuple[Candidate, Outcome | None]], *, now: datetime) -> list[FrontierEntry]:
        """Adds entries for new URLs, and new sources to the entries of stored URLs; returns the added entries."""
        added = []
        with self._state.lock:
            entries = listed_urls.new_entries(listed, now=now)
            for former_id in listed_urls.former_ids(entries.values()):
                if former := self._state.frontier_entries.get(former_id):
                    entries.pop(story_id(former.candidate.url), None)
            for entry in entries.values():
                known = self._state.frontier_entries.get(entry.id)
                disposition = known.outcome.disposition if known and known.outcome else None
                if known is None and entry.id in self._state.aliases:
                    continue
                if known is None or listed_urls.replaces_stored(entry, disposition):
                    self._state.frontier_entries[entry.id] = entry
                    added.append(entry)
                else:
                    sources = [entry.candidate.source, *entry.other_sources]
                    merged = listed_urls.merge_sources(known.candidate.source, known.other_sources, sources)
                    self._state.frontier_entries[entry.id] = replace(known, other_sources=merged)
        return added

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        with self._state.lock:
            entries = list(self._state.frontier_entries.values())
        due = [
            (entry.next_at, entry)
            for entry in entries
            if entry.candidate.outlet == outlet
            and entry.next_at is not None
            and not is_ahead(entry.next_at, now, MAX_PAGE_WAIT)
        ]
        new = sorted((entry for _, entry in due if entry.outcome is None), key=lambda entry: entry.id)
        new.sort(key=lambda entry: entry.candidate.published_at or _EARLIEST_TIME, reverse=True)
        new.sort(key=lambda entry: entry.first_seen_at, reverse=True)
        others = sorted((next_at, entry.id, entry) for next_at, entry in due if entry.outcome is not None)
        return [*new, *(entry for _, _, entry in others)][:limit]

    def next_fetch_at(self, outlet: str, *, now: datetime) -> datetime | None:
        with self._state.lock:
            times = [
                entry.next_at
                for entry in self._state.frontier_entries.values()
                if entry.candidate.outlet == outlet and entry.next_at is not None
            ]
        return min((time for time in times if is_ahead(time, now, MAX_PAGE_WAIT)), default=None)

    def entries(self, ids: Sequence[str]) -> dict[str, FrontierEntry | UrlAlias]:
        with self._state.lock:
            aliases = [UrlAlias(id=name, story=story) for name, story in self._state.aliases.items() if name in ids]
            entries = [entry for name, entry in self._state.frontier_entries.items() if name in ids]
        return {alias.id: alias for alias in aliases} | {entry.id: entry for entry in entries}

    def recent_entries(self, outlet: str, *, limit: int) -> list[FrontierEntry]:
        by_id = sorted(self._listed_entries(outlet), key=lambda entry: entry.id)
        return sorted(by_id, key=lambda entry: entry.first_seen_at, reverse=True)[:limit]

    def coverage(self, outlet: str, *, since: datetime) -> list[CoverageCount]:
        counts, waiting = Counter[_CoverageKey](), Counter[_CoverageKey]()
        for entry in self._listed_entries(outlet):
            if entry.first_seen_at >= since:
                disposition, kind = (entry.outcome.disposition, entry.outcome.kind) if entry.outcome else (None, "")
                key = entry.first_seen_at.date(), disposition, kind
                counts[key] += 1
                waiting[key] += entry.next_at is not None
        return [
            CoverageCount(
                outlet=outlet, day=key[0], disposition=key[1], kind=key[2], waiting=waiting[key], count=counts[key]
            )
            for key in sorted(counts, key=lambda key: (key[0], key[1] or "", key[2]))
        ]

    def source_coverage(self, outlet: str, *, since: datetime) -> list[SourceCoverage]:
        listed, alone = Counter[str](), Counter[str]()
        for entry in self._listed_entries(outlet):
            is_dropped = entry.outcome is not None and entry.outcome.disposition is Disposition.DROPPED
            if entry.first_seen_at >= since and not is_dropped:
                listed.update([entry.candidate.source, *entry.other_sources])
                alone[entry.candidate.source] += not entry.other_sources
        return [
            SourceCoverage(source=source, listed=listed[source], listed_alone=alone[source])
            for source in sorted(listed)
        ]

    def _listed_entries(self, outlet: str) -> list[FrontierEntry]:
        """Returns the outlet's entries that a source has listed; the entries of imported stories have no source."""
        with self._state.lock:
            entries = list(self._state.frontier_entries.values())
        return [entry for entry in entries if entry.candidate.outlet == outlet and entry.candidate.source]

    def entries_with_guid(self, outlet: str, source: str, guid: str, *, limit: int) -> list[FrontierEntry]:
        wanted = outlet, source, guid
        with self._state.lock:
            entries = [
                entry
                for entry in self._state.frontier_entries.values()
                if guid and (entry.candidate.outlet, entry.candidate.source, entry.candidate.guid) == wanted
            ]
        return sorted(entries, key=lambda entry: (entry.first_seen_at, entry.id))[:limit]
