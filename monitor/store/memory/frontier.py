"""The crawl frontier of a store in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.models import FrontierEntry
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.models import Candidate
    from monitor.store.memory.state import MemoryState


class Frontier:
    """Keeps the frontier entries; implements `monitor.store.protocol.Frontier`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        added = []
        with self._state.lock:
            for candidate in candidates:
                entry_id = story_id(candidate.url)
                if entry_id not in self._state.frontier_entries and entry_id not in self._state.aliases:
                    entry = FrontierEntry(id=entry_id, candidate=candidate, first_seen_at=now, next_at=now)
                    self._state.frontier_entries[entry_id] = entry
                    added.append(entry)
        return added

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        with self._state.lock:
            due = [
                (entry.next_at, entry.id, entry)
                for entry in self._state.frontier_entries.values()
                if entry.candidate.outlet == outlet and entry.next_at is not None and entry.next_at <= now
            ]
        return [entry for _, _, entry in sorted(due, key=lambda item: item[:2])[:limit]]
