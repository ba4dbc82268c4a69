"""The crawl frontier: every URL ever offered has a document in ``urls``, and is due once its ``next_at`` is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.models import FrontierEntry, rfc3339
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.cluster import Cluster
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.models import Candidate


class Frontier(Cluster):
    """The part of the store that keeps the frontier entries."""

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        """See `Store.enqueue`.  Looks up the known URLs first: most are, and conflicting writes cost more."""
        offered: dict[str, Candidate] = {}
        for candidate in candidates:
            offered.setdefault(story_id(candidate.url), candidate)
        known = self.get_documents("urls", list(offered), fields=())
        entries = [
            FrontierEntry(id=name, candidate=candidate, first_seen_at=now, next_at=now)
            for name, candidate in offered.items()
            if name not in known
        ]
        writes = [
            DocumentWrite(kind="urls", id=entry.id, document=documents.frontier_entry_document(entry), op="create")
            for entry in entries
        ]
        results = self.write_documents(writes, keep_rejected=True)
        return [entry for entry, result in zip(entries, results, strict=True) if result.is_done]

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        query = {"bool": {"filter": [{"term": {"outlet": outlet}}, {"range": {"next_at": {"lte": rfc3339(now)}}}]}}
        ids = [stored.id for stored in self.find("urls", query, sort=[{"next_at": "asc"}, {"id": "asc"}], limit=limit)]
        # Reads them by id, as the outlet's previous holder may have finished some in the second that a search lags.
        stored_entries = self.get_documents("urls", ids)
        entries = (
            documents.read_frontier_entry(stored_entries[name].document) for name in ids if name in stored_entries
        )
        return [entry for entry in entries if entry.next_at is not None and entry.next_at <= now]
